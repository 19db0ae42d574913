"""Keys that are not those the archive was sealed with are found before anything is written."""

from __future__ import annotations

import json
import shutil

import pytest

from config.settings import Keys, Outputs, Settings, Source, Target
from ingest.archive.simulator import Simulator
from jobs.ledger_signer import note_signer
from rules.decode import Decoder
from sinks.archive.disposable import Disposed
from sinks.archive.key_ring import KeyRing
from sinks.archive.key_versions import require_versions, uses, version_states
from sinks.archive.keys import KeyMissing, KeyRefused
from sinks.archive.keystore import FILE, Keystore
from sinks.archive.media import MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.objects import LocalObjects
from sinks.archive.sink import ArchiveSink
from sinks.archive.sqlite_index import SqliteIndex
from sinks.base import Record
from sinks.targets import open_sinks
from sinks.tenant_keys import tenant_keys
from tests.support.archive import Clock
from tests.support.disposal import DAY, START, Signer
from tests.support.media import MediaSite, sent
from tests.unit.test_archiver import record

LATER = START + 2 * DAY


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
    yield index, LocalObjects(path / "segments"), path
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
    index, objects, _ = archive
    used = index.key_versions()
    objects.delete(used[1][1])
    objects.put(used[2][1], b"MJSEG1\nnone")
    keys = tenant_keys(settings)
    assert states(keys, archive) == [
        (1, 2, False, True, NOTHING),  # the key of the search says it
         (2, 1, False, False, NOTHING), (3, 0, True, False, NOTHING),
    ]  # fmt: skip
    older = Keystore(settings.keys_dir + "-other", "acme", at=1)
    assert [one[-1] for one in states(older, archive)] == [KeyRefused, KeyMissing]


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


# ---- what else has keys under the tenant's ------------------------------------------------------


def test_a_version_that_only_wrapped_the_key_of_the_search_is_needed(settings, archive):
    index, objects, folder = archive
    index.database.execute("DELETE FROM segments")
    keys = tenant_keys(settings)
    found = list(version_states(keys, *archive))
    assert [(one.version, one.search, one.needed, one.tried) for one in found] == [
        (1, True, True, True), (2, False, False, False), (3, False, False, False),
    ]  # fmt: skip
    keys._keys.pop(1)
    with pytest.raises(KeyMissing, match="version 1"):
        require_versions(keys, index, objects, folder)


@pytest.fixture
def site(tmp_path):
    """Two files under version 1 of the key, each sent once, and one under version 2 sent twice; the
    segments under version 1 are deleted."""
    clock = Clock(LATER)
    source = Simulator(clock.now, calls_per_minute=0)
    source.media |= {name: name.encode() * 99 for name in ("old", "other", "new")}
    made = MediaSite(tmp_path, source, clock)
    made.site.take(sent(1, "old"), sent(2, "other"), record(3))
    made.fetch()
    made.site.keys.rotate(2)
    made.site.take(sent(4, "new"), sent(5, "new"))
    clock.ms += 2_000
    made.fetch()
    rows = made.site.disposals.rows_at([0, 1, 2])
    made.site.disposals.dispose(Disposed((), (), (), [rows[0].segment]))
    made.site.index.keep_secret(made.site.keys.wrap(b"k" * 16, b"search key"))
    yield made
    made.close()


def needed(site):
    found = version_states(site.site.keys, site.site.index, site.site.objects, site.folder)
    return [(one.version, one.segments, one.files, one.tried, type(one.fault)) for one in found]


FILES = [(1, 0, 2, True, NOTHING), (2, 1, 1, True, NOTHING)]


def forgotten(site):
    """As a program wrote it that did not note versions."""
    site.book._db.execute("UPDATE files SET key_version = 0")


def lost(site):
    site.book.close()
    for path in site.folder.glob("media.db*"):
        path.unlink()
    site.book = MediaBook(site.folder)  # as who looks makes it


def without_column(site):
    site.book._db.execute("ALTER TABLE files DROP COLUMN key_version")


@pytest.mark.parametrize(
    "change", [lambda site: None, forgotten, lost, without_column],
    ids=["as-it-is", "not-noted", "work-is-lost", "an-earlier-program"],
)  # fmt: skip
def test_a_version_that_only_files_need_is_needed_and_missed(site, change):
    change(site)
    assert needed(site) == needed(site) == FILES
    counted = uses(site.site.index, site.folder, MediaStore(site.site.objects, site.site.keys))
    assert {version: (one.segments, one.files, one.search) for version, one in counted.items()} == {
        1: (0, 2, False), 2: (1, 1, True),
    }  # fmt: skip
    keys = site.site.keys
    keys._keys.pop(1)
    assert needed(site)[0] == (1, 0, 2, True, KeyMissing)
    with pytest.raises(KeyMissing, match="version 1 of the key of tenant acme"):
        require_versions(keys, site.site.index, site.site.objects, site.folder)


def test_another_key_under_the_number_that_files_need_is_found(site):
    site.site.keys._keys[1] = bytes(16)
    assert needed(site)[0] == (1, 0, 2, True, KeyRefused)


def test_a_version_is_not_needed_any_more_when_its_files_are_removed(site):
    for row in [site.book.of_file(name) for name in ("old", "other")]:
        site.book.removed(row, "deleted", at=LATER, who="collector")
    assert needed(site)[0] == (1, 0, 0, False, NOTHING)
    site.site.keys._keys.pop(1)
    require_versions(site.site.keys, site.site.index, site.site.objects, site.folder)


def test_a_file_that_is_gone_from_the_storage_says_nothing_of_the_key(site):
    forgotten(site)
    for row in [site.book.of_file(name) for name in ("old", "other")]:
        site.site.objects.delete(row.object)
    assert needed(site) == [(1, 0, 0, False, NOTHING), FILES[1]]


def test_the_writer_does_not_begin_without_a_version_that_only_files_need(
    site, tmp_path, monkeypatch
):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    site.site.close()
    path = tmp_path / "keys" / FILE
    told = json.loads(path.read_text())
    told["versions"] = [one for one in told["versions"] if one["version"] != 1]
    path.chmod(0o600)
    path.write_text(json.dumps(told))
    sink = ArchiveSink(
        "archive", tmp_path, tenant="acme", open_keys=lambda: Keystore(path.parent, "acme"),
        open_signer=Signer, objects=site.site.objects, decoder=Decoder("acme"),
        segment_s=10, sign_s=60,
    )  # fmt: skip
    with pytest.raises(KeyMissing, match="version 1 of the key of tenant acme"):
        sink.open()
