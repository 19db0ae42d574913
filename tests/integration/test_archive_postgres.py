"""The archive's index in PostgreSQL answers as SQLite's does; its server may refuse or go away."""

from __future__ import annotations

import os
import signal
import threading
import uuid

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from jobs.servers import postgres
from rules.errors import MingjianError
from sinks.archive.disposable import Disposed, Moved, Tombstone
from sinks.archive.disposing import disposals_of
from sinks.archive.leaves import OtherLeaf
from sinks.archive.postgres_index import PostgresIndex
from sinks.archive.postgres_session import PASSWORD_VARIABLE, IndexAway, Server
from sinks.archive.rows import Asked, HitRow
from sinks.archive.segment import Place
from sinks.archive.sqlite_index import SqliteIndex
from sinks.base import NoIndexYet
from tests.archive_contract import index as contract
from tests.archive_contract.index import found, row, segment, stored


@pytest.fixture
def server(postgres_server, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    return Server(postgres_server.address, postgres.USER)


@pytest.fixture
def opened(server, prefix):
    """Opens an index in the test's own schema; all are closed at the end."""
    made = []

    def open_index(*, writes=True, where=server):
        made.append(PostgresIndex(where, prefix, writes=writes))
        return made[-1]

    yield open_index
    for one in made:
        one.close()


@pytest.fixture
def admin(postgres_server):
    with psycopg.connect(
        postgres_server.address, user=postgres.USER, password=postgres.PASSWORD, autocommit=True
    ) as session:
        yield session


@pytest.mark.parametrize("case", contract.CASES, ids=lambda case: case.__name__)
def test_what_holds_of_every_index(case, opened):
    case(opened)


# --- the same as SQLite, whatever is stored and asked ---------------------------------------------

NAMES = st.sampled_from(["li", "wang", "a\0b", "'", ""])
TERMS = st.lists(st.sampled_from("abcde"), max_size=4, unique=True).map(" ".join)
MESSAGES = st.tuples(st.integers(1, 3), st.integers(900, 930), NAMES, TERMS)  # gap, time, room, …
HITS = st.builds(
    lambda leaf, time, alert, rule: HitRow(time, f"m{leaf}", alert, rule),
    st.integers(4_080, 4_110), st.integers(900, 930), st.sampled_from("xy"), st.sampled_from("rs"),
)  # fmt: skip
OTHERS = st.builds(
    OtherLeaf, st.sampled_from(["alert", "late"]), NAMES, st.sampled_from(["1", "2"])
)
FLUSHES = st.lists(
    st.tuples(st.lists(MESSAGES, max_size=12), st.lists(HITS, max_size=4),
              st.lists(OTHERS, max_size=2), st.sampled_from([0, 0, 0, 4_000])), max_size=6,
)  # fmt: skip
QUESTIONS = st.lists(
    st.tuples(
        st.builds(
            Asked,
            st.lists(st.sampled_from("abcde"), max_size=3, unique=True),
            st.sampled_from([0, 0, 905, 915]),
            st.sampled_from([0, 0, 912, 925]),
            st.none() | st.integers(4_080, 4_130) | st.integers(8_000, 8_300),
            st.sampled_from(["", "", "*", "r", "s"]),
        ),
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(flushes=FLUSHES, questions=QUESTIONS, gone=st.lists(st.sets(st.integers(0, 40)), max_size=2))
def test_it_answers_as_sqlite_does(server, admin, tmp_path, flushes, questions, gone):
    """Leaves begin a little before a block ends; some flushes are followed by a block of others.
    Then messages are deleted, and some of those beside them are in another segment."""
    name = f"t{uuid.uuid4().hex}"
    both = SqliteIndex(tmp_path / f"{name}.db"), PostgresIndex(server, name)
    leaf = 4_085
    try:
        for messages, hits, others, skipped in flushes:
            rows = []
            for gap, time, room, terms in messages:
                leaf += gap
                rows.append((row(leaf, time=time, room=room), terms))
            entered = list(enumerate(others, leaf + 1))
            leaf += len(others) + skipped
            for one in both:
                one.store(stored(rows, leaf + 1, others=entered, hits=hits, positions={"p": leaf}))
        sqlite, postgresql = both
        for asked, limit in questions:
            assert postgresql.search(asked, limit) == sqlite.search(asked, limit)
        for number, which in enumerate(gone):
            there = sqlite.search(Asked(), 100)
            told = [_deleted(one, there, which, number) for one in map(disposals_of, both)]
            assert told[0] == told[1]
            for asked, limit in questions:
                assert postgresql.search(asked, limit) == sqlite.search(asked, limit)
        keys = [(time, f"m{number}") for number in range(4_085, 4_125) for time in (905, 906, 910)]
        assert postgresql.known(keys) == sqlite.known(keys)
        every = [one for _, _, others, _ in flushes for one in others] + [
            OtherLeaf("late", "n", "1")
        ]
        assert postgresql.entered(every) == sqlite.entered(every)
        assert postgresql.positions() == sqlite.positions()
        assert postgresql.leaves() == sqlite.leaves()
        assert postgresql.key_versions() == sqlite.key_versions()
    finally:
        for one in both:
            one.close()
        admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def _deleted(disposals, there, which, number):
    """Delete some of these rows, and put others into a new segment: all that is told then."""
    stones = [
        Tombstone(one.leaf, one.msgid, one.seq, one.time, one.sm3, "p" * 64, number, 7)
        for at, one in enumerate(there) if at in which
    ]  # fmt: skip
    moved = [Moved(one.leaf, f"new{number}", at, Place(at, 3)) for at, one in enumerate(there)
             if at not in which and at % 2]  # fmt: skip
    emptied = [f"gone{number}", "gone"]
    made = [segment(f"new{number}", 2)]
    disposals.dispose(Disposed(stones, moved, made, emptied))
    told = [disposals.discards()]
    disposals.discarded(["gone"])
    disposals.clear()
    leaves = [one.leaf for one in there]
    told += [disposals.discards(), disposals.buried(0, 1 << 40), disposals.rows_at(leaves)]
    told += [disposals.buried_as(one) for one in ("m4086", "m4090", "nobody")]
    told += [disposals.rows_in(f"new{number}", leaves[0] if leaves else 0)]
    told += [disposals.rows_before(910, 4_086, 5), disposals.present(4_080, 4_100)]
    told += [disposals.alerts_of(leaves), disposals.segment(f"new{number}")]
    told += [bool(disposals.terms_of(one.leaf)) for one in stones]
    disposals.bury([Tombstone(9, "m\0", (1 << 64) - 1, 5, bytes(32), "q", number, 8)])
    return [*told, disposals.buried_as("m\0")]


# --- who may write --------------------------------------------------------------------------------


def test_only_one_writes_and_any_number_reads(opened, admin, prefix):
    with pytest.raises(NoIndexYet, match="no index of an archive"):
        opened(writes=False)
    first = opened()
    first.store(stored([(row(0), "a")]))
    with pytest.raises(MingjianError, match="another process writes"):
        opened()
    reader = opened(writes=False)
    assert found(reader, "a") == [0]
    with pytest.raises(OSError, match="read-only transaction"):
        reader.store(stored([(row(1), "a")]))
    first.close()
    second = opened()
    second.store(stored([(row(1), "a")]))
    assert found(reader, "a") == [1, 0]


def test_a_writer_whose_session_ended_does_not_write_beside_the_next(opened, admin):
    first = opened()
    _end_sessions(admin)
    second = opened()
    with pytest.raises(IndexAway):
        first.store(stored([(row(0), "a")]))
    with pytest.raises(MingjianError, match="another process writes"):
        first.store(stored([(row(0), "a")]))
    second.store(stored([(row(0), "b")]))
    assert (found(second, "a"), found(second, "b")) == ([], [0])


def test_two_that_begin_at_once_do_not_both_write(server, prefix):
    outcomes, gate = [], threading.Barrier(2)

    def begin():
        gate.wait()
        try:
            outcomes.append(PostgresIndex(server, prefix))
        except MingjianError as error:
            outcomes.append(error.en)

    both = [threading.Thread(target=begin) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (index,) = [one for one in outcomes if isinstance(one, PostgresIndex)]
    index.close()
    assert len(outcomes) == 2


def test_what_is_before_what_was_accounted_for_is_refused(opened):
    index = opened()
    index.store(stored([(row(5_000), "a")], 9_000))
    with pytest.raises(ValueError, match="leaf 4097 stands before"):
        index.store(stored([(row(4_097), "a")], 9_000))
    assert found(index, "a") == [5_000]


# --- a server that refuses, or goes away ----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "password", "says", "fix"),
    [
        ({}, "wrong", "password authentication failed", PASSWORD_VARIABLE),
        ({}, "", "no password supplied", PASSWORD_VARIABLE),
        ({"url": "/nowhere"}, postgres.PASSWORD, 'database "nowhere" does not exist', "index_url"),
        ({"url": "?sslmode=verify-full"}, postgres.PASSWORD, "no TLS with PostgreSQL", "sslmode"),
    ],
    ids=["wrong-password", "no-password", "no-database", "no-tls"],
)
def test_a_refusal_says_what_to_do(server, prefix, monkeypatch, change, password, says, fix):
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    url = change.get("url", "")
    base = server.url.removesuffix(f"/{postgres.DATABASE}") if url.startswith("/") else server.url
    with pytest.raises(MingjianError, match=says) as told:
        PostgresIndex(server._replace(url=base + url), prefix)
    assert fix in told.value.fix_en
    assert fix in told.value.fix_zh
    assert "wrong" not in told.value.en + told.value.zh


def test_a_user_without_rights_is_told_which(server, admin, prefix, monkeypatch):
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(sql.Identifier(prefix)))
    monkeypatch.setenv(PASSWORD_VARIABLE, "p")
    other = server._replace(username=prefix)
    with pytest.raises(MingjianError, match="does not let") as told:
        PostgresIndex(other, prefix)
    assert "grant" in told.value.fix_en
    name = sql.Identifier(prefix)
    admin.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(name, name))
    index = PostgresIndex(other, prefix)  # who owns the schema needs no right to make one
    index.store(stored([(row(0), "a")]))
    index.close()


def test_tables_of_a_later_version_are_left_alone(opened, admin, prefix):
    opened().close()
    admin.execute(sql.SQL("UPDATE {}.about SET version = 3").format(sql.Identifier(prefix)))
    for writes in (True, False):
        with pytest.raises(MingjianError, match="is of version 3"):
            opened(writes=writes)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_server_that_comes_back_has_all_that_was_stored(postgres_server, opened, how):
    index = opened()
    index.store(stored([(row(0), "a")], positions={"p": 1}))
    getattr(postgres_server, how)()
    for _ in range(2):
        with pytest.raises(IndexAway):
            index.store(stored([(row(1), "a")], positions={"p": 2}))
    with pytest.raises(IndexAway):
        found(index)
    postgres.launch(postgres_server.pid_file.parent, postgres_server.port).wait()
    assert (index.leaves(), index.positions(), found(index, "a")) == (1, {"p": 1}, [0])
    index.store(stored([(row(1), "a")], positions={"p": 2}))
    assert found(index, "a") == [1, 0]


def test_a_server_that_stands_still_is_not_waited_for(opened, server):
    index = opened(where=server._replace(timeout_s=0.5))
    with index.working() as session:
        pid = session.execute("SELECT pg_backend_pid()").fetchone()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(IndexAway, match=r"no answer within|closed"):
            index.leaves()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_question_that_takes_too_long_is_ended_by_the_server(opened, admin, server, prefix):
    index = opened(where=server._replace(timeout_s=0.5))
    with admin.transaction():
        admin.execute(sql.SQL("LOCK TABLE {}.positions").format(sql.Identifier(prefix)))
        with pytest.raises(IndexAway, match="statement timeout"):
            index.leaves()
    assert index.leaves() == 0


def test_a_reader_sees_one_state_while_a_block_is_finished(opened):
    """Between two pieces of one search, what was in the tail becomes postings."""
    writer = opened()
    writer.store(stored([(row(leaf), "a") for leaf in range(4_000)]))
    reader = opened(writes=False)
    with reader.working() as db, db.transaction():
        assert db.execute("SELECT count(*) FROM tail").fetchone() == (4_000,)
        writer.store(stored([(row(leaf), "a") for leaf in range(4_000, 4_200)]))
        assert db.execute("SELECT count(*) FROM tail").fetchone() == (4_000,)
        assert db.execute("SELECT count(*) FROM postings").fetchone() == (0,)
    assert len(found(reader, "a")) == 4_200


def _end_sessions(admin):
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'mingjian'"
    )
