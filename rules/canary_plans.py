"""Canaries: for each rule a test case of its own, acted by people who cannot be real, now.

A case that takes longer than a minute is acted faster: what is many in ten minutes is many in one.
What a plan says was tried with the pure engine: the alerts that must come, by id, and that no
message of it is counted together with those of real people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from rules.alert import FINAL
from rules.calendar import OfficeCalendar
from rules.canary_marks import FLAG_CANARY, MARK, own_id, own_name
from rules.cases import WrongMessage, identities, records, times
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import RecordError
from rules.items import ALERT, FRAGMENT, QUARANTINE, Item, unpack
from rules.matcher import Matcher
from rules.model import RuleFile
from rules.parties import party_kind
from rules.ruleset import RuleSet, RuleTimeline

LONGEST_MS = 60_000  # of a case, and from its last message to its alert
_FASTER_MS = 45_000  # what a longer case is acted in
_PERSON = re.compile(r"(?:.*_?user_?id|chat_?id|operator|room_?id|from|to|user)", re.IGNORECASE)
Compiled = Mapping[str, CompiledRules]

# why a rule has no canary: English, Chinese
REASONS = {
    "no_case": ("no test case of it fires", "没有会告警的用例"),
    "long": ("needs more than a minute", "需要一分钟以上"),
    "lists": ("its cases need entries in lists", "用例需要名单条目"),
    "nobody": ("its events name nobody who did it", "其事件不写明操作人"),
    "shared": (
        "its messages would be counted with real people's",
        "其消息会与真实人员的消息一起计数",
    ),
    "not_now": ("does not fire at this hour or on this day", "在当前时段或日期不会告警"),
    "people": ("asks for people or words that only the company has", "需要本企业的人员或用语"),
}


class Plan(NamedTuple):
    """One rule's canary: its records with their event times (UTC ms, rising), the ids of the
    alerts that must come of them, and the event time of the last of these."""

    rule: str
    records: tuple[tuple[int, bytes], ...]
    alerts: frozenset[str]
    due: int


class NotPossible(NamedTuple):
    """A rule without a canary, and why: a key of `REASONS`."""

    rule: str
    reason: str


class Planner:
    """Plans canaries for the rules in force at one time.

    Args:
        compiled: of that ruleset, by digest.
        tenant: whose messages they are to be.
    """

    def __init__(
        self, ruleset: RuleSet, compiled: Compiled, calendar: OfficeCalendar, tenant: str
    ) -> None:
        self._rules, self._compiled, self._calendar = ruleset, compiled, calendar
        self._timeline = RuleTimeline([(0, ruleset)])
        self._tenant, self._decoder = tenant, Decoder(tenant)

    def all(self, about: str, start: int) -> Iterator[Plan | NotPossible]:
        """A plan, or why there is none, of every rule that gives alerts.

        Args:
            about: tells this round from all others; letters and digits.
            start: event time of the first message, UTC ms.
        """
        for number, file in enumerate(self._rules.files):
            main = file.main
            name = main.ref.name if main else ""
            if name in self._rules.detections or name in self._rules.correlations:
                yield self.of(file, name, f"{about}-{number}", start)

    def of(self, file: RuleFile, name: str, about: str, start: int) -> Plan | NotPossible:
        """The plan of one rule, from the shortest of its cases that will do."""
        why = "no_case"
        for case in sorted(filter(_fires, file.tests), key=_length):
            if file.lists_of(case):
                why = _worse(why, "lists")
            else:
                made = self._tried(case, name, about, start)
                if isinstance(made, Plan):
                    return made
                why = _worse(why, made)
        return NotPossible(name, why)

    def _tried(self, case: Mapping[str, Any], name: str, about: str, start: int) -> Plan | str:
        try:
            at = times(case["messages"])
            raws = records(case, self._tenant)
            order = sorted(range(len(raws)), key=at.__getitem__)
            acted = _Acted(case, about, self._decoder, raws)
            began, length = min(at), max(at) - min(at)
            share = 1.0 if length <= LONGEST_MS else _FASTER_MS / length
            moved = []
            for i in order:
                moment = start + round((at[i] - began) * share)
                moved.append((moment, acted.record(raws[i], moment - at[i])))
        except (RecordError, WrongMessage, ValueError):
            return "no_case"
        found = self._alerts(name, [raw for _, raw in moved])
        if not found:
            there = [acted.record(raw, 0) for raw in raws]
            if not self._alerts(name, there):
                return "people"
            return "not_now" if length <= LONGEST_MS else "long"
        if not all(FLAG_CANARY in flags for _, flags in found.values()):
            return "nobody"
        due = max(time for time, _ in found.values())
        if due > moved[-1][0] + LONGEST_MS:
            return "long"
        if self._shared([raw for _, raw in moved]):
            return "shared"
        return Plan(name, tuple(moved), frozenset(found), due)

    def _alerts(self, name: str, raws: list[bytes]) -> dict[str, tuple[int, list[str]]]:
        """(time, flags) of the rule's alerts, by id."""
        engine = Engine(self._timeline, self._decoder, self._calendar, compiled=self._compiled)
        found = {}
        for kind, body in engine.run(raws):
            if kind == "alerts":
                alert = msgspec.json.decode(body)
                if alert["rule"]["name"] == name and alert["status"] == FINAL:
                    found[alert["alert_id"]] = (alert["time"], alert.get("flags", []))
        return found

    def _shared(self, raws: list[bytes]) -> bool:
        """Whether any rule would count one of these with what real people do."""
        matcher = Matcher(self._timeline, self._decoder, self._calendar, compiled=self._compiled)
        for raw in raws:
            for packed in matcher.match(raw, "canary") or ():
                if not self._apart(unpack(packed)):
                    return True
        return False

    def _apart(self, item: Item) -> bool:
        if item.kind in (ALERT, FRAGMENT):  # the latter is kept by its sender
            return True
        if item.kind == QUARANTINE:
            return False
        rule = self._rules.correlations.get(item.rule)
        if rule is None:  # alerts once in a while for each group
            return any(MARK in value for value in item.group)
        pairs = zip(rule.group_by, item.group[1:], strict=False)
        own = {field for field, value in pairs if MARK in value}
        return bool(own) and self._apart_above(rule.ref.name, own)

    def _apart_above(self, name: str, own: set[str]) -> bool:
        """The same of what reads a correlation: it knows its groups by the same names."""
        for reader, _ in self._rules.readers.get(name, ()):
            kept = own & set(reader.group_by)
            if not kept or not self._apart_above(reader.ref.name, kept):
                return False
        return True


