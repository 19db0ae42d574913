"""Keys that are not those the archive was sealed with are found before anything is written."""

from __future__ import annotations

import shutil

import pytest

from config.settings import Keys, Outputs, Settings, Source, Target
from jobs.ledger_signer import note_signer
from sinks.archive.key_ring import KeyRing
from sinks.archive.key_versions import require_versions, version_states
from sinks.archive.keys import KeyMissing, KeyRefused
from sinks.archive.keystore import FILE, Keystore
from sinks.archive.objects import LocalObjects
from sinks.archive.sqlite_index import SqliteIndex
from sinks.base import Record
from sinks.targets import open_sinks
from sinks.tenant_keys import tenant_keys
from tests.unit.test_archiver import record


@pytest.fixture
def settings(tmp_path):
    return Settings(
        profile="embedded",
        tenant="acme",
        data_dir=str(tmp_path / "var"),
        keys_dir=str(tmp_path / "keys"),
        keys=Keys(),
        source=Source(kind="files", path=str(tmp_path / "messages")),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(Target(kind="archive", name="archive", path=str(tmp_path / "archive")),),
    )


@pytest.fixture
def archive(settings, tmp_path):
    """Index and segments of an archive: version 1 wrapped two segments, version 2 one, 3 none."""
    archived(settings, 1)
    archived(settings, 2)
    shutil.copy(tmp_path / "keys" / FILE, tmp_path / "backup")
    tenant_keys(settings).rotate(2)
    archived(settings, 3)
    tenant_keys(settings).rotate(3)
    path = tmp_path / "archive"
    index = SqliteIndex(path / "index.db")
    yield index, LocalObjects(path / "segments")
    index.close()


def archived(settings, number):
    (sink,) = open_sinks(settings, lambda: note_signer(settings))
    sink.open()
    try:
        assert sink.write([Record("messages", "", record(number))]).written == 1
    finally:
        sink.close()


def states(keys, archive):
    return [
        (one.version, one.segments, one.current, one.tried, type(one.fault))
        for one in version_states(keys, *archive)
    ]


NOTHING = type(None)


def test_each_version_is_listed_and_tried(settings, archive):
    assert states(tenant_keys(settings), archive) == [
        (1, 2, False, True, NOTHING), (2, 1, False, True, NOTHING), (3, 0, True, False, NOTHING),
    ]  # fmt: skip
    require_versions(tenant_keys(settings), *archive)


def test_an_older_backup_of_the_key_store_lacks_what_was_made_since(settings, archive, tmp_path):
    shutil.copy(tmp_path / "backup", tmp_path / "keys" / FILE)
    assert states(tenant_keys(settings), archive) == [
        (1, 2, True, True, NOTHING), (2, 1, False, True, KeyMissing),
    ]  # fmt: skip
    before = sorted(archive[1].names())
    with pytest.raises(KeyMissing, match="version 2 of the key of tenant acme is not in"):
        archived(settings, 4)
    assert sorted(archive[1].names()) == before


def test_a_key_store_that_was_made_anew_has_other_keys_under_the_same_numbers(
    settings, archive, tmp_path
):
    (tmp_path / "keys" / FILE).unlink()
    before = sorted(archive[1].names())
    with pytest.raises(KeyRefused, match="does not open with version 1 of the tenant's key"):
        archived(settings, 4)
    assert sorted(archive[1].names()) == before
    keys = tenant_keys(settings)
    keys.rotate(2)
    assert [one[-1] for one in states(keys, archive)] == [KeyRefused, KeyRefused]


def test_a_newest_segment_that_is_gone_or_damaged_says_nothing_of_the_key(settings, archive):
    index, objects = archive
    used = index.key_versions()
    objects.delete(used[1][1])
    objects.put(used[2][1], b"MJSEG1\nnone")
    keys = tenant_keys(settings)
    assert states(keys, archive) == [
        (1, 2, False, False, NOTHING), (2, 1, False, False, NOTHING), (3, 0, True, False, NOTHING),
    ]  # fmt: skip
    older = Keystore(settings.keys_dir + "-other", "acme", at=1)
    assert [one[-1] for one in states(older, archive)] == [NOTHING, KeyMissing]


def test_a_ring_asks_who_has_the_version(tmp_path):
    earlier, later = Keystore(tmp_path / "a", "acme", at=1), Keystore(tmp_path / "b", "acme", at=1)
    later.rotate(2)
    later._keys.pop(1)  # as a token begins behind the versions of the key store
    ring = KeyRing(earlier, later)
    key = bytes(range(16))
    old, new = earlier.wrap(key, b"x"), ring.wrap(key, b"x")
    assert (old.version, new.version) == (1, 2)
    assert ring.unwrap(old, b"x") == ring.unwrap(new, b"x") == key
    assert (ring.tenant, ring.current(), ring.versions()) == ("acme", 2, (1, 2))
    assert ring.rotate(3) == 3
    assert ring.versions() == (1, 2, 3)
    assert earlier.versions() == (1,)
    with pytest.raises(KeyRefused):
        ring.unwrap(old._replace(version=2), b"x")
    with pytest.raises(KeyMissing):
        ring.unwrap(old._replace(version=9), b"x")
