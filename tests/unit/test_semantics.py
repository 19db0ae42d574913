"""What docs/semantics.md says, sentence by sentence.

A line of events is `second:letters`, each letter a rule that the event fits; `@x` is its group
(else g), `=5` its value, `#id` its id: "0:a 2.5:ab@x=7". One without letters only moves time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rules.correlation.folds import fold_of
from rules.correlation.graph import Correlator
from rules.correlation.model import Correlation
from rules.correlation.section import parse_correlation
from rules.sigma.collection import load_collection
from rules.sigma.contents import Collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "semantics.md", DOCS / "semantics.zh-CN.md"]
COUNT = {"type": "event_count", "rules": ["a"]}
BOTH = {"type": "temporal", "rules": ["a", "b"]}
ORDER = {"type": "temporal_ordered", "rules": ["a", "b"]}
ABSENT = {**ORDER, "condition": "a and not b"}
AROUND = {**BOTH, "condition": "a and not b"}
NO_GROUP: list[str] = []


def documents(
    *sections: Mapping[str, Any], ours: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Rules a, b, c, d, and correlations c1, c2 … of these sections (T = 5 s, grouped by h)."""
    found: list[dict[str, Any]] = [
        {"title": name, "name": name, "detection": {"s": {"k|contains": name}, "condition": "s"}}
        for name in "abcd"
    ]
    for number, section in enumerate(sections, 1):
        whole = {"timespan": "5s", "group-by": ["h"], **section}
        if not whole["group-by"]:
            del whole["group-by"]
        one = {"title": f"c{number}", "name": f"c{number}", "correlation": whole}
        found.append(one | ({"mingjian": dict(ours)} if ours else {}))
    return found


def collection(rules: Sequence[Mapping[str, Any]]) -> Collection:
    return load_collection([("r.yml", "\n---\n".join(map(json.dumps, rules)))])


def events(line: str) -> list[tuple[str, int, dict[str, Any]]]:
    """(id, ms, fields). Ids are the letters with the second, as "a0"."""
    found = []
    for word in line.split():
        match = re.fullmatch(r"([\d.]+):(\w*)(@\w*)?(=[\w.-]+)?(#\w+)?", word)
        assert match, word
        second, letters, group, value, identity = match.groups()
        fields: dict[str, Any] = {"k": letters, "h": group[1:] if group else "g"}
        if group == "@":
            del fields["h"]
        if value:
            fields["v"] = value[1:]
        found.append((identity[1:] if identity else f"{letters}{second}",
                      round(float(second) * 1000), fields))  # fmt: skip
    return found


def judged(
    rules: Sequence[Mapping[str, Any]], line: str, **options: Any
) -> tuple[list[tuple[float, str]], Evaluation]:
    """(second, ids) of every alert of a correlation, and what was counted."""
    found = collection(rules)
    assert found.problems == ()
    evaluation = Evaluation(found, **options)
    hits = []
    for identity, time, fields in events(line):
        hits += evaluation.feed(identity, Event(fields), time)
    hits += evaluation.finish()
    return [
        ((hit.time or 0) / 1000, " ".join(hit.event_ids)) for hit in hits if hit.rule[0] == "c"
        and len(hit.rule) > 1
    ], evaluation  # fmt: skip


def alerts(section: Mapping[str, Any], line: str, **options: Any) -> list[tuple[float, str]]:
    return judged(documents(section), line, **options)[0]


def gte(count: float, **more: Any) -> dict[str, Any]:
    return {**COUNT, "condition": {"gte": count}, **more}


# ---- windows ----


def test_a_window_is_closed() -> None:
    assert alerts(gte(2), "0:a 5:a") == [(5, "a0 a5")]
    assert alerts(gte(2), "0:a 5.001:a") == []


def test_every_event_of_a_referenced_rule_is_judged() -> None:
    """Also one that completes nothing: c is no part of what holds at 2 s."""
    section = {**BOTH, "rules": ["a", "b", "c"], "condition": {"gte": 2}}
    assert alerts(section, "0:a 1:b 2:c", every=True) == [(1, "a0 b1"), (2, "a0 b1 c2")]
    either = {**BOTH, "rules": ["a", "b", "c"], "condition": "(a and b) or (b and c and a)"}
    assert alerts(either, "0:a 1:b 2:b", every=True)[-1] == (2, "a0 b1 b2")


