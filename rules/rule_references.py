"""What is wrong with the name of a rule that a correlation reads: in `rules`, or in `until`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rules.chains import MAX_LEVELS
from rules.errors import RuleError
from rules.model import CorrelationRule, RuleFile
from rules.nearest import nearest
from rules.yaml_source import Document, load_documents

UNTIL = ("mingjian", "until")


def in_circle(document: Document, at: tuple[str, ...], names: Sequence[str]) -> RuleError:
    """The rule, by what it names at the place `at`, comes back to itself through these."""
    way = " → ".join(names)
    return document.error(
        at,
        f"correlations read each other in a circle: {way}",
        f"关联规则互相引用成环：{way}",
        fix_en="take one of these references out",
        fix_zh="请去掉其中一处引用",
        code="MJ340",
    )


def too_deep(document: Document, at: tuple[str, ...], name: str) -> RuleError:
    """`name`, whose reference stands at the place `at`, is too far above single messages."""
    return document.error(
        at,
        f"'{name}' is more than {MAX_LEVELS} correlations above the messages",
        f"“{name}”到消息之间的关联超过 {MAX_LEVELS} 层",
        fix_en="read the lower rules directly",
        fix_zh="请直接引用更低层的规则",
        code="MJ341",
    )


def no_such_rule(
    document: Document, at: tuple[str, ...], name: str, known: Iterable[str]
) -> RuleError:
    """No rule has the `name` at the place `at`; `known` are all names."""
    rule = document.value.get("name")
    if at == UNTIL:
        en, zh = f"'until' of '{rule}' names '{name}'", f"“{rule}”的 until 写的“{name}”"
    else:
        en, zh = f"'{rule}' counts '{name}'", f"“{rule}”引用的“{name}”"
    near = nearest(name, known)
    return document.error(
        at,
        f"{en}, which is not the name of a rule",
        f"{zh}不是任何规则的名字",
        fix_en=f"did you mean '{near}'?" if near else "write its name as in that rule's 'name'",
        fix_zh=f"是不是“{near}”？" if near else "请写那条规则的 name",
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