class _Acted:
    """Puts the canary's own people and ids in the place of those of a case."""

    def __init__(
        self, case: Mapping[str, Any], about: str, decoder: Decoder, raws: list[bytes]
    ) -> None:
        self._names: dict[str, str] = {}
        self._about = about
        for identity in identities(case["messages"]):
            self._names[identity] = own_id(identity, about)
        for raw in raws:
            message = decoder.decode(raw)
            for person in (message.sender, message.room, *message.recipients):
                self._own(person)
            self._people(msgspec.json.decode(raw)["payload"])

    def record(self, raw: bytes, later: int) -> bytes:
        """The record with our people in it, `later` ms after its time."""
        envelope = msgspec.json.decode(raw)
        envelope["time"] += later
        envelope["received_at"] += later
        payload = self._replaced(envelope["payload"])
        if envelope["kind"] == "event":
            envelope["id"] = self._names[envelope["id"]]
        else:
            payload["msgtime"] += later
        return msgspec.json.encode({**envelope, "payload": payload})

    def _own(self, name: str) -> None:
        if name:
            self._names.setdefault(name, own_name(name, self._about))

    def _people(self, value: Any, key: str = "") -> None:
        """Whoever is named in a payload: under the key of a person, or as a customer anywhere."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self._people(inner, str(name))
        elif isinstance(value, list):
            for inner in value:
                self._people(inner, key)
        elif isinstance(value, str) and (
            _PERSON.fullmatch(key) or party_kind(value) in ("customer", "bot")
        ):
            self._own(value)

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._replaced(inner) for inner in value]
        return self._names.get(value, value) if isinstance(value, str) else value


def _fires(case: Mapping[str, Any]) -> bool:
    return bool(case.get("alerts")) and bool(case.get("messages"))


def _length(case: Mapping[str, Any]) -> int:
    try:
        at = times(case["messages"])
    except (ValueError, KeyError):
        return 0
    return max(at) - min(at)


def _worse(one: str, other: str) -> str:
    """The reason that came nearest to a canary."""
    order = ("no_case", "long", "lists", "nobody", "people", "not_now", "shared")
    return max(one, other, key=order.index)
