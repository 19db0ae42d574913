"""Test cases that prove too little: none fires, none must not, none comes near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rules import archive, feeds, side_events
from rules.calendar import OfficeCalendar
from rules.cases import records
from rules.conditions import TEXT_FIELDS, And, AtLeast, Concerns, Node, Not, Or, Until
from rules.decode import Decoder
from rules.errors import RecordError, RuleError
from rules.expectations import wanted_alerts
from rules.explain_refused import refused
from rules.model import RuleFile
from rules.payload_keys import unread_keys
from rules.reference import Reference
from rules.refused import Refused, UnknownName
from rules.value_hints import value_meant
from rules.view import View
from rules.yaml_source import Document

Path = tuple[str, ...]
EVENTS = side_events.TYPES | {*feeds.events()}
_TESTS: Path = ("mingjian", "tests")


def of_document(
    document: Document,
    loaded: RuleFile | None,
    calendar: OfficeCalendar,
    reference: Reference,
) -> Iterator[RuleError]:
    """What the test cases of an alerting rule do not show. `loaded` is its file, if it loads."""
    ours: dict[str, Any] = document.value.get("mingjian", {})
    if ours.get("signal"):
        return
    cases: Sequence[dict[str, Any]] = ours.get("tests", ())
    if not cases:
        yield document.error(
            ("mingjian",),
            "the rule has no test cases, so nobody knows whether it fires",
            "规则没有测试用例，无法知道它会不会报",
            fix_en="add mingjian.tests: one case that fires and one that does not",
            fix_zh="请补上 mingjian.tests：一个应该报的，一个不应该报的",
            code="MJ510",
        )
        return
    yield from _names(document, cases)
    yield from _types(document, cases)
    yield from _payloads(document, cases)
    for index, case in enumerate(cases):
        if wanted_alerts(case) > len(case["messages"]) and (not loaded or not loaded.correlations):
            yield document.error(
                (*_TESTS, str(index), "alerts"),
                f"{wanted_alerts(case)} alerts cannot come of {len(case['messages'])} messages",
                f"{len(case['messages'])} 条消息不可能产生 {wanted_alerts(case)} 条告警",
                fix_en="this rule gives one alert a message at most",
                fix_zh="这条规则每条消息最多一条告警",
                code="MJ516",
            )
    if not any(map(wanted_alerts, cases)):
        yield document.error(
            _TESTS,
            "no test case expects an alert, so nobody knows whether the rule fires",
            "没有一个测试用例应该告警，无法知道规则会不会报",
            fix_en="add a case with alerts: 1",
            fix_zh="请补一个 alerts: 1 的用例",
            code="MJ511",
        )
    quiet = [case for case in cases if not wanted_alerts(case)]
    if not quiet:
        yield document.error(
            _TESTS,
            "every test case expects an alert, so nobody knows what the rule leaves alone",
            "每个测试用例都应该告警，无法知道规则会不会误报",
            fix_en="add a case with alerts: 0, as close to the others as possible",
            fix_zh="请补一个 alerts: 0 的用例，内容越接近越好",
            code="MJ512",
        )
    elif loaded and not _near(loaded, quiet, calendar, reference):
        yield document.error(
            _TESTS,
            "no case without alert comes near: none holds what the rule looks for",
            "没有“形近”的反例：不报的用例里都没有规则要找的内容",
            fix_en="add a case with the words of the rule in a message that is allowed",
            fix_zh="请补一个含有规则所查词语、但属于正当情形的用例",
            code="MJ513",
        )


def _names(document: Document, cases: Iterable[dict[str, Any]]) -> Iterator[RuleError]:
    seen: set[str] = set()
    for index, case in enumerate(cases):
        name = case.get("name", "")
        if not name.strip():
            yield document.error(
                (*_TESTS, str(index)),
                "the test case has no name, so a failure says little",
                "测试用例没有名字，失败时看不出是哪一个",
                fix_en="add name: what the case shows",
                fix_zh="请补上 name，写明这个用例说明什么",
                code="MJ515",
            )
        elif name in seen:
            yield document.error(
                (*_TESTS, str(index), "name"),
                f"a second test case is called '{name}'",
                f"有两个测试用例都叫“{name}”",
                fix_en="say how the two differ",
                fix_zh="请写出两者的区别",
                code="MJ514",
            )
        seen.add(name)


def _types(document: Document, cases: Iterable[dict[str, Any]]) -> Iterator[RuleError]:
    """Types of messages and events that no source sends: they are kept, and no rule knows them."""
    for index, case in enumerate(cases):
        for number, message in enumerate(case["messages"]):
            for key, known in (("event", EVENTS), ("type", archive.TYPES)):
                if isinstance(message.get(key), str) and message[key] not in known:
                    at = (*_TESTS, str(index), "messages", str(number), key)
                    error = document.explained(
                        at,
                        UnknownName(
                            key,
                            message[key],
                            sorted(known),
                            offset=0,
                            meant=value_meant(message[key], known),
                        ),
                    )
                    error.code = "MJ528"
                    yield error


def _payloads(document: Document, cases: Iterable[dict[str, Any]]) -> Iterator[RuleError]:
    """Keys of payloads that are ignored, where another one was meant."""
    for index, case in enumerate(cases):
        for number, message in enumerate(case["messages"]):
            for one in unread_keys(message):
                said = one.said(str(message.get("event") or message.get("type")))
                yield document.error(
                    (*_TESTS, str(index), "messages", str(number), *one.at),
                    said.en,
                    said.zh,
                    fix_en=f"did you mean '{one.meant}'?",
                    fix_zh=f"是不是“{one.meant}”？",
                    code="MJ529",
                )


def _near(
    loaded: RuleFile,
    cases: Iterable[dict[str, Any]],
    calendar: OfficeCalendar,
    reference: Reference,
) -> bool:
    """Does some message of these cases hold what the rule looks for, in part at least? A word that
    is there and does not count, as in "we never promise it", comes nearest of all."""
    wanted = [node for rule in loaded.detections for node in _sought(rule.condition)]
    if not wanted:
        return True
    decoder = Decoder("demo")
    for case in cases:
        lists = reference.extended(loaded.lists_of(case))
        try:
            raws = records(case)
        except Refused:
            continue
        for raw in raws:
            try:
                message = decoder.decode(raw)
            except RecordError:
                continue
            view = View(message, calendar, reference=lists)
            if any(node.holds(view) or refused(node, view) for node in wanted):
                return True
    return False


def _sought(node: Node) -> list[Node]:
    """The questions about texts that are not negated; the whole condition when there are none."""
    texts = list(_texts(node))
    return texts or list(_leaves(node))


def _texts(node: Node) -> Iterator[Node]:
    return (leaf for leaf in _leaves(node) if getattr(leaf, "field", "") in TEXT_FIELDS)


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, And | Or | AtLeast):
        for child in node.children:
            yield from _leaves(child)
    elif not isinstance(node, Not | Until | Concerns):
        yield node
