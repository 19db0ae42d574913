"""What is wrong with the name of a rule that a correlation reads: in `rules`, or in `until`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rules.errors import RuleError
from rules.model import CorrelationRule, RuleFile
from rules.yaml_source import Document, load_documents

UNTIL = ("mingjian", "until")


def chained(document: Document, at: tuple[str, ...], name: str) -> RuleError:
    """`name`, at the place `at`, is a correlation itself."""
    rule = document.value.get("name")
    if at == UNTIL:
        en, zh = f"'until' of '{rule}' names '{name}'", f"“{rule}”的 until 写的“{name}”"
    else:
        en, zh = f"'{rule}' reads '{name}'", f"“{rule}”引用的“{name}”"
    return document.error(
        at,
        f"{en}, which is a correlation itself:"
        " chains are for plain Sigma rules only (mingjian rules eval)",
        f"{zh}本身是关联规则："
        "会话规则还不能层层关联（普通 Sigma 规则可以，见 mingjian rules eval）",
        fix_en="read the base rules themselves",
        fix_zh="请直接引用基础规则",
        code="MJ340",
    )


def no_detection(
    document: Document, at: tuple[str, ...], name: str, known: Iterable[str]
) -> RuleError:
    """No detection rule has the `name` at the place `at`; `known` are their names."""
    rule = document.value.get("name")
    if at == UNTIL:
        en, zh = f"'until' of '{rule}' names '{name}'", f"“{rule}”的 until 写的“{name}”"
    else:
        en, zh = f"'{rule}' counts '{name}'", f"“{rule}”引用的“{name}”"
    near = difflib.get_close_matches(name, list(known), n=1)
    return document.error(
        at,
        f"{en}, which is not a detection rule",
        f"{zh}不是一条检测规则",
        fix_en=f"did you mean '{near[0]}'?" if near else "write its name as in that rule's 'name'",
        fix_zh=f"是不是“{near[0]}”？" if near else "请写那条规则的 name",
        code="MJ312",
    )


def place_of(file: RuleFile, rule: CorrelationRule, step: int) -> tuple[Document, tuple[str, ...]]:
    """The document of a rule of a file that was read, and where its source number `step` stands.

    The file is read again: positions are only needed when something is wrong.
    """
    document = next(
        one
        for one in load_documents(file.path, file.text)
        if one.value.get("name") == rule.ref.name
    )
    counted = step < len(rule.how.rules)
    return document, ("correlation", "rules", str(step)) if counted else UNTIL