def test_events_of_one_time_are_judged_together() -> None:
    assert alerts(gte(1), "0:a#x 0:a#y", every=True) == [(0, "x y")]


def test_first_is_one_alert_an_episode_with_the_evidence_of_its_beginning() -> None:
    assert alerts(gte(2), "0:a 1:a 2:a 3:a") == [(1, "a0 a1")]
    assert alerts(gte(2), "0:a 1:a 2:a", every=True) == [(1, "a0 a1"), (2, "a0 a1 a2")]


def test_an_episode_ends_when_the_condition_fails_at_a_later_event() -> None:
    assert alerts(gte(2), "0:a 1:a 6.5:a 7:a") == [(1, "a0 a1"), (7, "a6.5 a7")]


def test_an_episode_ends_when_the_window_has_emptied() -> None:
    assert alerts(gte(1), "0:a 5:a 10.001:a") == [(0, "a0"), (10.001, "a10.001")]


def test_upper_bounds_are_judged_when_the_window_closes() -> None:
    """It opens with the first event and is closed T later."""
    fewer = {**COUNT, "condition": {"lt": 2}}
    assert alerts(fewer, "0:a 4:") == []
    assert alerts(fewer, "0:a 5:") == [(5, "a0")]
    assert alerts(fewer, "0:a 5:a 6:a 20:") == [(11, "a6")]  # the next one opens at 6 s


def test_exactly_two_of_three_is_silent() -> None:
    assert alerts({**COUNT, "condition": {"eq": 2}}, "0:a 1:a 2:a 9:") == []
    assert alerts({**COUNT, "condition": {"eq": 2}}, "0:a 1:a 9:") == [(5, "a0 a1")]


def test_a_range_has_two_bounds() -> None:
    between = {**COUNT, "condition": {"gt": 1, "lte": 3}}
    assert alerts(between, "0:a 1:a 2:a 9:") == [(5, "a0 a1 a2")]
    assert alerts(between, "0:a 1:a 2:a 3:a 9:") == []
    assert alerts(between, "0:a 1:a 2:a 3:a 9:", every=True) == [(1, "a0 a1"), (2, "a0 a1 a2")]


def test_every_judges_upper_bounds_at_each_event() -> None:
    assert alerts({**COUNT, "condition": {"lt": 2}}, "0:a 1:a", every=True) == [(0, "a0")]


# ---- counting ----


def test_one_event_that_fits_two_rules_counts_once() -> None:
    either = {"type": "event_count", "rules": ["a", "b"], "condition": {"gte": 2}}
    assert alerts(either, "0:ab") == []
    assert alerts(either, "0:ab 1:a") == [(1, "ab0 a1")]


def test_values_are_counted_as_a_multiset() -> None:
    """A value that left is no longer counted; one that is there twice may leave once."""
    section = {"type": "value_count", "rules": ["a"], "condition": {"gte": 2, "field": "v"}}
    assert alerts(section, "0:a=x 1:a=x 5.5:a=y") == [(5.5, "a1 a5.5")]
    assert alerts(section, "0:a=x 1:a=y 6.5:a=z", every=True) == [(1, "a0 a1")]


def test_values_are_compared_as_texts_exactly() -> None:
    section = {"type": "value_count", "rules": ["a"], "condition": {"gte": 2, "field": "v"}}
    assert alerts(section, "0:a=x 1:a=X") == [(1, "a0 a1")]
    rules = documents(section)
    evaluation = Evaluation(collection(rules))
    hits = []
    for number, value in enumerate([2, "2", 2.0]):
        fields = {"k": "a", "h": "g", "v": value}
        hits += evaluation.feed(str(number), Event(fields), number)
    assert [*hits, *evaluation.finish()][3:] == []


def test_an_event_without_the_value_counts_no_value() -> None:
    section = {"type": "value_count", "rules": ["a"], "condition": {"gte": 1, "field": "v"}}
    assert alerts(section, "0:a") == []


