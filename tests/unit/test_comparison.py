"""Why an alert is missing, or too much: every reason, and which of them are faults."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rules.alert import Alert, Late
from rules.comparison import REASONS, compare
from rules.edges import Edges
from rules.rejudge import Judged
from rules.ruleset import RuleTimeline
from tests.support import records
from tests.support.rule_files import COUNTING, ruleset

T0 = records.T0


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> RuleTimeline:
    return RuleTimeline([(0, ruleset(tmp_path_factory.mktemp("rules"), COUNTING, digest="r1"))])


def alert(number: int, **changes: Any) -> Alert:
    """Alert `number` of a correlation, a second after the one before."""
    own = {"rule": records.rule("t2_burst"), "group": {"tenant": "demo", "sender": f"s{number}"}}
    return msgspec.json.decode(records.alert(number, **(own | changes)).body, type=Alert)


def late(**changes: Any) -> Late:
    return msgspec.json.decode(records.late(1, rule="t2_burst", **changes).body, type=Late)


def compared(
    timeline: RuleTimeline,
    now: list[Alert],
    live: list[Alert],
    lates: list[Late] = [],  # noqa: B006
    told: tuple[str, ...] = (),
    since: int | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    edges = Edges(timeline, since)
    edges.close()
    judged = Judged({one.alert_id: one for one in now}, frozenset(), edges, 0)
    found = compare(judged, live, lates, told, {"r1"})
    assert found.same == {one.alert_id for one in now} & {
        one.alert_id for one in live if one.status != "retracted"
    }
    faults = {"lost", "undelivered", "taken_back"} & set(found.missing.values())
    assert bool(found.faults) == bool(faults)
    assert found.complete == (not faults and "unexplained" not in found.surplus.values())
    return found.missing, found.surplus


def test_all_there_is_nothing_to_say(timeline: RuleTimeline) -> None:
    both = [alert(1), alert(2)]
    assert compared(timeline, both, both) == ({}, {})


def test_missing_everywhere_is_lost_and_what_the_job_told_is_not_delivered(
    timeline: RuleTimeline,
) -> None:
    one, two = alert(1), alert(2)
    missing, _ = compared(timeline, [one, two], [], told=(two.alert_id,))
    assert missing == {one.alert_id: "lost", two.alert_id: "undelivered"}


def test_what_was_taken_back_is_not_there(timeline: RuleTimeline) -> None:
    one = alert(1)
    taken_back = msgspec.structs.replace(one, status="retracted", retraction="undone")
    missing, surplus = compared(timeline, [one], [taken_back])
    assert (missing, surplus) == ({one.alert_id: "taken_back"}, {})
    assert compared(timeline, [], [taken_back]) == ({}, {})


def test_a_message_that_was_late_then_explains_it(timeline: RuleTimeline) -> None:
    one = alert(1)
    missing, _ = compared(timeline, [one], [], [late(msgid=one.members[0].msgid)])
    assert missing == {one.alert_id: "late"}
    missing, _ = compared(timeline, [one], [], [late(msgid="other", group=one.group)])
    assert missing == {one.alert_id: "late"}
    missing, _ = compared(timeline, [one], [], [late(msgid="other")])
    assert missing == {one.alert_id: "lost"}


def test_an_alert_that_a_late_message_moved_is_not_a_second_one(timeline: RuleTimeline) -> None:
    then = alert(1)
    now = alert(2, group=then.group, first_time=then.first_time)
    came_late = late(msgid=now.members[0].msgid)
    missing, surplus = compared(timeline, [now], [then], [came_late])
    assert missing == {now.alert_id: "moved"}
    assert surplus == {then.alert_id: "late"}


def test_other_rules_explain_both_sides(timeline: RuleTimeline) -> None:
    now, then = alert(1), alert(2, ruleset="r0")
    missing, surplus = compared(timeline, [now], [then])
    assert missing == {now.alert_id: "rules"}
    assert surplus == {then.alert_id: "rules"}


def test_where_the_rules_changed_between_two_alerts_either_may_have_judged(
    timeline: RuleTimeline,
) -> None:
    before, now, after = alert(1, ruleset="r0"), alert(2), alert(3)
    missing, _ = compared(timeline, [now, after], [before, after])
    assert missing == {now.alert_id: "lost"}


def test_what_hangs_on_messages_that_were_not_read_is_undecided(timeline: RuleTimeline) -> None:
    now, then = alert(1), alert(400)
    missing, surplus = compared(timeline, [now], [then], since=T0 - 1000)
    assert missing == {now.alert_id: "undecided"}
    assert surplus == {then.alert_id: "undecided"}
    # the same alert in the job's own outputs is certain: whoever told it knew the messages
    missing, _ = compared(timeline, [now], [], told=(now.alert_id,), since=T0 - 1000)
    assert missing == {now.alert_id: "undelivered"}


def test_what_is_too_much_is_named(timeline: RuleTimeline) -> None:
    one, ahead = alert(1), alert(2, status="speculative")
    _, surplus = compared(timeline, [], [one, ahead])
    assert surplus == {one.alert_id: "unexplained", ahead.alert_id: "not_ended"}


def test_every_reason_is_said_in_both_languages() -> None:
    assert all(en and zh for en, zh in REASONS.values())
