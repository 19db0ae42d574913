"""The measurements of the archive measure what they say, on one of a few hundred messages."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO

import pytest
from rich.console import Console

from bench import archive, sealing
from bench.archive_build import Archive, fill
from bench.archive_load import said
from bench.archive_questions import QUESTIONS
from bench.archive_searches import spread
from rules.decode import Decoder
from sinks.archive.rows import Asked
from sinks.archive.search import ArchiveReader, Query

A_DAY, MESSAGES = 400, 600


def reader(filled):
    return ArchiveReader(
        objects=filled.objects,
        index=filled.index,
        keys=filled.keys,
        terms=filled.terms,
        decoder=filled.decoder,
    )


def printed(*tables):
    console = Console(width=200, file=StringIO())
    for table in tables:
        console.print(table)
    return console.file.getvalue()


def test_the_talk_is_the_same_each_time_and_goes_on_where_it_was_left():
    all_of_it = list(said(MESSAGES, a_day=A_DAY))
    assert list(said(MESSAGES, a_day=A_DAY, skip=451)) == all_of_it[451:]
    assert list(said(200, a_day=A_DAY)) == all_of_it[:200]
    messages = [Decoder("demo").message(Decoder("demo").draft(one.raw)) for one in all_of_it]
    assert len({one.msgid for one in messages}) == MESSAGES
    assert sorted(one.time for one in messages) == [one.time for one in messages]
    assert len(Counter(one.sender for one in messages)) > 50


def test_an_archive_is_filled_and_searched(tmp_path):
    figures = archive.measure(tmp_path, MESSAGES, 3, 4, a_day=A_DAY)
    assert json.loads(json.dumps(figures)) == figures
    filled = figures["filled"]
    assert filled["messages"] == MESSAGES
    assert filled["alerts"] == sum(one.alert is not None for one in said(MESSAGES, a_day=A_DAY))
    assert all(size > 0 for size in filled["bytes"].values())
    assert [row["question"] for row in figures["searches"]] == list(QUESTIONS)
    rows = {row["question"]: row for row in figures["searches"]}
    assert rows["the newest"]["with_full_page"] == 3
    for name in ("an hour", "sender", "message id", "rare word", "two words of one message"):
        assert rows[name]["with_nothing"] == 0, name
    assert all(row["first"]["wall"]["p50"] > 0 for row in rows.values() if row["queries"])
    text = printed(*archive.tables(figures))
    assert "bytes a message, ledger" in text
    assert "sender, receiver who never met" in text
    assert "nothing in memory" in text


def test_a_filling_that_was_interrupted_ends_with_every_message_once(tmp_path):
    class Stopped(Exception):
        pass

    def stop(done):
        if done == 300:
            raise Stopped

    first = Archive(tmp_path)
    with pytest.raises(Stopped):
        fill(first, MESSAGES, a_day=A_DAY, batch=100, progress=stop)
    first.close()
    second = Archive(tmp_path)
    taken = fill(second, MESSAGES, a_day=A_DAY, batch=100)
    assert [one.records for one in taken] == [100] * 6
    records = [one.raw for one in said(MESSAGES, a_day=A_DAY)]
    rows = second.index.search(Asked(), MESSAGES + 1)[::-1]
    assert [reader(second).open(row) for row in rows] == records
    named = {one.alert[0] for one in said(MESSAGES, a_day=A_DAY) if one.alert}
    found, _ = reader(second).search(Query(hit="*"), 100)
    assert {one.row.msgid for one in found} == named
    assert second.ledger.last.checkpoint.size == second.ledger.size == MESSAGES + len(named)
    second.close()


def test_the_parts_of_sealing_are_measured(tmp_path):
    figures = sealing.measure(tmp_path, 200, 2)
    assert json.loads(json.dumps(figures)) == figures
    took = figures["microseconds"]
    assert set(took) == {
        sealing.WHOLE, sealing.SEALED, *sealing.ARCHIVED, *sealing.PARTS, *sealing.BESIDE
    }  # fmt: skip
    parts = sum(took[name]["least"] for name in ("zlib with the dictionary", "SM4-GCM"))
    assert 0 < parts < took[sealing.SEALED]["most"]
    assert "messages/s of one core" in printed(sealing.table(figures))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [([7.0], (7.0, 7.0, 7.0)), ([float(n) for n in range(200, 0, -1)], (101.0, 199.0, 200.0))],
    ids=["one", "two hundred"],
)
def test_half_and_ninety_nine_of_a_hundred(values, told):
    assert tuple(spread(values).values()) == told