def test_several_fields_are_one_value_together() -> None:
    section = {"type": "value_count", "rules": ["a"], "condition": {"gte": 2, "field": ["v", "k"]}}
    assert alerts(section, "0:a=1 1:a=1") == []
    assert alerts(section, "0:a=1 1:ac=1") == [(1, "a0 ac1")]


@pytest.mark.parametrize(
    ("type_", "bound", "line", "expected"),
    [
        ("value_sum", {"gte": 0.3}, "0:a=0.1 1:a=0.2", [(1, "a0 a1")]),
        ("value_sum", {"gt": 0.3}, "0:a=0.1 1:a=0.1 2:a=0.1", []),  # three tenths, exactly
        ("value_sum", {"gte": 5}, "0:a=9 6:a=3", [(0, "a0")]),
        ("value_sum", {"gte": 0}, "0:a 1:a=x", []),  # no number, no sum
        ("value_avg", {"gte": 2}, "0:a=1 1:a=3", [(1, "a0 a1")]),
        ("value_median", {"gte": 2}, "0:a=1 1:a=9 2:a=2", [(1, "a0 a1")]),
        ("value_percentile", {"gte": 3, "percentile": 75}, "0:a=1 1:a=3 2:a=3", [(2, "a0 a1 a2")]),
        ("value_percentile", {"gt": 2.49, "percentile": 75}, "0:a=1 1:a=3", [(1, "a0 a1")]),
        ("value_percentile", {"gt": 2.5, "percentile": 75}, "0:a=1 1:a=3", []),
    ],
)
def test_numbers_are_exact_and_what_is_none_is_left_out(
    type_: str, bound: dict[str, Any], line: str, expected: list[tuple[float, str]]
) -> None:
    section = {"type": type_, "rules": ["a"], "condition": {"field": "v", **bound}}
    assert alerts(section, line) == expected


def test_without_percentile_it_is_the_share_of_the_newest_value() -> None:
    """The specification's example asks for values rarer than one percent."""
    rare = {"type": "value_percentile", "rules": ["a"], "timespan": "1h",
            "condition": {"field": "v", "lte": 10}}  # fmt: skip
    line = " ".join(f"{n}:a=common" for n in range(9))
    assert alerts(rare, line + " 9:a=rare")[-1][0] == 9
    assert alerts(rare, line + " 9:a=common") == []


# ---- several rules ----


def test_temporal_takes_any_order_and_ordered_only_its_own() -> None:
    assert alerts(BOTH, "0:b 1:a") == [(1, "b0 a1")]
    assert alerts(ORDER, "0:b 1:a") == []
    assert alerts(ORDER, "0:a 1:b") == [(1, "a0 b1")]


def test_one_event_alone_may_satisfy_temporal_but_never_two_steps() -> None:
    assert alerts(BOTH, "0:ab") == [(0, "ab0")]
    assert alerts(ORDER, "0:ab 1:") == []


def test_equal_times_are_not_ordered_without_a_sequence_number() -> None:
    assert alerts(ORDER, "0:a 0:b") == []
    for first, second, fires in ((1, 2, 1), (2, 1, 0), (0, 2, 0)):
        evaluation = Evaluation(collection(documents(ORDER)))
        list(evaluation.feed("x", Event({"k": "a", "h": "g"}), 7, seq=first))
        list(evaluation.feed("y", Event({"k": "b", "h": "g"}), 7, seq=second))
        assert len(list(evaluation.finish())) == fires


def test_the_earliest_chain_is_the_evidence() -> None:
    assert alerts(ORDER, "0:a 1:a 2:b 3:b", every=True)[-2:] == [(2, "a0 b2"), (3, "a0 b2")]


def test_two_of_three_in_order_do_not_ask_for_the_third() -> None:
    section = {**ORDER, "rules": ["a", "b", "c"], "condition": {"gte": 2}}
    assert alerts(section, "0:b 1:a 2:c") == [(2, "b0 a1 c2")]
    assert alerts(section, "0:c 1:b 2:a") == []


