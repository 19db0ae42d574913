"""An index in a file that is lost is made again; in PostgreSQL it is tried in tests/integration."""

from __future__ import annotations

import pytest

from sinks.archive.rows import Asked
from tests.archive_contract.rebuilding import *  # noqa: F403 - its tests, run with these fixtures
from tests.archive_contract.rebuilding import (
    LATER,
    deleted,
    killed_at_any_write_and_the_index_lost,
    told,
)
from tests.support.disposal import DAY, Killed, Site


@pytest.fixture
def new_site():
    return Site


@pytest.fixture
def lose():
    def lost(folder):
        for path in folder.glob("index.db*"):
            path.unlink()

    return lost


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_and_the_index_lost_a_deletion_ends_the_same(
    new_site, lose, tmp_path, after
):
    killed_at_any_write_and_the_index_lost(new_site, lose, tmp_path, after=after)


def test_one_that_is_damaged_is_there_until_the_new_one_is_whole(tmp_path):
    site = deleted(Site(tmp_path))
    before = told(site)
    rows = site.index.search(Asked(), 99)

    class Dying:
        def __getattr__(self, name):
            return getattr(site.objects, name)

        def get(self, name, *more):
            if name == rows[0].segment:
                raise Killed
            return site.objects.get(name, *more)

    with pytest.raises(Killed):
        site.rebuild(Dying())
    site = Site(tmp_path, now=LATER + 40 * DAY)
    assert told(site) == before
    site.close()
    (tmp_path / "index.db").write_bytes(b"SQLite format 3\0 and nothing that is one")
    assert site.rebuild()[1] == []
    site = Site(tmp_path, now=LATER + 40 * DAY)
    assert told(site) == before
    site.close()
    assert sorted(path.name for path in tmp_path.glob("index.db*")) == ["index.db"]
