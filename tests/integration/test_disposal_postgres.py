"""Deletion where the archive's index is in PostgreSQL: the same as in a file."""

from __future__ import annotations

import hashlib

import psycopg
import pytest
from psycopg import sql

from jobs.servers import postgres
from rules.errors import MingjianError
from sinks.archive.leaves import OtherLeaf
from sinks.archive.postgres_index import PostgresIndex
from sinks.archive.postgres_session import PASSWORD_VARIABLE, IndexAway, Server
from sinks.archive.postings import BLOCK, Numbers
from sinks.archive.rows import Asked, HitRow
from sinks.archive.terms import named
from tests.archive_contract.disposal import *  # noqa: F403 - its tests, run with this fixture
from tests.archive_contract.disposal import LATER, YEAR, filled, killed_at_any_write
from tests.support.disposal import START, Site, record


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """A server for this file alone: here the process is killed, never the machine, so it need not
    wait for the disk."""
    made = postgres.launch(tmp_path_factory.mktemp("postgres"), options={"fsync": "off"})
    try:
        yield made.wait()
    finally:
        made.kill()


@pytest.fixture
def server(own_server, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    return Server(own_server.address, postgres.USER)


@pytest.fixture
def admin(own_server):
    with psycopg.connect(
        own_server.address, user=postgres.USER, password=postgres.PASSWORD, autocommit=True
    ) as session:
        yield session


@pytest.fixture
def ask(admin, tmp_path):
    """Asks the server about the schema of the test's archive: {} is its name; the first value."""

    def asked(words, *given):
        query = sql.SQL(words).format(sql.Identifier(schema_of(tmp_path)))
        done = admin.execute(query, given)
        return done.fetchone()[0] if done.description else None

    return asked


def schema_of(folder):
    return "d" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]


@pytest.fixture
def new_site(server):
    def opened(folder, **more):
        return Site(folder, **more, open_index=lambda at: PostgresIndex(server, schema_of(at)))

    return opened


@pytest.mark.parametrize(("after", "late_hold"), [(True, False), (False, True)],
                         ids=["after", "before-hold"])  # fmt: skip
def test_killed_at_any_write_it_goes_on_and_ends_the_same(new_site, tmp_path, after, late_hold):
    killed_at_any_write(new_site, tmp_path, after=after, late_hold=late_hold)


def test_the_server_dies_at_any_write_and_the_plan_is_taken_up_again(
    new_site, tmp_path, own_server
):
    """As it was cut off between the steps; also where the server did it and the answer was lost."""
    site = filled(new_site(tmp_path))
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    _, name = site.plan()
    writes = [("store", False), ("dispose", False), ("dispose", True), ("discarded", False),
              ("clear", False), ("clear", True)]  # fmt: skip
    for which, after in writes:
        owner = site.index if which == "store" else site.disposals
        real = getattr(owner, which)

        def dies(*given, real=real, after=after):
            if after:
                real(*given)
            own_server.kill()
            return real(*given)

        setattr(owner, which, dies)
        with pytest.raises(IndexAway):
            site.dispose(name)
        delattr(owner, which)
        postgres.launch(own_server.pid_file.parent, own_server.port,
                        options={"fsync": "off"}).wait()  # fmt: skip
        site.close()
        site = new_site(tmp_path, now=LATER)
    site.dispose(name)
    assert site.there() == ["m3", "m4", "m5", "m7"]
    assert len(set(site.objects.names())) == 2
    assert site.contradictions() == []
    site.close()


def test_nothing_is_left_of_words_and_names_in_tables_nor_of_names_in_files(
    site, ask, own_server, tmp_path
):
    site.policies(YEAR)
    site.archiver.enter(OtherLeaf("alert", "a1", "ab"), [HitRow(START + 1, "m1", "a1", "rule")])
    filling = [record(n, f"填充{n}", days=390) for n in range(10, BLOCK + 10)]
    site.take(record(1, "回扣密语", sender="zhaoliu"), record(2, "您好", days=390), *filling)
    assert len(site.disposals.terms_of(0)) > 5  # the block is full: they are in postings
    site.clock[0] = LATER
    salt = ask("SELECT salt FROM {}.about")
    names = [Numbers(salt).of(named("s", who)) for who in ("zhaoliu", "zhangsan")]
    data = own_server.pid_file.parent / "data"

    def kept():
        """In which lists of terms the two stand, and which of their names in files."""
        lists = [ask("SELECT count(*) FROM {}.postings WHERE term = %s", one) for one in names]
        ask("CHECKPOINT")
        path = ask("SELECT pg_relation_filepath(%s)", f"{schema_of(tmp_path)}.names")
        file = (data / path).read_bytes()
        return lists, [who in file for who in (b"zhaoliu", b"zhangsan")]

    assert kept() == ([1, 1], [True, True])
    _, name = site.plan()
    site.dispose(name)
    assert kept() == ([0, 1], [False, True])
    assert site.disposals.terms_of(0) == []
    assert len(site.disposals.terms_of(1)) > 3
    assert site.index.search(Asked([named("s", "zhaoliu")]), 10) == []
    assert site.index.search(Asked(hit="*"), 10) == []
    assert ask("SELECT count(*) FROM {}.messages") == BLOCK + 1
    assert len(site.index.search(Asked([named("s", "zhangsan")]), BLOCK * 2)) == BLOCK + 1


def test_an_index_of_the_first_version_gets_deletion_when_it_is_written_to(
    new_site, ask, server, tmp_path
):
    site = filled(new_site(tmp_path))
    site.close()
    for table in ("tombstones", "discards", "remains"):
        ask(f"DROP TABLE {{}}.{table}")
    ask("DROP INDEX {}.postings_block")
    ask("ALTER TABLE {}.about DROP COLUMN whole")
    ask("UPDATE {}.about SET version = 1")
    with pytest.raises(MingjianError, match="is of version 1") as told:
        PostgresIndex(server, schema_of(tmp_path), writes=False)
    assert "mingjian deliver" in told.value.fix_en
    site = new_site(tmp_path, now=LATER)
    _, name = site.plan()
    site.dispose(name)
    assert site.there() == ["m3", "m4", "m5"]
    assert site.contradictions() == []
    site.close()