def test_conditions_over_rules() -> None:
    section = {**BOTH, "rules": ["a", "b", "c"], "condition": "a and (b or c)"}
    assert alerts(section, "0:b 1:c") == []
    assert alerts(section, "0:b 1:a") == [(1, "b0 a1")]
    negated = {**BOTH, "rules": ["a", "b", "c"], "condition": "a and not (b or c)"}
    assert alerts(negated, "0:a 1:c 9:") == []
    assert alerts(negated, "0:a 9:") == [(5, "a0")]


# ---- absence ----


def test_absence_is_told_at_its_deadline_and_not_before() -> None:
    assert alerts(ABSENT, "0:a 4.999:") == []
    assert alerts(ABSENT, "0:a 5:") == [(5, "a0")]


def test_what_comes_exactly_at_the_deadline_cancels() -> None:
    assert alerts(ABSENT, "0:a 5:b 9:") == []
    assert alerts(ABSENT, "0:a 5.001:b 9:") == [(5, "a0")]


def test_ordered_absence_looks_forward_and_temporal_to_both_sides() -> None:
    assert alerts(ABSENT, "0:b 2:a 9:") == [(7, "a2")]
    assert alerts(AROUND, "0:b 2:a 9:") == []
    assert alerts(AROUND, "0:b 5:a 12:") == []
    assert alerts(AROUND, "0:b 5.001:a 12:") == [(10.001, "a5.001")]


def test_every_positive_event_starts_its_own_clock() -> None:
    assert alerts(ABSENT, "0:a 2:a 6:b 9:", every=True) == [(5, "a0")]
    assert alerts(ABSENT, "0:a 2:a 9:", every=True) == [(5, "a0"), (7, "a2")]
    both = {**ORDER, "rules": ["a", "b", "c"], "condition": "a and b and not c"}
    assert alerts(both, "0:a 3:b 9:") == [(5, "a0 b3")]
    assert alerts(both, "0:a 3:b 4:c 9:") == []


def test_absence_and_presence_each_give_a_row_at_their_own_time() -> None:
    section = {**BOTH, "rules": ["a", "b", "c"], "condition": "c or (a and not b)"}
    assert alerts(section, "0:a 1:c 9:", every=True)[:2] == [(1, "c1"), (5, "a0")]
    assert alerts(section, "0:a 5:c 11:", every=True)[0] == (5, "a0 c5")  # one row of both


def test_a_condition_of_negations_only_is_refused() -> None:
    (problem,) = collection(documents({**BOTH, "condition": "not a and not b"})).problems
    assert problem.error.code == "MJ332"


def test_event_time_stops_at_the_last_event_of_any_key_or_at_until() -> None:
    assert alerts(ABSENT, "0:a 3:d@other") == []
    assert alerts(ABSENT, "0:a 5:d@other") == [(5, "a0")]
    assert alerts(ABSENT, "0:a", until=5_000) == [(5, "a0")]
    assert alerts(ABSENT, "0:a", until=4_999) == []
    found, evaluation = judged(documents(gte(2)), "0:a 1:a", until=500)
    assert (found, evaluation.counts["after"]) == ([], 1)


# ---- groups ----


def test_groups_are_counted_apart_and_compared_as_texts_exactly() -> None:
    assert alerts(gte(2), "0:a@x 1:a@y") == []
    assert alerts(gte(2), "0:a@h 1:a@H") == []
    evaluation = Evaluation(collection(documents(gte(2))))
    list(evaluation.feed("x", Event({"k": "a", "h": 1}), 0))
    list(evaluation.feed("y", Event({"k": "a", "h": "1"}), 1))
    (hit,) = evaluation.finish()
    assert hit.group == {"h": "1"}


def test_an_event_without_a_group_field_is_excluded_and_counted() -> None:
    found, evaluation = judged(documents(gte(2)), "0:a@ 1:a@ 2:a")
    assert (found, evaluation.counts["missing_group"]) == ([], 2)


def test_a_rule_may_group_events_without_the_field() -> None:
    rules = documents(gte(2), ours={"missing_group": "group"})
    found, evaluation = judged(rules, "0:a@ 1:a@ 2:a@g")
    assert (found, evaluation.counts["missing_group"]) == ([(1, "a0 a1")], 0)


def test_without_group_by_all_is_one_group() -> None:
    assert alerts({**gte(2), "group-by": NO_GROUP}, "0:a@x 1:a@y") == [(1, "a0 a1")]


