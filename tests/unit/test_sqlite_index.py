"""The SQLite target: what is written once is found once, also by two Chinese characters."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import NoIndexYet, Record
from sinks.fulltext import index_terms, match_expression
from sinks.sqlite import SqliteSink
from sinks.sqlite_reader import SqliteReader
from tests.support.records import (
    T0,
    alert,
    done_with,
    evidence,
    late,
    noticed,
    quarantined,
    rule,
)


@pytest.fixture
def sink(tmp_path):
    target = SqliteSink("sqlite", tmp_path / "index.db")
    target.open()
    yield target
    target.close()


def reader(sink: SqliteSink, tenant: str = "demo") -> SqliteReader:
    return SqliteReader(sink.path, tenant)


def test_writing_twice_shows_once(sink):
    batch = [alert(1), alert(2), evidence(1), quarantined(b"{"), late(1)]
    batch += [noticed(1), done_with(quarantined(b"{").id)]
    assert sink.write(batch)[:2] == (7, 0)
    assert sink.write(batch)[:2] == (0, 7)
    assert sink.write([alert(2), alert(2), alert(3)])[:2] == (1, 2)
    assert reader(sink).counts() == {
        "alerts": 3,
        "evidence": 1,
        "quarantine": {"not_json": 1},
        "late": 1,
        "late_would_have_fired": 0,
        "retracted": 0,
        "by_rule": {"a07_01_guarantee": 3},
        "by_response": {"2": 3},
        "incidents": 1,
        "incidents_open": 1,
        "handled": 1,
    }


def test_the_first_content_of_an_id_stays(sink):
    sink.write([alert(1)])
    sink.write([alert(1, summary="something else")])
    assert reader(sink).alert(alert(1).id)["summary"] == "张三 向客户 wm1 承诺「保本」"
    assert reader(sink).alerts(text="something else")[0] == []


def test_a_final_alert_replaces_the_speculative_one_and_never_the_other_way_round(sink):
    early = alert(1, status="speculative", summary="张三 也许 承诺「保本」")
    sink.write([early])
    assert sink.write([alert(1)])[:2] == (1, 0)
    assert sink.write([early])[:2] == (0, 1)
    found, _ = reader(sink).alerts()
    assert [row["status"] for row in found] == ["final"]
    assert reader(sink).alerts(text="也许")[0] == [], "the old words must not be found any more"
    assert len(reader(sink).alerts(text="承诺")[0]) == 1


STANDS = [
    (["speculative"], "speculative"),
    (["speculative", "final"], "final"),
    (["speculative", "retracted"], "retracted"),
    (["speculative", "retracted", "final"], "final"),
]


@pytest.mark.parametrize(("told", "stands"), STANDS)
def test_in_whatever_order_the_records_of_an_alert_come_one_of_them_stands(tmp_path, told, stands):
    records = [alert(1, status=status, summary=f"张三 {status}") for status in told]
    for number, order in enumerate(itertools.permutations([*records, records[0]])):
        sink = SqliteSink("index", tmp_path / f"{number}.db")
        sink.open()
        for record in order:
            sink.write([record])
        sink.close()
        read = SqliteReader(sink.path)
        assert [row["status"] for row in read.alerts()[0]] == [stands]
        assert [row["status"] for row in read.alerts(text=stands)[0]] == [stands]
        for status in {"speculative", "final", "retracted"} - {stands}:
            assert read.alerts(text=status)[0] == [], "words of a record that does not stand"
        counts, open_ = read.counts(), int(stands != "retracted")
        assert (counts["alerts"], counts["retracted"]) == (open_, 1 - open_)
        assert counts["by_rule"] == ({"a07_01_guarantee": 1} if open_ else {})
        assert counts["by_response"] == ({"2": 1} if open_ else {})
        read.close()


@pytest.mark.parametrize("told", [["open"], ["resolved"], ["open", "resolved"]])
def test_a_resolved_incident_stands_in_whatever_order_the_two_come(tmp_path, told):
    records = [noticed(1, status) for status in told]
    for number, order in enumerate(itertools.permutations([*records, records[0]])):
        sink = SqliteSink("index", tmp_path / f"{number}.db")
        sink.open()
        for record in order:
            sink.write([record])
        sink.close()
        read = SqliteReader(sink.path)
        rows, _ = read.incidents()
        assert [row["status"] for row in rows] == [told[-1]]
        assert (read.counts()["incidents_open"], read.counts()["incidents"]) == (
            int(told[-1] == "open"),
            1,
        )
        read.close()


def test_incidents_are_listed_newest_first_by_pages_and_state(sink):
    sink.write([noticed(n) for n in range(5)] + [noticed(2, "resolved"), noticed(9, tenant="o")])
    read = reader(sink)
    seen, cursor = [], ""
    while True:
        rows, cursor = read.incidents(limit=2, cursor=cursor)
        seen += [row["time"] - T0 for row in rows]
        if not cursor:
            break
    assert seen == [62_000, 4000, 3000, 1000, 0]
    assert [row["time"] - T0 for row in read.incidents(status="open")[0]] == [4000, 3000, 1000, 0]
    assert [row["time"] - T0 for row in read.incidents(since=T0 + 3500)[0]] == [62_000, 4000]


def test_quarantined_records_are_found_by_reason_source_and_beginning_of_the_id(sink):
    told = [
        quarantined(b"%d" % n, f"kafka:{'a' if n < 3 else 'b'}", reason=reason)
        for n, reason in enumerate(["not_json", "not_utf8"] * 3)
    ]
    sink.write(told)
    read = reader(sink)

    def numbers(**asked):
        rows, cursor = read.quarantine(**asked)
        ids = [record.id for record in told]
        return [ids.index(row["quarantine_id"]) for row in rows], cursor

    first, cursor = numbers(limit=4)
    assert (first, numbers(limit=4, cursor=cursor)) == ([5, 4, 3, 2], ([1, 0], ""))
    assert numbers(reason="not_utf8", source=":a")[0] == [1]
    assert numbers(source="kafka:b")[0] == [5, 4, 3]
    assert numbers(source="'; drop table quarantine; --")[0] == []
    assert numbers(prefix=told[2].id[:9])[0] == [2]
    with pytest.raises(MingjianError, match="is not a cursor"):
        read.quarantine(cursor="x")


def test_what_was_done_with_a_record_is_told_in_its_order(sink):
    deeds = [
        done_with("q1", "dropped", time=T0 + 2),
        done_with("q1", "opened", time=T0 + 1),
        done_with("q2", "replayed"),
        done_with("q1", "fixed", tenant="other"),
    ]
    sink.write(deeds)
    read = reader(sink)
    assert [row["action"] for row in read.handled(["q1"])] == ["opened", "dropped"]
    assert [row["action"] for row in read.handled(["q1", "q2"])] == [
        "replayed",
        "opened",
        "dropped",
    ]
    assert read.handled([]) == []


def test_a_file_of_an_earlier_version_is_read_and_then_written_to(tmp_path):
    path = tmp_path / "index.db"
    sink = SqliteSink("index", path)
    sink.open()
    sink.write([alert(1), quarantined(b"{")])
    sink.close()
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE incidents; DROP TABLE handled;")  # as it was then
    db.close()
    read = SqliteReader(path)
    assert (read.incidents(), read.handled(["q"]), read.counts()["handled"]) == (([], ""), [], 0)
    read.close()
    sink.open()
    assert sink.write([noticed(1), done_with("q"), alert(1)])[:2] == (2, 1)
    sink.close()
    assert len(SqliteReader(path).incidents()[0]) == 1


def test_what_came_late_and_would_have_fired_is_counted(sink):
    answers = ("true", "true", "changed", "false", "unknown", "")
    sink.write([late(n, would_have_fired=one) for n, one in enumerate(answers)])
    counts = reader(sink).counts()
    assert (counts["late"], counts["late_would_have_fired"]) == (6, 2)


def test_who_follows_is_told_what_is_taken_back_and_not_what_is_confirmed(sink):
    sink.write([alert(1, status="speculative"), alert(2, status="speculative"), alert(3)])
    rows, cursor = reader(sink).follow("", timeout=0)
    assert len(rows) == 3
    sink.write([alert(1), alert(2, status="retracted", retraction="undone")])
    rows, cursor = reader(sink).follow(cursor, timeout=0)
    assert [(row["alert_id"], row["retraction"]) for row in rows] == [(alert(2).id, "undone")]
    assert reader(sink).follow(cursor, timeout=0)[0] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("保本", True),  # two characters: what trigrams cannot find
        ("息", True),  # one character, the last of its run
        ("您", True),  # one character, the first of its run
        ("保本保息", True),
        ("理财产品保本", True),
        ("放心，这款", True),  # punctuation separates, both sides must be there
        ("ＡＢＣ", False),
        ("本金", False),  # 本 and 金 are never neighbours
        ("保保", False),
        ("！", False),
    ],
)
def test_evidence_text_is_found_by_any_part_of_it(sink, query, found):
    silent = {"summary": "-", "hits": (), "rule": rule(title="-")}
    sink.write([alert(1, **silent), evidence(1, hits=())])
    sink.write([alert(2, **silent), evidence(2, text="今天天气不错", hits=())])
    rows, _ = reader(sink).alerts(text=query)
    assert [row["alert_id"] for row in rows] == ([alert(1).id] if found else [])


@given(
    text=st.text(
        st.one_of(
            st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
            st.characters(min_codepoint=0x20000, max_codepoint=0x2A6DF),  # rare ones, beyond 16 bit
            st.characters(codec="ascii", categories=["L", "N"]),
        ),
        min_size=1,
        max_size=30,
    ),
    data=st.data(),
)
def test_every_substring_is_found(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(terms, content='', tokenize='ascii')")
    db.execute("INSERT INTO t (rowid, terms) VALUES (1, ?)", (index_terms(f"前，{text}。后"),))
    query = match_expression(text[start:end].upper())
    assert db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (query,)).fetchone() == (1,)


def test_lists_are_filtered_and_paged_without_gap_or_repeat(sink):
    batch = [alert(n) for n in range(25)]
    batch.append(alert(30, rule=rule("a09_09_credential", 3), actor="lisi"))
    batch.append(alert(31, tenant="other"))
    sink.write(batch)
    r = reader(sink)
    seen, cursor = [], ""
    while True:
        rows, cursor = r.alerts(limit=10, cursor=cursor)
        seen += [row["time"] for row in rows]
        if not cursor:
            break
    assert seen == sorted({T0 + n * 1000 for n in [*range(25), 30]}, reverse=True)
    assert [row["actor"] for row in r.alerts(response=3)[0]] == ["lisi"]
    assert [row["actor"] for row in r.alerts(actor="lisi")[0]] == ["lisi"]
    assert [row["actor"] for row in r.alerts(rule="a09_09_credential")[0]] == ["lisi"]
    assert len(r.alerts(since=T0 + 20_000, until=T0 + 22_000)[0]) == 3
    assert len(reader(sink, tenant="other").alerts()[0]) == 1


def test_alerts_are_found_by_a_unique_prefix(sink):
    sink.write([alert(1), alert(2)])
    whole = alert(1).id
    assert reader(sink).alert(whole)["alert_id"] == whole
    assert reader(sink).alert(whole[:12])["alert_id"] == whole
    assert reader(sink).alert("ffffffffffff0000") is None
    with pytest.raises(MingjianError, match="more than one alert") as caught:
        reader(sink).alert("")
    assert caught.value.exit_code == EXIT_USAGE
    for one in (alert(1), alert(2)):
        assert one.id[:12] in caught.value.fix_en
        assert one.id[:12] in caught.value.fix_zh


def test_follow_shows_each_alert_once_in_the_order_of_storing(sink):
    r = reader(sink)
    sink.write([alert(5)])
    rows, cursor = r.follow()
    assert [row["time"] for row in rows] == [T0 + 5000]
    assert r.follow(cursor, timeout=0.05) == ([], cursor)
    sink.write([alert(1), alert(5), alert(9)])
    rows, cursor = r.follow(cursor)
    assert [row["time"] for row in rows] == [T0 + 1000, T0 + 9000]
    assert r.follow("now")[1] == cursor


def test_a_record_that_does_not_fit_is_set_aside_and_the_rest_is_stored(sink):
    bad = Record("alerts", "x1", b'{"alert_id":"x1","time":"yesterday"}')
    result = sink.write([alert(1), bad, alert(2)])
    assert result[:2] == (2, 0)
    assert [item.record.id for item in result.rejected] == ["x1"]
    rows = sqlite3.connect(sink.path).execute("SELECT topic, id, body FROM rejected").fetchall()
    assert rows == [("alerts", "x1", bad.body)]


def test_positions_are_stored_with_the_records_or_not_at_all(sink, monkeypatch):
    sink.write_at([alert(1)], {"file:alerts/a": 10})
    assert sink.positions() == {"file:alerts/a": 10}

    def breaks(*_):
        raise MemoryError

    monkeypatch.setattr("sinks.sqlite._alert_terms", breaks)
    with pytest.raises(MemoryError):
        sink.write_at([alert(2)], {"file:alerts/a": 20})
    assert sink.positions() == {"file:alerts/a": 10}
    assert reader(sink).counts()["alerts"] == 1


def test_only_one_writer_and_a_clear_word_to_the_second(sink):
    second = SqliteSink("sqlite", sink.path)
    with pytest.raises(MingjianError, match="another deliverer is writing"):
        second.open()


@pytest.mark.parametrize("content", [b"", b"this is not a database, whatever its name says" * 30])
def test_a_file_that_is_no_index_is_one_clear_error(tmp_path: Path, content):
    path = tmp_path / "index.db"
    path.write_bytes(content)
    with pytest.raises(MingjianError, match="is not an index"):
        SqliteReader(path)
    if content:
        with pytest.raises(MingjianError, match="cannot open the index"):
            SqliteSink("sqlite", path).open()


def test_a_missing_index_says_what_to_run(tmp_path):
    with pytest.raises(MingjianError, match="there is no index") as caught:
        SqliteReader(tmp_path / "no.db")
    assert "mingjian deliver" in caught.value.fix_en


def test_a_database_in_which_nothing_has_been_made_yet_is_no_wrong_file(tmp_path: Path) -> None:
    """A deliverer makes the file first and its tables a moment later."""
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
    db.close()
    assert path.stat().st_size
    with pytest.raises(NoIndexYet):
        SqliteReader(path)
