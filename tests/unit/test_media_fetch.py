"""Files are fetched once, stored once by content, and none is lost without being told, wherever the
process is killed."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest

from ingest.archive.port import CHUNK_BYTES, KEEP_DAYS
from ingest.archive.simulator import Simulator
from rules.errors import MingjianError
from sinks.archive.disposable import Disposed, Tombstone
from sinks.archive.media import MediaDamaged
from sinks.archive.media_book import MediaBook
from tests.support.archive import Clock
from tests.support.disposal import START, Fuse, Killed, record
from tests.support.media import DAY, MediaSite, sent

PDF, PHOTO = b"%PDF-1.7 a contract", bytes(range(256)) * 5_000  # the photo comes in three parts


@pytest.fixture
def clock():
    return Clock(START + DAY)


@pytest.fixture
def source(clock):
    found = Simulator(clock.now, calls_per_minute=0)
    found.media = {"a": PDF, "b": PHOTO, "c": PDF}
    return found


@pytest.fixture
def opened(tmp_path, source, clock):
    """Opens the archive as after a start; closed in the end."""
    open_now = []

    def again(**settings):
        for one in open_now:
            one.close()
        open_now[:] = [MediaSite(tmp_path, source, clock, **settings)]
        return open_now[0]

    yield again
    for one in open_now:
        one.close()


def done(progress):
    return progress.stored, progress.lost, progress.refused, progress.wanted


def test_files_are_fetched_hashed_and_stored_once_by_content(opened, source):
    at = opened()
    at.site.take(record(1), sent(2, "a"), sent(3, "b", "c"), sent(4, "a"))
    assert done(at.fetch()) == (3, 0, 0, 0)
    assert [at.content(one) for one in "abc"] == [PDF, PHOTO, PDF]
    row, same = at.book.of_file("a"), at.book.of_file("c")
    assert (row.sm3, row.sha256, row.size) == (
        hashlib.new("sm3", PDF).hexdigest(), hashlib.sha256(PDF).hexdigest(), len(PDF),
    )  # fmt: skip
    assert row.object == same.object
    assert len(at.objects()) == 2
    assert at.lines() == [("media_stored", 1), ("media_stored", 2), ("media_stored", 2)]
    assert row.file_id == "", "what fetches a file is not kept longer than it is wanted"
    assert at.left() == []
    calls = source.calls
    assert done(opened().fetch()) == (0, 0, 0, 0)
    assert source.calls == calls


def test_what_is_archived_later_is_seen_later_and_the_oldest_goes_first(opened, source):
    at = opened()
    source.media = {f"id{n}": bytes([n]) for n in range(6)}
    at.site.take(sent(3, "id3"), sent(1, "id1"), sent(5, "id5"))
    at.fetch()
    assert [leaf for _, leaf in at.lines()] == [1, 0, 2]
    at.site.take(sent(4, "id4"), sent(2, "id2"))
    opened().fetch()
    assert [leaf for _, leaf in opened().lines()] == [1, 0, 2, 4, 3]


def test_what_is_known_can_be_made_again_from_the_book_and_the_messages(opened, source, tmp_path):
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "b"), sent(3, "gone"))
    at.fetch()
    before = [at.book.of_file(one)._replace(tries=0) for one in ("a", "b", "gone")]
    at.book.close()
    (tmp_path / "media.db").unlink()
    calls = source.calls
    at = opened()
    assert done(at.fetch()) == (0, 0, 0, 0)
    assert [at.book.of_file(one) for one in ("a", "b", "gone")] == before
    assert source.calls == calls
    assert len(at.lines()) == 3


@pytest.mark.parametrize("broken_at", [1, 2, 3])
def test_a_fetch_that_broke_goes_on_where_it_broke(opened, source, clock, broken_at):
    at = opened()
    at.site.take(sent(1, "b"))
    source.fail(*[0] * (broken_at - 1), 10001)
    assert done(at.fetch()) == (1, 0, 0, 0)
    assert at.content("b") == PHOTO
    assert source.calls == 3 + 1, "no part came twice"
    assert [word for word, _ in clock.told] == ["away", "back"]
    assert at.left() == []


def test_a_place_to_go_on_that_holds_no_longer_is_given_up(opened, source):
    at = opened()
    at.site.take(sent(1, "b"))
    source.fail(0, 10000)
    assert done(at.fetch()) == (1, 0, 0, 0)
    assert at.content("b") == PHOTO
    assert source.calls == 2 + 3, "it began again"


def test_a_part_file_is_for_its_owner_alone_and_goes_on_after_a_restart(opened, source, tmp_path):
    at = opened()
    at.site.take(sent(1, "b"))
    source.fail(0, *[10001] * 8)
    progress = at.fetch()
    assert done(progress) == (0, 0, 0, 1)
    modes = {path.name[-5:]: path.stat().st_mode & 0o777 for path in at.parts.iterdir()}
    assert modes[".part"] == 0o600
    assert at.parts.stat().st_mode & 0o777 == 0o700
    calls = source.calls
    assert done(opened().fetch()) == (1, 0, 0, 0)
    assert source.calls == calls + 2


def test_a_file_that_expired_is_lost_with_an_incident_and_a_line(opened, source, clock):
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "b", days=0), sent(3, "c", days=KEEP_DAYS))
    source.media_sent = {"a": START + 1, "b": START + 2, "c": START + KEEP_DAYS * DAY}
    clock.ms = START + KEEP_DAYS * DAY + 1000
    assert done(at.fetch()) == (1, 2, 0, 0)
    row = at.book.of_file("a")
    assert (row.state, row.at, row.file_id) == ("lost", clock.ms, "")
    assert "10010" in row.reason
    assert at.lines() == [("media_lost", 0), ("media_lost", 1), ("media_stored", 2)]
    (told,) = [one for one in at.intake.open() if one[0] == "media_lost"]
    assert told[1].startswith("first the file of message 0: GetMediaData: the data has expired")
    assert told[2] == 2, "how many are as old"
    assert done(opened().fetch()) == (0, 0, 0, 0), "what is lost is not asked for again"


def test_an_id_that_wecom_does_not_know_is_lost(opened):
    at = opened()
    at.site.take(sent(1, "unknown"), sent(2, "a"))
    assert done(at.fetch()) == (1, 1, 0, 0)
    assert "10005" in at.book.of_file("unknown").reason
    assert "media_lost" in [one[0] for one in at.intake.open()]


def test_another_md5_and_size_than_wecom_says_are_noted_and_no_error(opened):
    at = opened()
    right = hashlib.md5(PDF, usedforsecurity=False).hexdigest()
    at.site.take(sent(1, "a", md5="0" * 32, size=5), sent(2, "b"),
                 sent(3, "c", md5=right.upper(), size=len(PDF)))  # fmt: skip
    assert done(at.fetch()) == (3, 0, 0, 0)
    first, second, third = (line.deed.details for line in at.book.lines())
    assert (first["md5"], first["wecom_md5"], first["wecom_size"]) == (right, "0" * 32, 5)
    for details in (second, third):
        assert not {"md5", "wecom_md5", "wecom_size"} & set(details)


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_is_too_large_is_refused_told_and_fetched_when_it_may_be(
    opened, source, clock, told
):
    source.media["big"] = big = bytes(1024 * 1024 + 1)
    at = opened(media_max_mb=1)
    at.site.take(sent(1, "big", size=len(big) if told else 0), sent(2, "a"))
    assert done(at.fetch()) == (1, 0, 1, 0)
    assert source.calls == 1 + (0 if told else 3)
    assert "media_max_mb, 1 MiB" in at.book.of_file("big").reason
    assert ("media_refused", 0) in at.lines()
    assert [one[0] for one in at.intake.open() if one[0] != "collector_lag"] == ["media_refused"]
    assert at.left() == []
    at = opened(media_max_mb=2)
    assert done(at.fetch()) == (0, 0, 0, 0), "it is not tried again by itself"
    at = opened(media_max_mb=2)
    assert at.book.again() == 1
    assert done(at.fetch()) == (1, 0, 0, 0)
    assert ("media_refused", "resolved") in at.intake.story
    assert at.content("big") == big


def test_no_more_calls_a_minute_than_were_agreed(opened, source, clock):
    source.media = {f"id{n}": bytes([n]) for n in range(50)}
    times = []
    real = source.get_media
    source.get_media = lambda *args: times.append(clock.ms) or real(*args)
    at = opened(media_calls_per_minute=7)
    at.site.take(*(sent(n, f"id{n}") for n in range(50)))
    assert done(at.fetch()) == (50, 0, 0, 0)
    for start in range(len(times) - 7):
        assert times[start + 7] - times[start] >= 60_000


def test_one_file_that_always_fails_holds_no_other_back_and_ends(opened, source, clock):
    real = source.get_media

    def fails(index, file_id, timeout):
        if file_id == "a":
            source.fail(10002)
        return real(index, file_id, timeout)

    source.get_media = fails
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "b"))
    assert done(at.fetch()) == (1, 0, 0, 1)
    assert at.book.of_file("a").tries == 8
    clock.ms = START + (KEEP_DAYS + 3) * DAY
    opened().fetch()
    assert opened().book.of_file("a").state == "wanted", "it may yet come"
    clock.ms += DAY
    assert done(opened().fetch()) == (0, 1, 0, 0)
    assert "10002" in opened().book.of_file("a").reason


def test_what_a_person_has_to_mend_ends_it_and_loses_nothing(opened, source):
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "b"))
    source.fail(10009)
    with pytest.raises(MingjianError, match="trusted"):
        at.fetch()
    assert [one[0] for one in at.intake.open()][-1] == "source_refused"
    assert at.book.counts() == {"wanted": 2}
    at = opened()
    assert done(at.fetch()) == (2, 0, 0, 0)
    assert ("source_refused", "resolved") in at.intake.story


def test_a_storage_that_is_away_is_waited_for(opened, clock):
    at = opened()
    at.site.take(sent(1, "b"))
    real, left = at.site.objects.put, [3]

    def full(name, data):
        if left[0]:
            left[0] -= 1
            raise OSError(28, "No space left on device")
        real(name, data)

    at.site.objects.put = full
    assert done(at.fetch()) == (1, 0, 0, 0)
    assert clock.told[0] == ("away", "No space left on device; trying again")
    assert clock.told[-1][0] == "back"
    assert at.content("b") == PHOTO


def test_a_storage_that_stays_away_ends_a_run_that_is_to_end(opened):
    at = opened()
    at.site.take(sent(1, "b"))

    def full(name, data):
        raise OSError(28, "No space left on device")

    at.site.objects.put = full
    with pytest.raises(MingjianError, match="No space left"):
        at.fetch()
    assert done(opened().fetch()) == (1, 0, 0, 0)


def test_a_storage_that_keeps_something_else_is_found_before_the_part_file_goes(opened):
    at = opened()
    at.site.take(sent(1, "b"))
    real = at.site.objects.put
    # A bit is turned: a fixed byte would be the right one once in 256.
    at.site.objects.put = lambda name, data: real(name, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(MediaDamaged):
        at.fetch()
    assert at.lines() == []
    assert done(opened().fetch()) == (1, 0, 0, 0)


def test_it_ends_between_two_parts_when_it_is_told_to(opened, source, clock):
    at = opened()
    at.site.take(sent(1, "b"), sent(2, "a"))
    real = source.get_media

    def stops(*args):
        clock.stop = True
        return real(*args)

    source.get_media = stops
    assert done(at.fetcher.run(once=False)) == (0, 0, 0, 2)
    assert source.calls == 1
    clock.stop, source.get_media = False, real
    assert done(opened().fetch()) == (2, 0, 0, 0)
    assert source.calls == 1 + 2 + 1


def test_a_message_that_cannot_be_opened_is_looked_at_again(opened, tmp_path):
    at = opened()
    at.site.take(sent(1, "a"))
    (name,) = at.site.objects.names()
    path = next((tmp_path / "objects").glob(f"*/{name}"))
    path.rename(tmp_path / "away")
    assert at.fetch().unread == 1
    at.site.take(sent(2, "b"))
    progress = opened().fetch()
    assert (progress.stored, progress.unread) == (1, 1)
    (tmp_path / "away").rename(path)
    progress = opened().fetch()
    assert (progress.stored, progress.unread) == (1, 0)
    assert opened().content("a") == PDF


def test_one_process_fetches(opened, tmp_path):
    opened()
    with pytest.raises(MingjianError, match="another process fetches"):
        MediaBook(tmp_path, writes=True)
    MediaBook(tmp_path).close()


# ---- killed anywhere ----------------------------------------------------------------------------


def scenario():
    return [
        record(1), sent(2, "a"), sent(3, "b", "c"), sent(4, "unknown"), sent(5, "big"),
        sent(6, "a", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_nothing_is_lost_and_nothing_entered_twice(tmp_path, clock, after):
    kills = 0
    for step in range(1, 100):
        folder = tmp_path / f"{step}"
        source = Simulator(clock.now, calls_per_minute=0)
        source.media = {"a": PDF, "b": PHOTO, "c": PDF, "big": bytes(2 * 1024 * 1024 + 1)}
        real = source.get_media
        prepared = MediaSite(folder, source, clock)
        prepared.site.take(*scenario())
        prepared.close()
        fuse = Fuse(step, after=after)
        dying = MediaSite(folder, source, clock, fuse=fuse, media_max_mb=2)
        try:
            dying.fetch()
        except Killed:
            kills += 1
        told = {kind for kind, _ in dying.intake.story}
        dying.close()
        source.get_media = real
        at = MediaSite(folder, source, clock, media_max_mb=2)
        at.fetch()
        assert sorted(at.lines()) == [
            ("media_lost", 3), ("media_refused", 4), ("media_stored", 1), ("media_stored", 2),
            ("media_stored", 2),
        ]  # fmt: skip
        assert [at.content(one) for one in "abc"] == [PDF, PHOTO, PDF]
        assert at.objects() == sorted({at.book.of_file(one).object for one in "abc"})
        assert at.left() == [], "nothing is left in the clear"
        told |= {kind for kind, _ in at.intake.story}
        assert {"media_lost", "media_refused"} <= told
        at.close()
        if fuse.count < step:
            break
    assert kills > 15


def test_killed_before_the_part_file_goes_it_goes_at_the_next_start(opened, monkeypatch):
    at = opened()
    at.site.take(sent(1, "b"))

    def killed(path):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("jobs.media.discard", killed)
        with pytest.raises(Killed):
            at.fetch()
    assert at.left() == [at.book.of_file("b").file]
    at = opened()
    assert done(at.fetch()) == (0, 0, 0, 0)
    assert at.left() == []
    assert at.lines() == [("media_stored", 0)]


def test_a_damaged_book_is_told_of_and_fetching_goes_on(opened, tmp_path):
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "b"))
    at.fetch()
    path = tmp_path / "media.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"size":19', b'"size":18', 1))
    at.site.take(sent(3, "c"))
    at = opened()
    assert at.book.damage is not None
    assert "media.jsonl is damaged at line" in at.book.damage.en
    assert done(at.fetch()) == (1, 0, 0, 0)


def test_a_database_that_is_locked_is_waited_for(opened, tmp_path):
    at = opened()
    at.site.take(sent(1, "a"))
    other = sqlite3.connect(tmp_path / "media.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    at.book._db.execute("PRAGMA busy_timeout = 1")
    at.clock.at[1] = lambda: other.execute("ROLLBACK")
    assert done(at.fetch()) == (1, 0, 0, 0)
    other.close()


# ---- deletion -----------------------------------------------------------------------------------


def deleted(at, *leaves):
    """Bury messages the way a plan does, without the years it waits for."""
    rows = at.site.disposals.rows_at(leaves)
    stones = [Tombstone(r.leaf, r.msgid, r.seq, r.time, r.sm3, "p" * 64, 1, 9) for r in rows]
    at.site.disposals.dispose(Disposed(stones, [], [], []))


def test_files_go_with_the_last_message_that_carries_them(opened):
    at = opened()
    at.site.take(sent(1, "a"), sent(2, "a", "b"), sent(3, "c"))
    at.fetch()
    deleted(at, 0)
    opened().fetch()
    at = opened()
    assert len(at.objects()) == 2, "another message carries it"
    deleted(at, 1)
    at.fetch()
    assert sorted(at.lines()[3:]) == [("media_removed", 0), ("media_removed", 1)]
    assert at.book.of_file("a").state == "removed"
    assert at.content("c") == PDF, "the same content belongs to another file"
    assert len(at.objects()) == 1
    deleted(at, 2)
    opened().fetch()
    assert opened().objects() == []


def test_a_message_that_is_merely_missing_takes_no_file_with_it(opened):
    at = opened()
    at.site.take(sent(1, "a"))
    at.fetch()
    at.site.index.database.execute("DELETE FROM messages")
    opened().fetch()
    assert opened().content("a") == PDF


@pytest.mark.parametrize("step", range(1, 5))
def test_killed_while_files_are_removed_it_is_done_the_next_time(opened, step):
    at = opened()
    at.site.take(sent(1, "a", "b"))
    at.fetch()
    deleted(at, 0)
    at = opened(fuse=Fuse(step))
    with pytest.raises(Killed):
        at.fetch()
    at = opened()
    at.fetch()
    assert at.objects() == []
    assert sorted(at.lines()[2:]) == [("media_removed", 0), ("media_removed", 0)]
    assert at.book.carriers(-1, 10) == []


def test_parts_are_of_512_kib():
    assert 2 * CHUNK_BYTES < len(PHOTO) < 3 * CHUNK_BYTES