def test_aliases_name_a_field_for_each_rule() -> None:
    section = {**ORDER, "group-by": ["who"], "aliases": {"who": {"a": "h", "b": "v"}}}
    assert alerts(section, "0:a@x=q 1:b@q=x") == [(1, "a0 b1")]
    assert alerts(section, "0:a@x=q 1:b@x=q") == []


# ---- chains ----


def test_a_parent_sees_every_row_of_its_child_at_the_time_of_its_last_event() -> None:
    rules = documents(gte(2), {"type": "event_count", "rules": ["c1"], "condition": {"gte": 2}})
    assert judged(rules, "0:a 1:a 2:a")[0] == [(2, "a0 a1 a2")]


def test_an_absent_child_comes_to_its_parent_at_its_deadline() -> None:
    parent = {**ORDER, "rules": ["c1", "d"], "condition": "c1 and d"}
    assert judged(documents(ABSENT, parent), "0:a 7:d")[0] == [(7, "a0 d7")]
    assert judged(documents(ABSENT, parent), "0:a 5:d 9:")[0] == []  # at one time: not ordered
    assert judged(documents(ABSENT, parent), "0:a 4:d 9:")[0] == []


def test_windows_of_a_chain_add_up() -> None:
    parent = {**ORDER, "rules": ["c1", "d"]}
    assert judged(documents(gte(2), parent), "0:a 5:a 10:d")[0] == [(10, "a0 a5 d10")]


def test_a_child_is_projected_on_the_groups_of_its_parent() -> None:
    child = gte(2)
    parent = {"type": "event_count", "rules": ["c1"], "group-by": ["v"], "condition": {"gte": 1}}
    evaluation = Evaluation(collection(documents(child, parent)))
    hits = []
    for identity, time, fields in events("0:a=p 1:a=q"):
        hits += evaluation.feed(identity, Event(fields), time)
    hits += evaluation.finish()
    assert [(hit.group["v"], hit.event_ids) for hit in hits] == [
        ("p", ("a0", "a1")), ("q", ("a0", "a1")),
    ]  # fmt: skip


def test_rules_that_are_referred_to_are_silent_unless_generate_says_otherwise() -> None:
    for generate, silent in ((None, True), (False, True), (True, False)):
        section = gte(2) | ({} if generate is None else {"generate": generate})
        evaluation = Evaluation(collection(documents(section)))
        hits = list(evaluation.feed("x", Event({"k": "ab", "h": "g"}), 0))
        assert [hit.rule for hit in hits] == (["b"] if silent else ["a", "b"])


@pytest.mark.parametrize(
    "sections",
    [
        [{"type": "event_count", "rules": ["nowhere"], "condition": {"gte": 1}}],
        [{"type": "event_count", "rules": ["c1"], "condition": {"gte": 1}}],
        [{"type": "event_count", "rules": ["c2"], "condition": {"gte": 1}},
         {"type": "event_count", "rules": ["c1"], "condition": {"gte": 1}}],
    ],
)  # fmt: skip
def test_references_that_lead_nowhere_or_in_a_circle_are_refused(
    sections: list[dict[str, Any]],
) -> None:
    problems = collection(documents(*sections)).problems
    assert [problem.reason for problem in problems] == ["reference"] * len(sections)


# ---- our namespace ----


