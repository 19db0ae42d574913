"""What holds between the files of one ruleset: ids, how deep correlations read each other, and when
the state of one has to start anew because another file has changed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rules.alert import sm3_hex
from rules.chains import MAX_LEVELS, Circle, depths
from rules.errors import RuleError
from rules.model import CorrelationRule, RuleFile
from rules.rule_references import in_circle, place_of, too_deep
from rules.yaml_source import Document


def with_state_versions(files: Sequence[RuleFile]) -> Iterator[RuleFile]:
    """A correlation counts otherwise, too, when a rule of another file does that it reads."""
    home = {name: file for file in files for name in file.names()}

    def meanings(rule: CorrelationRule, seen: set[str]) -> set[str]:
        for name in rule.how.sources():
            if name in home and name not in seen:
                seen.add(name)
                for below in home[name].correlations:
                    if below.ref.name == name:
                        meanings(below, seen)
        return {home[name].meaning for name in seen}

    for file in files:
        changed = []
        for rule in file.correlations:
            others = meanings(rule, set()) - {file.meaning}
            version = sm3_hex(file.meaning, *sorted(others))[:16] if others else file.meaning
            changed.append(replace(rule, state_version=version))
        yield replace(file, correlations=tuple(changed)) if changed else file


def levels_of(
    files: Iterable[RuleFile], correlations: Mapping[str, CorrelationRule]
) -> dict[str, int]:
    """Raises RuleError for correlations that read each other in a circle, or are too deep."""
    home = {rule.ref.name: (file, rule) for file in files for rule in file.correlations}

    def place(name: str, others: Container[str]) -> tuple[Document, tuple[str, ...]]:
        file, rule = home[name]
        step = next(at for at, one in enumerate(rule.how.sources()) if one in others)
        return place_of(file, rule, step)

    try:
        found = depths({name: rule.how.sources() for name, rule in correlations.items()})
    except Circle as error:
        raise in_circle(*place(error.names[-1], error.names), error.names) from None
    for name, level in found.items():
        if level > MAX_LEVELS:
            raise too_deep(*place(name, correlations), name)
    return found


def no_shared_ids(files: Iterable[RuleFile]) -> None:
    """Ids of alerts are made of the rule's id, so two rules of one id would hide each other;
    letters that differ in case only are one."""
    taken: dict[str, str] = {}
    for file in files:
        refs = [rule.ref for rule in file.detections] + [rule.ref for rule in file.correlations]
        for identity in sorted({ref.id for ref in refs}):
            same = identity.casefold()  # file systems and people take AB and ab for one
            if same in taken:
                raise RuleError(
                    f"the id '{identity}' is taken by {taken[same]}",
                    f"编号“{identity}”已被 {taken[same]} 使用",
                    path=file.path,
                    fix_en="give each rule an id of its own",
                    fix_zh="请为每条规则使用各自的 id",
                    code="MJ113",
                )
            taken[same] = file.path
