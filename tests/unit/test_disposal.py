"""Deletion where the index is a file; in PostgreSQL it is tried in tests/integration."""

from __future__ import annotations

import pytest

from sinks.archive.leaves import OtherLeaf
from sinks.archive.rows import Asked, HitRow
from sinks.archive.terms import named
from tests.archive_contract.disposal import *  # noqa: F403 - its tests, run with this fixture
from tests.archive_contract.disposal import LATER, YEAR, killed_at_any_write
from tests.support.disposal import START, Site, record


@pytest.fixture
def new_site():
    return Site


def test_nothing_is_left_of_words_and_names_in_the_index(site, tmp_path):
    site.policies(YEAR)
    site.archiver.enter(OtherLeaf("alert", "a1", "ab"), [HitRow(START + 1, "m1", "a1", "rule")])
    site.take(record(1, "回扣密语", sender="zhaoliu"), record(2, "您好", days=390))
    assert len(site.disposals.terms_of(0)) > 5
    words = set(site.disposals.terms_of(0)) - set(site.disposals.terms_of(1))
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    assert site.disposals.terms_of(0) == []
    assert site.disposals.terms_of(1) != []
    assert site.index.search(Asked([named("s", "zhaoliu")]), 10) == []
    assert site.index.search(Asked(hit="*"), 10) == []
    site.close()
    everything = b"".join(
        path.read_bytes() for path in tmp_path.glob("index.db*") if path.is_file()
    )
    assert b"zhaoliu" not in everything
    assert [word for word in words if word.encode() in everything and len(word) > 6] == []
    assert b"zhangsan" in everything
    Site.__init__(site, tmp_path)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("late_hold", [False, True], ids=["", "hold"])
def test_killed_at_any_write_it_goes_on_and_ends_the_same(new_site, tmp_path, after, late_hold):
    killed_at_any_write(new_site, tmp_path, after=after, late_hold=late_hold)