@pytest.mark.parametrize(
    ("ours", "section", "line", "expected"),
    [
        # tumbling windows begin at multiples of T
        ({"window": "tumbling"}, gte(2), "4:a 5:a", []),
        ({"window": "tumbling"}, gte(2), "5:a 9.999:a", [(9.999, "a5 a9.999")]),
        ({"window": "tumbling"}, {**COUNT, "condition": {"lt": 2}}, "6:a 11:", [(9.999, "a6")]),
        # a session goes on while no silence is longer than the gap, and no longer than T
        ({"window": "session", "gap": "2s"}, gte(3), "0:a 2:a 4:a", [(4, "a0 a2 a4")]),
        ({"window": "session", "gap": "2s"}, gte(3), "0:a 2:a 4.001:a", []),
        ({"window": "session", "gap": "2s"}, gte(4), "0:a 2:a 4:a 6:a", []),
        ({"window": "session", "gap": "2s"}, {**COUNT, "condition": {"eq": 2}}, "0:a 2:a 9:",
         [(4, "a0 a2")]),
        # until cancels what came before
        ({"until": "b"}, gte(2), "0:a 1:b 2:a", []),
        ({"until": "b"}, gte(2), "0:a 1:b 2:a 3:a", [(3, "a2 a3")]),
        ({"until": "b"}, gte(2), "0:a 1:b@other 2:a", [(2, "a0 a2")]),
        ({"until": "c"}, ABSENT, "0:a 1:c 9:", []),
        ({"until": "c"}, ABSENT, "0:a 5:c 9:", []),
        ({"until": "c"}, {**COUNT, "condition": {"lt": 2}}, "0:a 1:c 9:", []),
        ({"emit": "every"}, gte(1), "0:a 1:a", [(0, "a0"), (1, "a0 a1")]),
    ],
)  # fmt: skip
def test_windows_until_and_emit(
    ours: dict[str, Any], section: dict[str, Any], line: str, expected: list[tuple[float, str]]
) -> None:
    assert judged(documents(section, ours=ours), line)[0] == expected


def test_absence_before_an_event_is_told_at_once() -> None:
    before = {"absent": "before"}
    for section in (ABSENT, AROUND):
        for line, expected in (
            ("0:a", [(0, "a0")]),  # at once, at the end of the input too
            ("0:b 5:a", []),  # closed: exactly T before it is still before
            ("0:b 5.001:a", [(5.001, "a5.001")]),
            ("0:a 1:b 2:a", [(0, "a0")]),  # what comes after does not matter
            ("0:a 1:b 7:a", [(0, "a0"), (7, "a7")]),  # and it ends the episode
            ("0:ab", []),
            ("0:b@x 1:a@y", [(1, "a1")]),
        ):
            assert judged(documents(section, ours=before), line)[0] == expected, line
    three = {**ORDER, "rules": ["a", "b", "c"], "condition": "a and b and not c"}
    for line, expected in (
        ("0:a 2:b", [(2, "a0 b2")]),
        ("0:b 2:a", []),
        ("0:c 1:a 2:b", []),
        ("0:a 1:c 2:b", []),
        ("0:c 4:a 6:b", [(6, "a4 b6")]),
    ):
        assert judged(documents(three, ours=before), line)[0] == expected, line


def test_where_something_is_absent_may_be_said() -> None:
    assert judged(documents(AROUND, ours={"absent": "after"}), "0:b 2:a 9:")[0] == [(7, "a2")]
    assert judged(documents(ABSENT, ours={"absent": "around"}), "0:b 2:a 9:")[0] == []
    (problem,) = collection(documents(ORDER, ours={"absent": "before"})).problems
    assert problem.error.code == "MJ336"
    (problem,) = collection(documents(ABSENT, ours={"absent": "befor"})).problems
    assert "before" in problem.error.fix_en


def test_absence_in_other_windows_is_refused() -> None:
    (problem,) = collection(documents(ABSENT, ours={"window": "tumbling"})).problems
    assert problem.error.code == "MJ336"


# ---- arrival ----


def test_an_event_as_late_as_allowed_is_in_time_and_a_later_one_is_counted() -> None:
    found, evaluation = judged(documents(gte(2)), "0:a 10:d 8:a", lateness=10_000)
    assert (found, evaluation.counts["late"]) == ([], 0)
    assert judged(documents(gte(3)), "0:a 1:a 10:a 2:a", lateness=8_000)[0] == [(2, "a0 a1 a2")]
    found, evaluation = judged(documents(gte(3)), "0:a 1:a 10:a 2:a", lateness=7_999)
    assert (found, evaluation.counts["late"]) == ([], 1)


def test_a_repeated_id_counts_once_and_one_with_other_content_is_told() -> None:
    found, evaluation = judged(documents(gte(2)), "0:a#x 0:a#x")
    assert (found, evaluation.counts["repeated"]) == ([], 1)
    found, evaluation = judged(documents(gte(2)), "0:a#x 1:a=5#x")
    assert (found, evaluation.counts["conflict"]) == ([], 1)


