"""What a rule says of the law: citations of a law whose articles were numbered anew."""

from __future__ import annotations

from collections.abc import Iterator

from rules.errors import RuleError
from rules.laws import unclear
from rules.yaml_source import Document


def of_document(document: Document) -> Iterator[RuleError]:
    """Entries of `legal` that leave open which text of a renumbered law they mean.

    Laws that we do not know are nobody's mistake.
    """
    entries = (document.value.get("mingjian") or {}).get("legal") or ()
    for index, entry in enumerate(entries):
        for one in unclear(entry):
            name = f"{one.law.name}（{one.law.text}）"
            fix_en, fix_zh = f"write {name}第…条", f"请写 {name}第…条"
            if one.now:
                fix_en = (
                    f"write {name}第{one.now}条 for what was article {one.article} before,"
                    f" {name}第{one.article}条 for article {one.article} as it is now"
                )
                fix_zh = (
                    f"指原第{one.article}条，请写 {name}第{one.now}条；"
                    f"指现第{one.article}条，请写 {name}第{one.article}条"
                )
            yield document.error(
                ("mingjian", "legal", str(index)),
                f"'{one.cited}' does not say that it means the text in force since"
                f" {one.law.in_force}, which numbers the articles anew",
                f"“{one.cited}”没有写明是 {one.law.in_force} 起施行的文本，该文本重新编排了条号",
                fix_en=fix_en,
                fix_zh=fix_zh,
                code="MJ625",
            )
