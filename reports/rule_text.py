"""The rule that judged, as text for people and as the content its digest covers."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from rules.alert import sm3_hex
from rules.errors import MingjianError
from rules.loader import canonical_meaning
from rules.yaml_source import load_documents


class RuleText(NamedTuple):
    """One rule file.

    Args:
        text: the file as its author wrote it, with its tests.
        canonical: the content that judges, as JSON; SM3 over it is the alert's `rule.digest`.
        digest: that SM3.
        legal: legal anchors named in the rule, for people.
    """

    text: str
    canonical: bytes
    digest: str
    legal: tuple[str, ...] = ()


def rule_text(text: str, label: str = "rule.yaml") -> RuleText:
    """Read a rule file. Its tests are not part of the digest."""
    documents = load_documents(label, text)
    legal = [
        str(anchor)
        for document in documents
        for anchor in (document.value.get("mingjian") or {}).get("legal") or ()
    ]
    canonical = canonical_meaning(documents).encode()
    return RuleText(text, canonical, sm3_hex(canonical), tuple(dict.fromkeys(legal)))


def without_tests(text: str) -> tuple[str, int]:
    """A rule file as a reader of a report needs it: (without its tests, how many those are)."""
    lines = text.splitlines(keepends=True)
    count = 0
    for document in reversed(list(yaml.compose_all(text, Loader=yaml.SafeLoader))):
        tests = _under(_under((None, document), "mingjian"), "tests")
        if not tests or not isinstance(tests[1], yaml.SequenceNode) or tests[1].flow_style:
            continue
        first, end = tests[0].start_mark.line, tests[1].end_mark
        # a block ends where the next thing begins
        del lines[first : len(lines) if end.index >= len(text) else end.line]
        count += len(tests[1].value)
    return "".join(lines), count


def _under(pair: Any, name: str) -> Any:
    """(key, value) of a name in the mapping that is a pair's value; None without one."""
    if not pair or not isinstance(pair[1], yaml.MappingNode):
        return None
    return next((one for one in pair[1].value if one[0].value == name), None)


def must_be_the_rule(rule: RuleText, alert: dict[str, Any]) -> None:
    """Raise MingjianError unless `rule` is the very text that raised `alert`."""
    wanted = alert["rule"]["digest"]
    if rule.digest != wanted:
        name = alert["rule"]["name"]
        raise MingjianError(
            f"the rule '{name}' at hand (SM3 {rule.digest[:16]}…) is not the one that raised the "
            f"alert (SM3 {wanted[:16]}…)",
            f"手头的规则“{name}”（SM3 {rule.digest[:16]}…）不是触发该告警的版本"
            f"（SM3 {wanted[:16]}…）",
            fix_en="give the rule file of that version with --rule FILE",
            fix_zh="请用 --rule 指定该版本的规则文件",
        )