def test_state_of_finished_windows_is_gone() -> None:
    for section in (gte(2), BOTH, ORDER, ABSENT, AROUND, {**COUNT, "condition": {"lt": 2}}):
        rules = {"c1": parse_correlation({"timespan": "5s", "group-by": ["h"], **section})}
        correlator = Correlator(rules)
        for number in range(40):
            group = f"g{number % 7}"
            correlator.observe(str(number), number * 100, lambda _, g=group: g, ["a"])
        correlator.advance(4_000)
        assert correlator.open_groups() == 7
        correlator.advance(15_000)
        assert correlator.open_groups() == 0


def test_one_rule_twice_is_refused_with_the_way_to_say_it() -> None:
    (problem,) = collection(documents({**ORDER, "rules": ["a", "a"]})).problems
    assert problem.error.code == "MJ302"
    assert "event_count" in problem.error.fix_en


# ---- rules as the specification writes them ----


PUBLISHED = """\
title: Sign-in refused
name: refused
logsource: {product: vpn}
detection: {s: {outcome: refused}, condition: s}
---
title: Sign-in granted
name: granted
logsource: {product: vpn}
detection: {s: {outcome: granted}, condition: s}
---
title: Guessing
id: 5c1f0f3a-9f64-4c36-9b86-8a2f0d6f2a11
name: guessing
correlation:
  type: event_count
  rules: [refused]
  group-by: [account]
  timespan: 5m
  condition: {gte: 3}
---
title: Guessed
correlation:
  type: temporal_ordered
  rules: [5c1f0f3a-9f64-4c36-9b86-8a2f0d6f2a11, granted]
  group-by: [account]
  timespan: 10m
level: high
---
title: Some, but not many
correlation:
  type: event_count
  rules: [refused]
  group-by: [account]
  timespan: 1h
  condition: {gt: 1, lte: 3}
---
title: Far too much
correlation:
  type: value_sum
  rules: [granted]
  timespan: 1d
  group-by: [account]
  condition: {field: bytes, gt: 1000}
---
title: Two names for one host
correlation:
  type: temporal
  rules: [refused, granted]
  aliases:
    host: {refused: source, granted: target}
  group-by: [host]
  timespan: 1m
---
title: Nobody got in
correlation: {type: temporal, timespan: 5m, group-by: [account], condition: refused and not granted}
"""


def test_collections_of_the_published_forms_load_and_judge() -> None:
    found = load_collection([("r.yml", PUBLISHED)])
    assert found.problems == ()
    evaluation = Evaluation(found)
    hits = []
    for second, (outcome, more) in enumerate(
        [("refused", {"source": "s"}), ("refused", {}), ("refused", {}),
         ("granted", {"bytes": 1001, "target": "s"}), ("other", {})]
    ):  # fmt: skip
        fields = {"outcome": outcome, "account": "x", **more}
        hits += evaluation.feed(str(second), Event(fields), second * 1000)
    hits += evaluation.finish()
    assert {hit.rule: hit.event_ids for hit in hits} == {
        "Guessed": ("0", "1", "2", "3"),
        "Far too much": ("3",),
        "Two names for one host": ("0", "3"),
    }


# ---- folds ----


@pytest.mark.parametrize(
    "kind", ["value_count", "value_sum", "value_avg", "value_median", "value_percentile"]
)
def test_folds_give_back_what_they_took(kind: str) -> None:
    fold = fold_of(Correlation(kind, ("a",), (), 1))
    empty, full = fold.result(), []
    values = ["1", "2", "2", "0.5", "x", "1e3"]
    for _ in range(2):
        for value in values:
            fold.add([value])
        full.append(fold.result())
        for value in values:
            fold.remove([value])
        assert fold.result() == empty
    assert full[0] == full[1] != empty


def test_the_pages_name_only_tests_that_are_there() -> None:
    here = Path(__file__).parent
    tests = {
        name
        for path in here.parent.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    for page in PAGES:
        named = set(re.findall(r"`(test_\w+)`", page.read_text("utf-8")))
        assert len(named) > 25, page.name
        assert named - tests == set(), page.name
