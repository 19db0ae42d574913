"""Runs the test cases of rule files through the pure engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

from rules.alert import FINAL
from rules.calendar import OfficeCalendar
from rules.case_reasons import ignored_keys, reasons
from rules.cases import WrongMessage, identities, records
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.engine import Engine
from rules.expectations import (
    SHUFFLED,
    Difference,
    Found,
    WrongCase,
    check_expectations,
    distinct,
    unmet,
)
from rules.explain import Setting
from rules.explain_words import Said
from rules.message import Message
from rules.model import RuleFile
from rules.more_lists import with_more
from rules.named import Named
from rules.ruleset import RuleTimeline
from rules.yaml_source import load_documents

TENANT = "demo"
ALL_ORDERS = 5  # up to so many messages every order of arrival is tried
SOME_ORDERS = 60  # of more messages so many orders


class Failure(NamedTuple):
    """Why a case failed, in both languages.

    `at` is the path of keys, inside the case, of what was not met; `differences` compares an
    alert with what was expected of it; `why` explains, line by line, how the rule came there.
    """

    en: str
    zh: str
    at: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    why: tuple[Said, ...] = ()


class _Outcome(NamedTuple):
    alerts: tuple[Found, ...]
    held: tuple[tuple[str, str], ...]  # (reason, detail) of records that could not be judged


def main_name(file: RuleFile) -> str:
    """Name of the alerting rule of a file; "" in a file of filters."""
    return file.main.ref.name if file.main is not None else ""


class Places:
    """Where the test cases of a file stand; the file is read when the first place is asked for."""

    def __init__(self, file: RuleFile) -> None:
        self._file = file
        self._marks: list[Mapping[tuple[str, ...], tuple[int, int]]] | None = None

    def line(self, number: int, at: tuple[str, ...] = ()) -> int:
        """The line (from 1) of a key path inside the test case `number` (from 0), or of what
        encloses it; 0 when there is no such case."""
        if self._marks is None:
            documents = load_documents(self._file.path, self._file.text)
            self._marks = [document.marks for document in documents]
        for marks in self._marks:
            path = ("mingjian", "tests", str(number), *at)
            while len(path) > 2:  # noqa: PLR2004 (the case itself)
                if path in marks:
                    return marks[path][0]
                path = path[:-1]
        return 0


def run_case(
    timeline: RuleTimeline,
    compiled: Mapping[str, CompiledRules],
    calendar: OfficeCalendar,
    file: RuleFile,
    case: Mapping[str, Any],
    named: Named | None = None,
) -> Failure | None:
    """What is wrong with the case, None when it passes. Only the file's own rule is looked at.

    Args:
        named: lexicons, with which a failure is explained in the author's names, and a rule is
            read anew that spells out a list the case adds to.
    """
    known = named or Named({})
    if lists := file.lists_of(case):
        timeline = timeline.each(lambda rules: with_more(rules, lists, known))
        compiled = {one.digest: compiled[one.digest].judging(one) for one in timeline.rulesets}
    try:
        raws = records(case)
        check_expectations(case)
    except (WrongMessage, WrongCase) as error:
        return Failure(f"{error.en}; {error.fix_en}", f"{error.zh}；{error.fix_zh}")
    name = main_name(file)
    decoder = Decoder(TENANT)

    def run(order: Sequence[int]) -> _Outcome:
        engine = Engine(timeline, decoder, calendar, compiled=compiled)
        return _outcome(name, decoder, raws, engine.run(raws[index] for index in order))

    ids = identities(case["messages"])
    written = tuple(range(len(ids)))
    arrival = case.get("arrival", ids)
    order = written if arrival == SHUFFLED else tuple(ids.index(one) for one in arrival)
    outcome = run(order)
    if outcome.held:
        reason, detail = outcome.held[0]
        return Failure(
            f"a record was quarantined: {reason} {detail}".rstrip(),
            f"有一条记录被隔离：{reason} {detail}".rstrip(),
            why=ignored_keys(case["messages"]),
        )
    wrong = unmet(case, outcome.alerts)
    if wrong is not None:
        messages = [decoder.decode(raw) for raw in raws]
        rules = timeline.at(messages[0].time) if messages else timeline.rulesets[0]
        alert = outcome.alerts[wrong.index] if wrong.index is not None else None
        setting = Setting.of(rules, calendar)
        why = reasons(file, name, rules, messages, setting, named, outcome.alerts, case, alert)
        why = (*ignored_keys(case["messages"]), *why)
        return Failure(wrong.en, wrong.zh, wrong.at, wrong.differences, why)
    if arrival == SHUFFLED:
        return _shuffled(ids, outcome, ((one, run(one)) for one in orders(len(ids))))
    return None


def orders(count: int) -> Iterator[tuple[int, ...]]:
    """Orders of arrival of so many messages: all of them, or as many as make sense; always the
    same ones."""
    if count <= ALL_ORDERS:
        yield from permutations(range(count))
        return
    yield tuple(reversed(range(count)))
    for seed in range(SOME_ORDERS):
        yield tuple(
            sorted(range(count), key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest())
        )


def _shuffled(
    ids: Sequence[str], outcome: _Outcome, others: Iterable[tuple[tuple[int, ...], _Outcome]]
) -> Failure | None:
    for order, other in others:
        if sorted(other.alerts, key=repr) != sorted(outcome.alerts, key=repr):
            names = ", ".join(ids[index] for index in order)
            return Failure(
                f"another order of arrival gives other alerts: {names}",
                f"换一种到达次序，告警就不同：{names}",
                ("arrival",),
                _in_words(outcome.alerts, other.alerts),
            )
    return None


def _in_words(one: Sequence[Found], other: Sequence[Found]) -> tuple[Difference, ...]:
    shown = [
        ", ".join(f"[{' '.join(alert.evidence)}]" for alert in of) or "-" for of in (one, other)
    ]
    return (Difference("alerts", *shown),)


def _outcome(
    name: str, decoder: Decoder, raws: Sequence[bytes], outputs: Iterable[tuple[str, bytes]]
) -> _Outcome:
    alerts: list[dict[str, Any]] = []
    evidence: dict[str, list[dict[str, Any]]] = {}
    held = []
    for kind, raw in outputs:
        body = json.loads(raw)
        if kind == "alerts" and body["rule"]["name"] == name:
            if body["status"] == FINAL:  # a case is about what is settled
                alerts.append(body)
        elif kind == "evidence":
            evidence.setdefault(body["alert_id"], []).append(body)
        elif kind == "quarantine" and body.get("held", True):
            held.append((body["reason"], body.get("detail", "")))
    texts: dict[str, Message] = {}
    if alerts:
        texts = {message.msgid: message for message in map(decoder.decode, raws)}
    found = (_found(alert, evidence.get(alert["alert_id"], []), texts) for alert in alerts)
    return _Outcome(tuple(sorted(found, key=lambda one: (one.time, one.evidence))), tuple(held))


def _found(
    alert: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]], texts: Mapping[str, Message]
) -> Found:
    members = sorted(evidence, key=lambda one: (one["time"], one["seq"], one["msgid"]))
    hits = [hit for one in members for hit in one.get("hits", ())]
    matched = [
        str(texts[hit["msgid"]].field(hit["field"]) or "")[hit["start"] : hit["end"]]
        for hit in hits
        if hit["msgid"] in texts
    ]
    return Found(
        group={k: v for k, v in alert.get("group", {}).items() if k != "tenant"},
        evidence=distinct(one["msgid"] for one in members),
        matched=distinct(matched),
        variant=tuple(sorted({name for hit in hits for name in hit.get("variant", ())})),
        count=alert["count"],
        time=alert["time"],
        level=alert["rule"]["level"],
        response=alert["rule"]["response"],
        state=alert["response_state"],
        summary=alert["summary"],
    )
