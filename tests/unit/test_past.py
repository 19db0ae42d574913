"""Which part of a topic or of files is read again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import load
from jobs.ends import Part, source_ddl
from jobs.past import past_of, time_of
from jobs.past_topics import SAMPLE, end_of
from tests.support.flows import embedded, write_files


@given(
    st.lists(st.integers(0, 1_000), min_size=1, max_size=400),
    st.integers(-10, 1_010),
    st.integers(0, 9),
)
def test_the_end_is_where_records_are_later_and_one_wrong_clock_does_not_move_it(
    times: list[int], until: int, wrong: int
) -> None:
    times = sorted(times)
    stored = list(times)
    for number in range(wrong):  # clocks that are a day ahead
        at = number * (len(stored) // 10 + SAMPLE)
        if at < len(stored):
            stored[at] += 86_400
    end = end_of(lambda at: stored[at : at + SAMPLE], 0, len(stored), until)
    wanted = [at for at, time in enumerate(times) if time <= until]
    assert not wanted or end > wanted[-1]
    assert end <= len(wanted) + 2 * SAMPLE


def test_the_end_of_nothing_is_its_beginning() -> None:
    assert end_of(lambda _at: [], 7, 7, 100) == 7


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        (b'{"v":1,"kind":"archive","time":1603876152141,"received_at":1}', 1603876152141),
        (b'{"msgid":"m","msgtime":1603876152141,"text":{}}', 1603876152141),
        (b'{"time": 1603876152141 }', 1603876152141),
        (b'{"time":"soon"}', 0),
        (b"\xff no json", 0),
        (b"", 0),
    ],
)
def test_the_time_of_a_record_is_found_as_the_job_finds_it(raw: bytes, time: int) -> None:
    assert time_of(raw) == time


def test_files_are_read_whole_packed_ones_too(tmp_path: Path) -> None:
    write_files(tmp_path / "messages", [[b'{"time":1}', b'{"time":2}']])
    with gzip.open(tmp_path / "messages" / "messages-x.jsonl.gz", "wb") as file:
        file.write(b'{"time":3}\r\n\n')
    past = past_of(embedded(tmp_path), 10**15, 10**15)
    assert past.complete_after is None
    assert [json.loads(raw)["time"] for raw, _ in past.records()] == [1, 2, 3]
    assert past.part(500) == Part({}, 500)  # two readers, two files


def test_more_files_than_readers_make_the_watermark_wait(tmp_path: Path) -> None:
    write_files(tmp_path / "messages", [[b"{}"]] * 3)
    past = past_of(embedded(tmp_path), 0, 0)
    assert past.part(500) == Part({}, None)
    ddl = source_ddl(embedded(tmp_path), past.part(500))
    assert "THEN TO_TIMESTAMP_LTZ(0, 3)" in ddl


def test_a_part_of_a_topic_is_read_from_offset_to_offset_in_no_group_of_the_live_job() -> None:
    settings = load("cluster", None, ("tenant=acme",))
    ddl = source_ddl(settings, Part({1: (5, 9), 0: (0, 3)}, 90_500))
    assert "'scan.startup.specific-offsets' = 'partition:0,offset:0;partition:1,offset:5'" in ddl
    assert "'scan.bounded.specific-offsets' = 'partition:0,offset:3;partition:1,offset:9'" in ddl
    assert "'properties.group.id' = 'mingjian-replay-acme'" in ddl
    assert "'properties.commit.offsets.on.checkpoint' = 'false'" in ddl
    assert "event_time - INTERVAL '0 00:01:30.500'" in ddl
    assert "group-offsets" not in ddl
