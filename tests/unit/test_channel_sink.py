"""What is told, once, by the policy, whatever fails: the outbox of a channel and its deliverer."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.channels import Channel
from config.settings import Outputs, Settings, Source, Target, load
from jobs import deliver
from jobs.cli import alerts as alert_commands
from jobs.delivery.lane import LaneState
from rules.alert import FINAL, RETRACTED, SPECULATIVE
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import RESOLVED, incident
from sinks.base import Record, SinkBusy
from sinks.channels import outbox
from sinks.channels.message import Away, Message, Refused
from sinks.channels.policy import Policy
from sinks.channels.sink import ChannelSink
from sinks.progress import PartlyBusy
from tests.support import receivers
from tests.support.records import T0, alert, evidence, rule, write_part


class Heard:
    """A sender that writes down what is told; `answers` are raised first: it did not come. With
    `mute` it came, and the answer is lost."""

    proof = "", ""

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self.heard: list[tuple[str, list[str]]] = []
        self.ids: list[str] = []
        self.tried: list[str] = []
        self.more: list[int] = []
        self.answers: list[Exception] = []
        self.poison = ""
        self.mute = False

    def send(self, told: Message) -> None:
        self.tried.append(told.id)
        if self.answers:
            raise self.answers.pop(0)
        names = {one.rule.name for one in told.alerts}
        if self.poison in names:
            raise Away("soc", "HTTP 500", "HTTP 500")
        found = [one.alert_id for one in told.alerts] + [o.incident_id for o in told.incidents]
        self.heard.append((told.kind, found))
        self.ids.append(told.id)
        self.more.append(told.more)
        if self.mute:
            raise SinkBusy("soc", "no answer")

    def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 1_772_600_000.0  # 12:53 in Shanghai

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sink(folder: Path, heard: Heard, clock: Clock, **policy: Any) -> ChannelSink:
    found = ChannelSink("soc", heard, Policy(**policy), folder / "soc.db", now=clock)
    found.open()
    return found


def tell(channel: ChannelSink, *records: Record) -> None:
    channel.write(records)
    if channel.due():
        channel.tick()


def gap(key: str = "7", **changes: Any) -> Record:
    found = incident("sequence_gap", tenant="demo", source="archive", key=key, time=T0, **changes)
    return Record("incidents", found.incident_id, msgspec.json.encode(found))


# ---- once


def test_an_alert_is_told_once_however_often_it_comes(tmp_path, heard, clock) -> None:
    first = sink(tmp_path, heard, clock)
    assert first.write([alert(1), evidence(1)]).written == 1
    first.tick()
    assert first.write([alert(1)]).duplicates == 1
    first.close()
    again = sink(tmp_path, heard, clock)  # the deliverer was started anew
    clock.now += 3_600
    assert again.write([alert(1)]).duplicates == 1
    again.tick()
    assert heard.heard == [("alert", [alert(1).id])]


def test_what_an_earlier_process_left_is_told_without_anything_new(tmp_path, heard, clock) -> None:
    first = sink(tmp_path, heard, clock)
    first.write([alert(1)])
    first.close()
    again = sink(tmp_path, heard, clock)
    assert again.due()
    again.tick()
    assert heard.heard == [("alert", [alert(1).id])]
    assert not again.due()


def test_a_message_that_was_not_confirmed_is_sent_again_as_it_was(tmp_path, heard, clock) -> None:
    """The receiver may have it: it knows a repeat by its id, and what came since is another."""
    heard.answers = [SinkBusy("soc", "no answer")]
    first = sink(tmp_path, heard, clock)
    first.write([alert(1)])
    with pytest.raises(SinkBusy):
        first.tick()
    first.close()
    again = sink(tmp_path, heard, clock, group_s=0)
    tell(again, alert(2))
    assert heard.heard == [("alert", [alert(1).id]), ("alert", [alert(2).id])]
    assert heard.tried[0] == heard.tried[1] != heard.tried[2]


def test_a_disk_that_is_full_after_sending_makes_no_second_message(
    tmp_path, heard, clock, monkeypatch
) -> None:
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(1)])
    real = outbox.Outbox.confirmed

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(outbox.Outbox, "confirmed", full)
    for _ in range(3):
        with pytest.raises(SinkBusy, match="disk is full"):
            channel.tick()
    monkeypatch.setattr(outbox.Outbox, "confirmed", real)
    channel.tick()
    assert heard.heard == [("alert", [alert(1).id])]
    assert channel.left() == ""


def test_an_outbox_that_cannot_be_opened_is_opened_when_it_can(tmp_path, heard, clock) -> None:
    (tmp_path / "soc.db").write_bytes(b"no database " * 1000)
    channel = ChannelSink("soc", heard, Policy(), tmp_path / "soc.db", now=clock)
    for _ in range(2):
        with pytest.raises(MingjianError, match="cannot write what is to be told"):
            channel.open()
    (tmp_path / "soc.db").unlink()
    channel.open()
    tell(channel, alert(1))
    assert heard.heard == [("alert", [alert(1).id])]


def test_one_process_at_a_time_tells_a_channel(tmp_path, heard, clock) -> None:
    first = sink(tmp_path, heard, clock)
    with pytest.raises(SinkBusy, match="another deliverer"):
        sink(tmp_path, heard, clock)
    first.close()
    sink(tmp_path, heard, clock).close()


# ---- grouping and amounts


def test_what_comes_between_is_one_message_later(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=60)
    for number in (1, 2, 3):
        tell(channel, alert(number))
    assert len(heard.heard) == 1
    assert channel.left() == "2 to be told, next at 2026-03-04 12:54:20"
    clock.now += 61
    channel.tick()
    assert heard.heard[1:] == [("alert", [alert(2).id, alert(3).id])]
    assert channel.left() == ""


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        (("rule",), [[1, 3], [2]]),
        (("actor",), [[1, 2], [3]]),
        (("rule", "actor"), [[1], [2], [3]]),
        (("conversation",), [[1], [2, 3]]),
        ((), [[1, 2, 3]]),
    ],
)
def test_alerts_are_grouped_as_asked(tmp_path, heard, clock, group_by, groups) -> None:
    channel = sink(tmp_path, heard, clock, group_by=group_by)
    tell(
        channel,
        alert(1, rule=rule("a"), actor="x", conversation="c1"),
        alert(2, rule=rule("b"), actor="x", conversation="c2"),
        alert(3, rule=rule("a"), actor="y", conversation="c2"),
    )
    found = sorted(told for _, told in heard.heard)
    assert found == sorted([[alert(number).id for number in group] for group in groups])


def test_a_digest_is_one_message_an_hour_and_a_grave_alert_waits_with_the_others(
    tmp_path, heard, clock
) -> None:
    channel = sink(
        tmp_path, heard, clock, group_by=(), group_s=3600, quiet=(20 * 60, 7 * 60), quiet_response=3
    )
    tell(channel, alert(1, rule=rule("a")))
    assert heard.heard == [("alert", [alert(1).id])], "the first at once"
    clock.now += 600
    tell(channel, alert(2, rule=rule("b")), alert(3, rule=rule("c", response=3)), alert(4))
    tell(channel, alert(5, status=RETRACTED), gap())
    assert heard.heard[1:] == [("incident", [gap().id])], "incidents are apart"
    clock.now += 2_999
    channel.tick()
    assert len(heard.heard) == 2
    clock.now += 1
    channel.tick()
    together = [alert(3).id, alert(2).id, alert(4).id]  # the gravest first
    assert heard.heard[2:] == [("alert", together)]
    clock.now += 3 * 3_600
    channel.tick()
    assert len(heard.heard) == 3, "without news there is no message"
    clock.now += 5 * 3_600  # quiet hours
    tell(channel, alert(6), alert(7, rule=rule("c", response=3)))
    assert heard.heard[3:] == [("alert", [alert(7).id])]
    clock.now += 10 * 3_600
    channel.tick()
    assert heard.heard[4:] == [("alert", [alert(6).id])]


def test_machines_get_every_alert_and_people_a_number(tmp_path, clock) -> None:
    many = [alert(number) for number in range(outbox.MOST * 2 + 5)]
    machine, people = Heard(), Heard(whole=False)
    for name, heard in (("m", machine), ("p", people)):
        (tmp_path / name).mkdir()
        tell(sink(tmp_path / name, heard, clock), *many)
    told = [one for _, found in machine.heard for one in found]
    assert told == [one.id for one in many]
    assert [len(found) for _, found in machine.heard] == [50, 50, 5]
    assert len(set(machine.ids)) == 3
    assert [len(found) for _, found in people.heard] == [50]
    assert people.more == [55]


def test_a_full_outbox_takes_no_more_until_there_is_room(
    tmp_path, heard, clock, monkeypatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 2_000)
    channel = sink(tmp_path, heard, clock)
    heard.answers = [SinkBusy("soc", "HTTP 503")]
    taken: list[int] = []

    def fill() -> None:
        for number in range(5):
            channel.write([alert(number)])
            taken.append(number)

    with pytest.raises(SinkBusy, match="HTTP 503; as much waits to be told as may"):
        fill()
    left = len(taken)
    channel.write([alert(left)])
    clock.now += 61
    channel.tick()
    told = [one for _, found in heard.heard for one in found]
    assert told == [alert(number).id for number in range(left + 1)]


def test_what_a_full_outbox_did_not_take_in_is_not_said_to_be_settled(
    tmp_path, heard, clock, monkeypatch
) -> None:
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(n, rule=rule(str(n))) for n in (1, 2)])
    monkeypatch.setattr(outbox, "MOST_BYTES", 1)
    heard.answers = [Refused("HTTP 413"), SinkBusy("soc", "HTTP 503")]  # room for none yet
    with pytest.raises(SinkBusy) as raised:
        channel.write([alert(3)])
    assert not isinstance(raised.value, PartlyBusy)
    (refused,) = channel.tick().rejected
    assert refused.record.id == alert(1).id


def test_a_clock_that_was_ahead_and_is_put_right_silences_nobody(tmp_path, heard, clock) -> None:
    """What was sent "in the future" holds up the next as if it were sent just now: once."""
    channel = sink(tmp_path, heard, clock, group_s=60, per_minute=2)
    right, clock.now = clock.now, clock.now + 7 * 86_400
    tell(channel, alert(1), alert(2, rule=rule("b")))
    tell(channel, alert(3))  # waits for the end of a minute that is a week away
    clock.now = right
    assert channel.due(), "it looks again, whatever it was waiting for"
    channel.tick()
    assert channel.left() == "1 to be told, next at 2026-03-04 12:54:20"
    for _ in range(6):
        clock.now += 10.5
        if channel.due():
            channel.tick()
    assert heard.heard[2:] == [("alert", [alert(3).id])]
    tell(channel, alert(4, rule=rule("c")))
    assert heard.heard[3:] == [("alert", [alert(4).id])], "the rate is free, too"


def test_a_channel_that_was_away_is_tried_again_when_the_clock_is_put_back(
    tmp_path, heard, clock
) -> None:
    heard.answers = [Away("soc", "HTTP 503", "HTTP 503")]
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(1)])
    with pytest.raises(Away):
        channel.tick()
    assert channel.due()
    clock.now -= 86_400
    assert channel.due()
    channel.tick()
    assert heard.heard == [("alert", [alert(1).id])]


# ---- what is not told


def test_only_what_the_channel_is_for_is_told(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, min_response=3, incidents=False)
    tell(channel, alert(1, rule=rule(response=2)), alert(2, rule=rule(response=3)), gap())
    assert heard.heard == [("alert", [alert(2).id])]


def test_alerts_that_are_too_old_are_not_told(tmp_path, heard, clock) -> None:
    clock.now = T0 / 1000 + 3_600
    channel = sink(tmp_path, heard, clock, max_age_s=3_600)
    tell(channel, alert(0, time=T0 - 1), alert(1, time=T0 + 1))
    assert heard.heard == [("alert", [alert(1).id])]


def test_in_quiet_hours_the_gravest_are_told_and_the_rest_in_the_morning(
    tmp_path, heard, clock
) -> None:
    channel = sink(tmp_path, heard, clock, quiet=(12 * 60, 13 * 60))
    tell(channel, alert(1), alert(2), alert(3, rule=rule("grave", response=3)), gap())
    assert [told for _, told in heard.heard] == [[alert(3).id], [gap().id]]
    assert channel.left() == "2 to be told, next at 2026-03-04 13:00:00"
    clock.now += 7 * 60
    channel.tick()
    assert heard.heard[2:] == [("alert", [alert(1).id, alert(2).id])]


def test_what_is_no_alert_is_refused_and_blocks_nothing(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock)
    broken = Record("alerts", "1", b'{"alert_id": "1"}')
    (refused,) = channel.write([broken, alert(1)]).rejected
    assert refused.record == broken
    assert "rule" in refused.reason or "tenant" in refused.reason
    channel.tick()
    assert heard.heard == [("alert", [alert(1).id])]


# ---- taken back, over


def test_what_was_told_ahead_is_told_once_and_taken_back(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=0)
    for status in (SPECULATIVE, SPECULATIVE):
        tell(channel, alert(1, status=status))
    tell(channel, alert(1, status=RETRACTED), alert(2, status=RETRACTED))
    tell(channel, alert(2, status=SPECULATIVE))  # comes after its end: a repeat
    tell(channel, alert(1, status=FINAL))  # stands after all
    assert heard.heard == [
        ("alert", [alert(1).id]),
        ("retraction", [alert(1).id]),
        ("alert", [alert(1).id]),
    ]
    assert len(set(heard.ids)) == 3  # a receiver must not take the last for a repeat


def test_what_was_told_ahead_in_vain_is_told_when_it_is_confirmed(tmp_path, heard, clock) -> None:
    """It keeps its id: a receiver that has it after all knows the repeat."""
    heard.answers = [Away("soc", "HTTP 503", "HTTP 503")]
    channel = sink(tmp_path, heard, clock, group_s=0)
    channel.write([alert(1, status=SPECULATIVE)])
    with pytest.raises(Away):
        channel.tick()
    tell(channel, alert(1, status=FINAL))
    assert heard.heard == [("alert", [alert(1).id])]
    assert len(set(heard.tried)) == 1


def test_what_was_perhaps_taken_back_and_stands_after_all_is_told(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=0)
    tell(channel, alert(1, status=SPECULATIVE))
    heard.mute = True
    channel.write([alert(1, status=RETRACTED)])
    with pytest.raises(SinkBusy):
        channel.tick()
    heard.mute = False
    tell(channel, alert(1, status=FINAL))
    assert [kind for kind, _ in heard.heard] == ["alert", "retraction", "alert"]


def test_what_comes_after_a_refused_one_is_not_lost_with_it(tmp_path, heard, clock) -> None:
    heard.answers = [Refused("HTTP 413")]
    channel = sink(tmp_path, heard, clock, group_s=0)
    channel.write([alert(1, status=SPECULATIVE)])
    (refused,) = channel.tick().rejected
    assert refused.record.body == alert(1, status=SPECULATIVE).body
    channel.write([alert(1, status=FINAL)])  # before the deliverer calls again
    channel.tick()
    assert heard.heard == [("alert", [alert(1).id])]


STEPS = [SPECULATIVE, RETRACTED, FINAL, "tick", "fail", "mute"]


@given(st.lists(st.sampled_from(STEPS), max_size=9))
@settings(deadline=None, max_examples=120)
def test_in_the_end_people_know_what_is_so(tmp_path_factory, steps: list[str]) -> None:
    """Whatever comes in whatever order, whichever message or answer is lost, they were told it
    stands exactly when it stands."""
    heard, ranks = Heard(), {SPECULATIVE: 1, RETRACTED: 2, FINAL: 3}
    channel = sink(tmp_path_factory.mktemp("box"), heard, Clock(), group_s=0, per_minute=1000)
    for step in steps:
        if step in ranks:
            channel.write([alert(1, status=step)])
            continue
        heard.answers = [SinkBusy("soc", "HTTP 503")] if step == "fail" else []
        heard.mute = step == "mute"
        with suppress(SinkBusy):
            channel.tick()
    heard.answers, heard.mute = [], False
    channel.tick()
    channel.close()
    first = dict(zip(reversed(heard.ids), reversed(heard.heard), strict=True))  # repeats are known
    told = [first[one][0] for one in dict.fromkeys(heard.ids)]
    holds = max((step for step in steps if step in ranks), key=ranks.get, default=RETRACTED)
    assert (told[-1:] == ["alert"]) == (holds != RETRACTED)
    if not {"fail", "mute"} & set(steps):
        assert all(one != two for one, two in pairwise(told))
        assert told[:1] != ["retraction"]


def test_incidents_are_told_and_told_to_be_over(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=0)
    tell(channel, gap())
    tell(channel, gap())
    tell(channel, gap(status=RESOLVED), gap("8", status=RESOLVED))
    tell(channel, gap("8"))
    assert heard.heard == [("incident", [gap().id]), ("resolved", [gap().id])]


# ---- what fails


def test_a_channel_that_is_away_takes_in_what_comes_and_tells_it_later(
    tmp_path, heard, clock
) -> None:
    heard.answers = [SinkBusy("soc", "HTTP 503")] * 3
    channel = sink(tmp_path, heard, clock)
    assert channel.write([alert(1)]).written == 1
    with pytest.raises(SinkBusy):
        channel.tick()
    assert channel.due()
    assert channel.write([alert(2, rule=rule("grave", response=3))]).written == 1
    with pytest.raises(SinkBusy):
        channel.tick()
    channel.tick()
    assert [told for _, told in heard.heard] == [[alert(2).id], [alert(1).id]]  # gravest first


def test_one_message_that_fails_for_ever_blocks_no_other(tmp_path, heard, clock) -> None:
    heard.poison = "bad"
    channel = sink(tmp_path, heard, clock, group_s=0)
    channel.write([alert(1, rule=rule("bad", response=3)), alert(2), alert(3, rule=rule("c"))])
    with pytest.raises(SinkBusy):
        channel.tick()
    assert [told for _, told in heard.heard] == [[alert(2).id], [alert(3).id]]
    channel.write([alert(4)])
    with pytest.raises(SinkBusy):
        channel.tick()
    heard.poison = "none"
    channel.tick()
    assert [told for _, told in heard.heard[2:]] == [[alert(4).id], [alert(1).id]]


def test_a_channel_that_asks_for_patience_is_not_tried_with_another_message(
    tmp_path, heard, clock
) -> None:
    heard.answers = [SinkBusy("soc", "errcode 45009", 60.0)]
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(1), alert(2, rule=rule("b"))])
    with pytest.raises(SinkBusy) as raised:
        channel.tick()
    assert raised.value.retry_after == 60.0
    assert len(heard.tried) == 1


def test_what_a_channel_refuses_is_set_aside_and_blocks_nothing(tmp_path, heard, clock) -> None:
    heard.answers = [Refused("HTTP 413")]
    channel = sink(tmp_path, heard, clock, group_s=0)
    channel.write([alert(1), alert(2, rule=rule("b"))])
    (refused,) = channel.tick().rejected
    assert (refused.record, refused.reason) == (alert(1), "HTTP 413")
    assert heard.heard == [("alert", [alert(2).id])]
    channel.close()
    again = sink(tmp_path, heard, clock)  # killed before it was written down as set aside
    assert again.tick().rejected == (refused,)
    assert again.tick().rejected == ()
    assert again.write([alert(1)]).duplicates == 1


def test_what_was_refused_before_the_channel_went_away_is_set_aside(tmp_path, heard, clock) -> None:
    heard.answers = [Refused("HTTP 413"), SinkBusy("soc", "HTTP 503"), SinkBusy("soc", "HTTP 503")]
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(n, rule=rule(str(n))) for n in (1, 2, 3)])
    with pytest.raises(PartlyBusy) as raised:
        channel.tick()
    assert [one.record.id for one in raised.value.result.rejected] == [alert(1).id]


# ---- the whole way


def settings_in(folder: Path, *channels: Channel, targets: tuple[Target, ...] = ()) -> Settings:
    return Settings(
        profile="embedded",
        tenant="demo",
        data_dir=str(folder / "var"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=targets,
        channels=channels,
    )


def test_the_deliverer_tells_a_webhook_what_the_job_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_SOC_SECRET", "s3cret")
    write_part(tmp_path / "outputs", [alert(1), evidence(1), alert(2)])
    (tmp_path / "outputs/evidence/part-0-1").write_bytes(
        b"no record\n"
    )  # not for a channel to read
    with receivers.http() as seen:
        given = settings_in(tmp_path, Channel(kind="webhook", name="soc", url=seen.url))
        (done,) = deliver.run(given, once=True).targets
        assert (done.target, done.state, done.written, done.rejected) == ("soc", "done", 2, 0)
        deliver.run(given, once=True)
    ((headers, body),) = seen.got
    assert len(json.loads(body)["alerts"]) == 2
    assert headers["X-Mingjian-Signature"].startswith("v1=")


def test_what_is_left_for_later_is_said_at_the_end(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1)])
    with receivers.http() as seen:
        given = settings_in(tmp_path, Channel(kind="webhook", name="soc", url=seen.url))
        deliver.run(given, once=True)
        write_part(tmp_path / "outputs", [alert(2)], "part-0-1")
        (done,) = deliver.run(given, once=True).targets
    assert done.why.startswith("1 to be told, next at ")
    assert len(seen.got) == 1


def test_a_channel_that_is_away_stops_no_other_target_and_loses_nothing(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1), evidence(1)])
    with receivers.http() as seen:
        index = Target(kind="sqlite", name="index", path=str(tmp_path / "index.db"))
        channel = Channel(kind="webhook", name="soc", url=seen.url)
        given = settings_in(tmp_path, channel, targets=(index,))
        seen.answers = [(503, b"", {})] * 50
        with pytest.raises(MingjianError, match="'soc' did not take the records: HTTP 503"):
            deliver.run(given, once=True, patience_s=0.1)
        with sqlite3.connect(tmp_path / "index.db") as db:
            assert db.execute("SELECT count(*) FROM alerts").fetchone() == (1,)
        seen.answers.clear()
        tries = len(seen.got)
        deliver.run(given, once=True)
    assert len(seen.got) == tries + 1
    ids = {headers["X-Mingjian-Id"] for headers, _ in seen.got}
    assert len(ids) == 1


def test_while_a_channel_is_away_new_alerts_come_in_and_it_is_tried_again(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1)])
    stop, states = threading.Event(), []

    def note(lanes: tuple[LaneState, ...]) -> None:
        states.extend((lane.state, lane.why) for lane in lanes)

    with receivers.http() as seen:
        seen.answers = [(503, b"", {})] * 1000
        given = settings_in(tmp_path, Channel(kind="webhook", name="soc", url=seen.url))
        thread = threading.Thread(
            target=lambda: deliver.run(given, once=False, stop=stop, on_progress=note)
        )
        thread.start()
        wait_for(lambda: ("waiting", "HTTP 503") in states)
        write_part(tmp_path / "outputs", [alert(2, rule=rule("b", response=3))], "part-0-1")
        wait_for(lambda: alert(2).id in "".join(body.decode() for _, body in seen.got))
        tries = len(seen.got)
        seen.answers.clear()
        wait_for(lambda: states[-1] == ("idle", ""))
        stop.set()
        thread.join()
    told = [one["alert_id"] for _, body in seen.got[-2:] for one in json.loads(body)["alerts"]]
    assert sorted(told) == sorted([alert(1).id, alert(2).id])
    assert len(seen.got) > tries


def test_killed_before_the_answer_the_deliverer_sends_the_same_message_once_more(
    tmp_path: Path,
) -> None:
    write_part(tmp_path / "outputs", [alert(1), alert(2)])
    with receivers.http() as seen:
        words = (
            f"data_dir={tmp_path / 'var'}", f"outputs.path={tmp_path / 'outputs'}", "targets=[]",
            f"channels=[{{kind: webhook, name: soc, url: '{seen.url}', group_s: 0}}]",
        )  # fmt: skip
        options = [word for one in words for word in ("--set", one)]
        command = [sys.executable, "-m", "jobs.cli.main", "deliver", *options]
        running: list[subprocess.Popen[bytes]] = []
        ready = threading.Event()

        def kill() -> None:
            ready.wait(20)
            running[0].kill()
            running[0].wait(20)

        seen.before = kill
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        ready.set()
        assert running[0].wait(60) == -signal.SIGKILL
        seen.before = None
        write_part(tmp_path / "outputs", [alert(3)], "part-0-1")
        for _ in range(2):
            subprocess.run(command, check=True, capture_output=True, timeout=60)
    told = [json.loads(body) for _, body in seen.got]
    assert told[0] == told[1]
    assert [[one["alert_id"] for one in body["alerts"]] for body in told[1:]] == [
        [alert(1).id, alert(2).id],
        [alert(3).id],
    ]


def test_what_a_channel_refuses_is_kept_with_the_reason(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1)])
    with receivers.http() as seen:
        seen.answers = [(413, b"", {})]
        given = settings_in(tmp_path, Channel(kind="webhook", name="soc", url=seen.url))
        (done,) = deliver.run(given, once=True).targets
    assert done.rejected == 1
    with sqlite3.connect(tmp_path / "var/deliver/soc.db") as db:
        rows = db.execute("SELECT topic, id, reason, body FROM rejected").fetchall()
    assert rows == [("alerts", alert(1).id, "HTTP 413", alert(1).body)]


def wait_for(done: Any) -> None:
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    assert done()


# ---- settings


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("{kind: fax, name: a, url: 'https://x'}", "channels[0].kind"),
        ("{kind: webhok, name: a, url: 'https://x'}", "did you mean 'webhook'?"),
        ("{kind: webhook, name: a, url: 'ftp://x'}", "channels[0].url"),
        ("{kind: webhook, name: a, url: 'https://me:pw@x/'}", "channels[0].url"),
        ("{kind: webhook, name: a, url: 'https://a..b/'}", "channels[0].url"),
        ("{kind: webhook, name: 'a b', url: 'https://x'}", "channels[0].name"),
        ("{kind: wecom_robot, name: a, url: 'https://x', per_minute: 21}", "WeCom takes no more"),
        ("{kind: webhook, name: a, url: 'https://x', quiet: '25:00-7'}", "22:00-07:00"),
        ("{kind: webhook, name: a, url: 'https://x', quiet: '07:00-07:00'}", "22:00-07:00"),
        ("{kind: webhook, name: a, url: 'https://x', zone: Asia/Peking}", "Asia/Shanghai"),
        ("{kind: webhook, name: a, url: 'https://x', zone: ../etc}", "Asia/Shanghai"),
        ("{kind: webhook, name: a, url: 'https://x', group_by: [msgid]}", "rule, actor"),
        ("{kind: webhook, name: a, url: 'https://x', mention: [b]}", "only robots"),
        ("{kind: wecom_robot, name: a, url: 'https://x', mention: ['b> <@c']}", "userids"),
        ("{kind: webhook, name: a, url: 'https://x', ca_certs: /etc/passwd}", "certificates"),
        ("{kind: mail, name: a, url: 'smtp://x', sender: me, to: [b@c]}", "channels[0].sender"),
        ("{kind: mail, name: a, url: 'smtp://x', sender: a@b, to: []}", "channels[0].to"),
        ("{kind: mail, name: a, url: 'smtp://x', sender: a@b, to: [张@b]}", "channels[0].to"),
        ("{kind: webhook, name: sqlite, url: 'https://x'}", "no other target"),
        ("{kind: webhook, name: SQLite, url: 'https://x'}", "no other target"),
    ],
)
def test_a_channel_that_could_tell_nobody_is_refused(channel: str, says: str) -> None:
    with pytest.raises(MingjianError) as raised:
        load("embedded", overrides=(f"channels=[{channel}]",))
    assert says in f"{raised.value.en} {raised.value.fix_en}"


def test_a_key_in_an_address_is_not_shown_when_the_address_is_refused() -> None:
    channel = "{kind: wecom_robot, name: a, url: 'ftp://x/send?key=topsecret'}"
    with pytest.raises(MingjianError) as raised:
        load("embedded", overrides=(f"channels=[{channel}]",))
    assert "topsecret" not in raised.value.en + raised.value.zh


def test_the_address_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_NIGHT_SHIFT_URL", "https://example.com/hook?key=1")
    (channel,) = load(
        "embedded", overrides=("channels=[{kind: wecom_robot, name: night-shift}]",)
    ).channels
    assert channel.address() == "https://example.com/hook?key=1"
    assert "key=1" not in msgspec.json.encode(channel).decode()


# ---- the test button


def pressed(channels: str, *words: str) -> Any:
    app = typer.Typer()
    alert_commands.register(app)
    return CliRunner().invoke(app, ["alerts", "send-test", "--set", f"channels={channels}", *words])


def test_the_button_tells_every_channel_and_says_what_each_answered(monkeypatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    with (
        receivers.http() as hook,
        receivers.http() as group,
        receivers.smtp() as post,
        receivers.stream() as (siem, _),
    ):
        group.default = b'{"errcode": 93000, "errmsg": "invalid webhook url"}'
        channels = (
            f"[{{kind: webhook, name: hook, url: '{hook.url}'}},"
            f"{{kind: wecom_robot, name: group, url: '{group.url}?key=topsecret'}},"
            f"{{kind: mail, name: post, url: '{post.url}', sender: a@b, to: [c@d]}},"
            f"{{kind: syslog, name: siem, url: '{siem}'}}]"
        )
        done = pressed(channels)
        chosen = pressed(channels, "--channel", "hook", "--output", "json")
        monkeypatch.setenv("MINGJIAN_LANG", "zh")
        zh = pressed(channels, "--channel", "group", "--channel", "post")
        unknown = pressed(channels, "--channel", "nobody")
    assert done.exit_code == 1
    assert [line.partition(", 0.")[0] for line in done.stdout.splitlines()] == [
        "✓ hook (webhook): the receiver answered 2xx",
        "✗ group (wecom_robot): errcode 93000 invalid webhook url; check the address",
        "✓ post (mail): the mail server took it",
        "✓ siem (syslog): the connection took it; syslog confirms no more",
    ]
    assert "topsecret" not in done.output
    assert chosen.exit_code == 0
    (row,) = json.loads(chosen.stdout)["channels"]
    assert (row["channel"], row["kind"], row["sent"], row["why"]) == ("hook", "webhook", True, "")
    assert [line.partition("，0.")[0] for line in zh.stdout.splitlines()] == [
        "✗ group (wecom_robot)：errcode 93000 invalid webhook url；请检查地址",
        "✓ post (mail)：邮件服务器已接收",
    ]
    assert unknown.exception.exit_code == EXIT_USAGE
    assert "hook" in unknown.exception.fix_en
    bodies = [json.loads(body) for _, body in hook.got]
    assert [body["kind"] for body in bodies] == ["test", "test"]
    assert bodies[0]["id"] != bodies[1]["id"]  # pressed again, it is told again


def test_the_button_without_a_channel_says_where_to_add_one() -> None:
    done = pressed("[]")
    assert done.exception.exit_code == EXIT_USAGE
    assert "docs/channels.md" in done.exception.fix_en
