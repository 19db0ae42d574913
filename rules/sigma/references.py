"""Which rules a correlation means by the names and ids it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules.correlation.refusal import WrongCorrelation
from rules.sigma.contents import PlainCorrelation, PlainRule, Problem, key
from rules.sigma.refusal import SigmaRefused
from rules.yaml_source import Document


def resolved(
    rules: Sequence[PlainRule],
    correlations: Sequence[tuple[Document, PlainCorrelation]],
    problems: list[Problem],
) -> dict[str, PlainCorrelation]:
    """The correlations with keys in place of names; those that refer to nothing are problems, and
    so are those that refer to them."""
    named: dict[str, str] = {}
    for number, rule in enumerate(rules):
        for name in rule.names:
            named.setdefault(name, key(number))
    for number, (_, one) in enumerate(correlations):
        for name in one.names:
            named.setdefault(name, f"correlation {number}")
    left = dict(enumerate(correlations))
    found: dict[str, PlainCorrelation] = {}
    while True:
        usable = {key(n) for n in range(len(rules))} | found.keys()
        ready = {
            n: one
            for n, (_, one) in left.items()
            if all(named.get(source) in usable for source in one.how.sources())
        }
        if not ready:
            break
        for number, one in ready.items():
            document, _ = left.pop(number)
            try:
                found[f"correlation {number}"] = _with_keys(one, named)
            except WrongCorrelation as error:
                place = document.explained(error.place(), error)
                problems.append(Problem("correlation", place))
    problems += [_dangling(document, one, named) for document, one in left.values()]
    return found


def _with_keys(one: PlainCorrelation, named: Mapping[str, str]) -> PlainCorrelation:
    how = one.how
    keys = {source: named[source] for source in how.sources()}
    if len(set(keys.values())) < len(keys):
        raise WrongCorrelation(
            ("rules",),
            "'rules' must name different rules",
            "rules 必须列出互不相同的规则",
            code="MJ302",
        )
    aliases = {
        alias: {named.get(name, name): of for name, of in fields.items()}
        for alias, fields in how.aliases.items()
    }
    changed = replace(
        how,
        rules=tuple(keys[name] for name in how.rules),
        until=keys.get(how.until, ""),
        aliases=aliases,
    )
    return replace(one, how=changed)


def _dangling(document: Document, one: PlainCorrelation, named: Mapping[str, str]) -> Problem:
    unknown = next((name for name in one.how.sources() if name not in named), "")
    sources = ", ".join(one.how.sources())
    refused = SigmaRefused(
        "reference",
        f"there is no rule '{unknown}'"
        if unknown
        else f"a rule it refers to cannot be used, or leads back to it ({sources})",
        f"没有名为“{unknown}”的规则"
        if unknown
        else f"它引用的规则不能用，或者绕回了它自己（{sources}）",
        fix_en="write the 'name' or 'id' of a rule among the files",
        fix_zh="请写规则文件中某条规则的 name 或 id",
    )
    return Problem("reference", document.explained(("correlation", "rules"), refused))
