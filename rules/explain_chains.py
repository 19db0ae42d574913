"""How a correlation that reads correlations came to what it says: level by level, from what the
engine itself hands up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from rules.chains import messages_of
from rules.correlation.plan import Plan
from rules.engine import Engine
from rules.expectations import clock
from rules.explain import Setting
from rules.explain_behaviour import counted, message_line
from rules.explain_course import course_said, pairs
from rules.explain_entries import Counted
from rules.explain_windows import Course, course, courses
from rules.explain_words import Said
from rules.items import MEMBER, ROW, Item, unpack
from rules.members import entries_of
from rules.message import Message
from rules.model import CorrelationRule
from rules.named import Named
from rules.ruleset import RuleSet
from rules.telling import Output


class Watched(Engine):
    """The engine, keeping what counts for each correlation (`came`: its name -> items)."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.came: dict[str, list[Item]] = {}

    def _add(self, at: int, packed: Sequence[bytes]) -> list[Output]:
        for item in map(unpack, packed):
            known = self.came.setdefault(item.rule, [])
            if item.kind in (MEMBER, ROW) and item not in known:  # it passes the levels below
                known.append(item)
        return super()._add(at, packed)


class Passed(NamedTuple):
    """A row that one correlation handed to another.

    Args:
        label: how explanations name it. rule: what it is a row of; time: when it held (UTC ms).
        group: of the correlation that reads it. messages: ids of those behind it, in order.
        by: (id, sender) of the message that completed it; ("", "") where it held at a deadline.
    """

    label: str
    rule: str
    time: int
    group: Mapping[str, str]
    messages: tuple[str, ...]
    by: tuple[str, str]


class Level(NamedTuple):
    """One correlation of a chain: its messages, the rows it reads, and what came of them."""

    rule: CorrelationRule
    found: list[Counted]
    rows: list[Passed]
    courses: list[Course]


def levels(
    rule: CorrelationRule,
    rules: RuleSet,
    messages: Sequence[Message],
    came: Mapping[str, list[Item]],
    setting: Setting,
    named: Named,
) -> list[Level]:
    """The correlations that `rule` reads, directly or not, those first that read messages only;
    last the rule itself. `came` is of `Watched` on the same messages."""
    senders = {one.msgid: one.sender for one in messages}
    labels: dict[str, str] = {}
    found = []
    for one in _below(rule, rules, {}):
        direct = counted(one, rules, messages, setting, named)
        items = sorted(came.get(one.ref.name, ()), key=Item.order)
        if not any(name in rules.correlations for name in one.how.sources()):
            found.append(Level(one, direct, [], courses(one.how, direct)))
            continue
        _name_rows(items, labels)
        rows = {item.msgid + repr(item.group): _passed(item, one, labels, senders) for item in items
                if item.kind == ROW}  # fmt: skip
        found.append(Level(one, direct, list(rows.values()), list(_courses(one, items, labels))))
    return found


def _below(
    rule: CorrelationRule, rules: RuleSet, done: dict[str, CorrelationRule]
) -> list[CorrelationRule]:
    for name in rule.how.sources():
        if name in rules.correlations and name not in done:
            _below(rules.correlations[name], rules, done)
    done[rule.ref.name] = rule
    return list(done.values())


def _name_rows(items: Sequence[Item], labels: dict[str, str]) -> None:
    for item in items:
        if item.kind == ROW and item.msgid not in labels:
            number = sum(label.startswith(f"{item.base}#") for label in labels.values()) + 1
            labels[item.msgid] = f"{item.base}#{number}"


def _shown(rule: CorrelationRule, item: Item) -> dict[str, str]:
    return dict(zip(rule.how.group_by, item.group[1:], strict=False))


def _passed(
    item: Item, rule: CorrelationRule, labels: Mapping[str, str], senders: Mapping[str, str]
) -> Passed:
    behind = messages_of([item])
    last = behind[-1] if behind and behind[-1].time == item.time else None
    by = (last.msgid, senders.get(last.msgid, "")) if last else ("", "")
    ids = tuple(one.msgid for one in behind)
    return Passed(labels[item.msgid], item.base, item.time, _shown(rule, item), ids, by)


def _courses(
    rule: CorrelationRule, items: Sequence[Item], labels: Mapping[str, str]
) -> Iterator[Course]:
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        named = msgspec.structs.replace(item, msgid=labels.get(item.msgid, item.msgid))
        groups.setdefault(item.group, []).append(named)
    plan = Plan(rule.how, every=False)
    for of in groups.values():
        yield course(rule.how, _shown(rule, of[0]), entries_of(plan, of))


def level_lines(found: Sequence[Level], language: str) -> list[str]:
    """Each level under its name: what counted, rows that came from below, windows and clocks."""
    lines = []
    for one in found:
        how, signal = one.rule.how, one.rule.signal
        lines.append(f"{one.rule.ref.name}:")
        came = [(each.verdict.message.time, message_line(each, how, language))
                for each in one.found]  # fmt: skip
        came += [(row.time, f"✓ {_row(row).text(language)}") for row in one.rows]
        lines += [line for _, line in sorted(came, key=lambda each: each[0])]
        said = [each for of in one.courses for each in course_said(how, of, signal=signal)]
        nothing = Said("nothing counts, so there is no group", "没有任何内容计入，所以没有任何一组")
        lines += [f"· {each.text(language)}" for each in said or [nothing]]
    return lines


def _row(row: Passed) -> Said:
    ids, (who, sender) = ", ".join(row.messages), row.by
    en = f"completed by {who} ({sender})" if who else "held at its deadline"
    zh = f"由 {who}（{sender}）完成" if who else "到期限时成立"
    group = f"; group {pairs(row.group)}" if row.group else ""
    zh_group = f"；分组 {pairs(row.group)}" if row.group else ""
    head = f"{row.label}  {clock(row.time)}  {row.rule}"
    return Said(f"{head} {en}: {ids}{group}", f"{head} {zh}：{ids}{zh_group}")
