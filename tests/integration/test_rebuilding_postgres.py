"""An index in PostgreSQL that is lost is made again: the same as one in a file."""

from __future__ import annotations

import hashlib

import psycopg
import pytest
from psycopg import sql

from jobs.servers import postgres
from rules.errors import MingjianError
from sinks.archive.postgres_index import FreshSchema, PostgresIndex
from sinks.archive.postgres_session import PASSWORD_VARIABLE, IndexAway, Server
from tests.archive_contract.rebuilding import *  # noqa: F403 - its tests, run with these fixtures
from tests.archive_contract.rebuilding import (
    LATER,
    deleted,
    killed_at_any_write_and_the_index_lost,
    told,
)
from tests.support.disposal import DAY, Site


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """A server for this file alone: the process is killed, never the machine, so it need not wait
    for the disk."""
    made = postgres.launch(tmp_path_factory.mktemp("postgres"), options={"fsync": "off"})
    try:
        yield made.wait()
    finally:
        made.kill()


@pytest.fixture
def server(own_server, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    return Server(own_server.address, postgres.USER)


def schema_of(folder):
    return "r" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]


@pytest.fixture
def new_site(server):
    def opened(folder, **more):
        return Site(
            folder, **more, open_index=lambda at: PostgresIndex(server, schema_of(at)),
            open_fresh=lambda at: FreshSchema(server, schema_of(at)),
        )  # fmt: skip

    return opened


@pytest.fixture
def lose(own_server):
    def lost(folder):
        with psycopg.connect(
            own_server.address, user=postgres.USER, password=postgres.PASSWORD, autocommit=True
        ) as session:
            name = sql.Identifier(schema_of(folder))
            session.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))

    return lost


def test_killed_at_any_write_and_the_index_lost_a_deletion_ends_the_same(new_site, lose, tmp_path):
    killed_at_any_write_and_the_index_lost(new_site, lose, tmp_path, after=True, step=2)


def test_one_that_is_cut_short_is_used_by_nobody_and_goes_on(
    new_site, server, own_server, tmp_path, monkeypatch
):
    monkeypatch.setattr("sinks.archive.accounting._CHUNK", 3)
    site = deleted(new_site(tmp_path))
    before = told(site)
    last = before["rows"][0].segment

    class Dying:
        def __getattr__(self, name):
            return getattr(site.objects, name)

        def get(self, name, *more):
            if name == last:
                own_server.kill()
            return site.objects.get(name, *more)

    with pytest.raises(IndexAway):
        site.rebuild(Dying())
    postgres.launch(own_server.pid_file.parent, own_server.port, options={"fsync": "off"}).wait()
    for open_it in (
        lambda: PostgresIndex(server, schema_of(tmp_path), writes=False),
        lambda: PostgresIndex(server, schema_of(tmp_path)),
    ):
        with pytest.raises(MingjianError, match="is being made again, or that was cut short") as no:
            open_it()
        assert "mingjian archive rebuild" in no.value.fix_en
    made, wrong = site.rebuild()
    assert wrong == []
    assert made.counts.messages < len(before["known"])  # the others were there already
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert told(site) == before
    assert (site.faults(), site.contradictions()) == ([], [])
    site.close()


def test_tables_that_are_damaged_are_made_again(new_site, tmp_path, own_server):
    site = deleted(new_site(tmp_path))
    before = told(site)
    with psycopg.connect(
        own_server.address, user=postgres.USER, password=postgres.PASSWORD, autocommit=True
    ) as session:
        for words in ("DROP TABLE {}.about", "TRUNCATE {}.messages"):
            session.execute(sql.SQL(words).format(sql.Identifier(schema_of(tmp_path))))
    assert site.rebuild()[1] == []
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert told(site) == before
    site.close()
