"""A plain Sigma rule that is not asked would not have held, whatever the event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.sigma import concerned
from rules.sigma.collection import load_collection
from rules.sigma.concerned import Concerned
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from rules.sigma.needs import Needs, needs

TEXTS = st.text("aAbBkKß1*?\\-/\nİſ\u212a\ud800", max_size=4)
NUMBERS = st.sampled_from([0, 1, 11, 1.5, -1, 1.0, 1e16, 10**16])
PLAIN = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
FIELDS = st.sampled_from(["f", "g", "h.i", "h.j.k"])
INNER = st.fixed_dictionaries(
    {}, optional={"i": PLAIN, "j": st.fixed_dictionaries({}, optional={"k": PLAIN})}
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "f": st.one_of(PLAIN, st.lists(PLAIN, max_size=3)),
        "g": PLAIN,
        "h": st.one_of(PLAIN, INNER, st.lists(INNER, max_size=2)),
        "h.i": PLAIN,
    },
)
WORDS = TEXTS.filter(lambda text: "\ud800" not in text)
KEYS = st.tuples(
    FIELDS,
    st.sampled_from(["", "|contains", "|startswith", "|endswith", "|re", "|re|i", "|lt"]),
    st.sampled_from(["", "|cased", "|all", "|neq"]),
).map("".join)
ITEMS = st.one_of(
    st.tuples(KEYS, st.lists(st.one_of(WORDS, NUMBERS), min_size=1, max_size=3)),
    st.tuples(FIELDS.map("{}|exists".format), st.booleans()),
    st.tuples(FIELDS.map("{}|fieldref".format), FIELDS),
    st.tuples(FIELDS, st.none()),
)
SELECTIONS = st.one_of(
    st.lists(ITEMS, min_size=1, max_size=3).map(dict), st.lists(WORDS, min_size=1, max_size=3)
)
CONDITIONS = st.sampled_from(
    ["a", "a and b", "a or b", "not a", "a and not b", "1 of them", "2 of them", "not (a and b)"]
)
RULES = st.lists(st.tuples(SELECTIONS, SELECTIONS, CONDITIONS), min_size=1, max_size=4)


@settings(max_examples=500, deadline=None)
@given(RULES, st.lists(EVENTS, min_size=1, max_size=4))
def test_a_rule_that_holds_is_asked(rules: list[Any], events: list[dict[str, Any]]) -> None:
    texts = [
        (f"{n}.yml", json.dumps({"title": "t", "detection": {"a": a, "b": b, "condition": how}}))
        for n, (a, b, how) in enumerate(rules)
    ]
    known = load_collection(texts).rules  # those that are refused are no matter here
    finder = Concerned([needs(rule.condition) for rule in known])
    for event in events:
        asked = finder.of(Event(event))
        assert asked == sorted(set(asked))
        held = {n for n, rule in enumerate(known) if rule.matches(Event(event))}
        assert held <= set(asked)


def rule(**fields: Any) -> str:
    return json.dumps({"title": "t", "detection": {"s": fields, "condition": "s"}})


def many(count: int) -> list[tuple[str, str]]:
    """Rules of different words, one in ten of them of another field."""
    return [
        (f"{n}.yml", rule(**{f"{'other' if n % 10 == 0 else 'said'}|contains": f"word-{n:04d}"}))
        for n in range(count)
    ]


def test_of_many_rules_few_are_asked() -> None:
    known = load_collection(many(1_000)).rules
    finder = Concerned([needs(one.condition) for one in known])
    assert finder.of(Event({"said": "nothing"})) == []
    assert finder.of(Event({"said": "word-0012 WORD-0777 word-0020"})) == [12, 777]
    assert finder.of(Event({"more": "word-0012"})) == []


@pytest.mark.parametrize("count", [10, 200], ids=["few rules", "many rules"])
def test_every_event_of_a_long_run_has_the_hits_of_its_own(count: int) -> None:
    evaluation = Evaluation(load_collection(many(count)))
    for number in range(100):
        word = f"word-{number % count:04d}"
        hits = list(evaluation.feed(str(number), Event({"said": word, "other": word}), None))
        assert [hit.event_ids for hit in hits] == [(str(number),)]
    assert list(evaluation.feed("no", Event({"said": "nothing"}), None)) == []


def test_without_hyperscan_the_same_words_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["ab", "保本", "b\nc", "a.c"]
    texts = ["xabx", "保本a", "ab\ncd", "abc", "a.c", ""]
    here = [sorted(concerned.seen_in(words)(text.encode())) for text in texts]
    monkeypatch.setattr(concerned, "_HYPERSCAN", False)
    assert [sorted(concerned.seen_in(words)(text.encode())) for text in texts] == here
    assert here == [[0], [1], [0, 2], [0], [3], []]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"f|contains": ["Abc", "de"]}, Needs({"abc", "de"}, {frozenset({"f"})})),
        ({"f|contains": ["abc", "x"]}, Needs(None, {frozenset({"f"})})),
        ({"f": 4624}, Needs({"4624"}, {frozenset({"f"})})),
        ({"f": "a*longer?z"}, Needs({"longer"}, {frozenset({"f"})})),
        ({"f|re": "(?i)evil[0-9]+"}, Needs({"evil"}, {frozenset({"f"})})),
        ({"f|re": "[0-9]+"}, Needs(None, {frozenset({"f"})})),
        ({"f|contains": "ab", "g|contains": "abcd"},
         Needs({"abcd"}, {frozenset({"f"}), frozenset({"g"})})),
        ({"f": None}, Needs()),
        ({"f|exists": True}, Needs(None, {frozenset({"f"})})),
        ({"f|exists": False}, Needs()),
        ({"f|neq": "abc"}, Needs()),
    ],
)  # fmt: skip
def test_what_a_condition_needs(fields: dict[str, Any], expected: Needs) -> None:
    (known,) = load_collection([("r.yml", rule(**fields))]).rules
    assert needs(known.condition) == expected
