"""What is wrong between files: names and ids taken, rules and lists that nobody uses."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rules.chains import MAX_LEVELS, Circle, depths
from rules.correlation.expression import names_of
from rules.errors import RuleError
from rules.lint.source import Source
from rules.lint.words_said import asked
from rules.refused import UnknownName
from rules.rule_references import in_circle, no_such_rule, too_deep
from rules.yaml_source import Document

Path = tuple[str, ...]


class Rule(NamedTuple):
    """A rule of some file: where its document is."""

    source: Source
    document: Document

    def place(self, key: str) -> str:
        """file:line of a key of it."""
        line = self.document.marks.get((key,), (1, 1))[0]
        return f"{self.source.path}:{line}"


def of_files(sources: Sequence[Source], *, whole: bool) -> Iterator[RuleError]:
    """Problems between these files.

    `whole`: they are all there is, so that what nobody of them names is named by nobody.
    """
    rules = [Rule(source, document) for source in sources for document in source.documents]
    names: dict[str, Rule] = {}
    for rule in rules:
        name = rule.document.value.get("name")
        if rule.source.is_mended(rule.document, ("name",)) or not isinstance(name, str):
            continue
        if name in names and names[name].source is not rule.source:
            yield _taken(rule, names[name], "name", name)
        names.setdefault(name, rule)
    yield from _same(rules, "id")
    yield from _titles(rules)
    complete = all(source.whole for source in sources)
    if complete:
        yield from _filtered(rules)
    yield from _references(rules, names, complete)
    if whole and complete:
        yield from _unread(rules, names)


def _taken(rule: Rule, other: Rule, key: str, value: str) -> RuleError:
    return rule.document.error(
        (key,),
        f"the {key} '{value}' is taken by {other.place(key)}",
        f"{'名称' if key == 'name' else '编号'}“{value}”已被 {other.place(key)} 使用",
        fix_en=f"give each rule {'a name' if key == 'name' else 'an id'} of its own",
        fix_zh=f"请为每条规则使用各自的 {key}",
        code="MJ112" if key == "name" else "MJ113",
    )


def _same(rules: Sequence[Rule], key: str) -> Iterator[RuleError]:
    seen: dict[str, Rule] = {}
    for rule in rules:
        value = rule.document.value.get(key)
        if not isinstance(value, str) or rule.source.is_mended(rule.document, (key,)):
            continue
        if not rule.document.marks.get((key,)):
            continue  # a stand-in
        same = value.casefold()
        if same in seen:
            yield _taken(rule, seen[same], key, value)
        seen.setdefault(same, rule)


def _titles(rules: Sequence[Rule]) -> Iterator[RuleError]:
    seen: dict[str, Rule] = {}
    for rule in rules:
        title = rule.document.value.get("title")
        if not isinstance(title, str) or not rule.document.marks.get(("title",)):
            continue
        if title in seen:
            yield rule.document.error(
                ("title",),
                f"{seen[title].place('title')} has the same title '{title}'",
                f"{seen[title].place('title')} 的标题也是“{title}”",
                fix_en="say in the title how the two differ: people see only that",
                fix_zh="请在标题里写出两者的区别：人们只看得到标题",
                code="MJ611",
            )
        seen.setdefault(title, rule)


def _references(
    rules: Sequence[Rule], names: Mapping[str, Rule], complete: bool
) -> Iterator[RuleError]:
    for rule in rules:
        named: list[tuple[Path, str]] = [
            (("correlation", "rules", str(i)), one) for i, one in enumerate(_named(rule))
        ]
        if until := _until(rule):
            named.append((("mingjian", "until"), until))
        for at, name in named:
            if name not in names and complete:  # else it may be in the file that cannot be read
                yield no_such_rule(rule.document, at, name, list(names))
    yield from _chains(rules, names)


def _chains(rules: Sequence[Rule], names: Mapping[str, Rule]) -> Iterator[RuleError]:
    """Correlations that read each other in a circle, or too deep."""
    reads = {
        name: [one for one in (*_named(rule), _until(rule)) if one in names]
        for name, rule in names.items()
        if "correlation" in rule.document.value
    }

    def place(name: str, others: Container[str]) -> tuple[Document, Path]:
        rule = names[name]
        named = enumerate(_named(rule))
        at = next((i for i, one in named if one in others), None)
        key = ("mingjian", "until") if at is None else ("correlation", "rules", str(at))
        return rule.document, key

    try:
        found = depths(reads)
    except Circle as error:
        yield in_circle(*place(error.names[-1], error.names), error.names)
        return
    for name, level in found.items():
        if level > MAX_LEVELS:
            yield too_deep(*place(name, reads), name)


def _filtered(rules: Sequence[Rule]) -> Iterator[RuleError]:
    """Rules that filters name and that are not there."""
    known = {
        text
        for rule in rules
        if "filter" not in rule.document.value
        for key in ("name", "id")
        if isinstance(text := rule.document.value.get(key), str)
    }
    for rule in rules:
        for target in _targets(rule):
            if target != "any" and target not in known:
                yield rule.document.explained(
                    ("filter", "rules"), UnknownName("rule", target, sorted(known))
                )


def _targets(rule: Rule) -> list[str]:
    """What the `rules` of a filter name."""
    section = rule.document.value.get("filter")
    if not isinstance(section, dict) or rule.source.is_mended(rule.document, ("filter",)):
        return []
    listed = section.get("rules")
    found = listed if isinstance(listed, list) else [listed]
    return [one for one in found if isinstance(one, str)]


def _named(rule: Rule) -> list[str]:
    section = rule.document.value.get("correlation")
    if not isinstance(section, dict) or rule.source.is_mended_below(
        rule.document, ("correlation", "rules")
    ):
        return []
    written, condition = section.get("rules"), section.get("condition")
    if written is None and isinstance(condition, str):
        written = names_of(condition)
    listed = [written] if isinstance(written, str) else written or ()
    return [one for one in listed if isinstance(one, str)]


def _until(rule: Rule) -> str:
    """The rule whose event ends the count; "" is none."""
    ours = rule.document.value.get("mingjian")
    if (
        "correlation" not in rule.document.value
        or not isinstance(ours, dict)
        or rule.source.is_mended_below(rule.document, ("mingjian", "until"))
    ):
        return ""
    until = ours.get("until")
    return until if isinstance(until, str) else ""


def missing_names(sources: Sequence[Source]) -> set[str]:
    """Names of rules that correlations or filters of these files name and that are in none of
    them; filters may name ids."""
    rules = [Rule(source, document) for source in sources for document in source.documents]
    own = {rule.document.value.get(key) for rule in rules for key in ("name", "id")}
    named = (
        name for rule in rules for name in (*_named(rule), _until(rule), *_targets(rule)) if name
    )
    return set(named) - own - {"any"}


def _unread(rules: Sequence[Rule], names: Mapping[str, Rule]) -> Iterator[RuleError]:
    """Base rules that no correlation counts: they are judged for nothing.

    Not told while it is open which rules are counted.
    """
    read = {name for rule in rules for name in _named(rule)}
    ended = [(rule.document.value.get("mingjian") or {}).get("until") for rule in rules]
    if not read <= names.keys() or any(
        rule.source.is_mended_below(rule.document, at)
        for rule in rules
        for at in (("correlation", "rules"), ("mingjian", "until"))
    ):
        return
    for rule in rules:
        value = rule.document.value
        if rule.source.is_mended(rule.document, ("mingjian", "signal")) or any(
            problem.code == "MJ111" for problem in rule.source.problems
        ):
            continue
        if (value.get("mingjian") or {}).get("signal") and value.get("name") not in {*read, *ended}:
            yield rule.document.error(
                ("name",),
                f"no correlation counts the base rule '{value.get('name')}'",
                f"没有关联规则引用基础规则“{value.get('name')}”",
                fix_en="name it in a correlation's 'rules', or remove it",
                fix_zh="请在关联规则的 rules 里引用它，或删去它",
                code="MJ318",
            )


def lexicons_named(sources: Sequence[Source]) -> set[str]:
    """Names of the word lists and reference lists that these rules use."""
    found: set[str] = set()
    for source in sources:
        for document in source.documents:
            section: Any = document.value.get("detection") or document.value.get("filter")
            for name, selection in section.items() if isinstance(section, dict) else ():
                for one in asked(("detection", str(name)), selection):
                    for _, text in one.texts():
                        if "lexicon" in one.modifiers:
                            found.add(text.partition(",")[0].strip())
                        elif "detect" in one.modifiers:
                            found |= {
                                part.strip().partition(" ")[2].strip()
                                for part in text.split(",")[1:]
                                if part.strip().startswith("except ")
                            }
    return found


def unused_lexicon(document: Document) -> RuleError:
    """A list that no rule names."""
    name = document.value.get("name")
    return document.error(
        ("name",),
        f"no rule uses the list '{name}'",
        f"没有规则使用词库“{name}”",
        fix_en=f"use it with |lexicon: {name}, or remove the file",
        fix_zh=f"请在规则里用 |lexicon: {name} 引用它，或删去文件",
        code="MJ414",
    )
