"""The puller of the archive: every message once, and a word for every one that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.archive.page import Encrypted, read_page
from ingest.archive.port import ArchiveError
from ingest.archive.simulator import encrypted, page
from ingest.intake import Taken
from rules.decode import Decoder
from rules.errors import MingjianError
from tests.support.archive import NOON, Company, ids, msgid, private_key, said, stored, write_key

DAY = 86_400_000
HOUR = 3_600_000


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_every_message_is_handed_on_in_order_whatever_the_page(
    company: Company, limit: int
) -> None:
    company.archive.add(*(stored(seq) for seq in range(1, 8)))
    pulled = company.pull(limit=limit)
    assert company.taken == ids(1, 2, 3, 4, 5, 6, 7)
    assert (pulled.seq, pulled.taken.new, company.intake.cursor()) == (7, 7, "7")
    assert company.intake.open() == []


def test_a_message_goes_on_in_the_envelope_that_the_job_reads(company: Company) -> None:
    sent = NOON - 60_000
    plaintext = said(9, sent, "第一行\t第二行").replace(b"\\t", b"\n\x01")  # raw control characters
    company.archive.add(
        encrypted(plaintext, seq=2**64 - 1, sent=sent, msgid="m9", version=1,
                  key=private_key(1).public_key())
    )  # fmt: skip
    company.pull()
    (body,) = company.intake.written
    assert body.startswith(
        b'{"v":1,"kind":"archive","time":%d,"received_at":%d,"tenant":"demo","seq":%d,"payload":{'
        % (sent, NOON, 2**64 - 1)
    )
    assert plaintext in body  # byte for byte
    message = Decoder("other").decode(body)
    assert (message.msgid, message.seq, message.text) == ("m9", 2**64 - 1, "第一行\n\x01第二行")
    assert message.flags == ("json_repaired",)
    assert company.intake.cursor() == str(2**64 - 1)


@pytest.mark.parametrize(
    ("plaintext", "time"),
    [
        (b'{"msgid":"x","action":"switch","time":1554119421840,"user":"U"}', 1554119421840),
        (b'{"msgid":"x","msgtype":"text","msgtime":0}', 0),
        (b'{"msgid":"x","msgtype":"text"}', 0),
        (b'{"msgid":"x","msgtype":"text","msgtime":"soon"}', 0),
    ],
)
def test_the_time_is_that_of_the_message(company: Company, plaintext: bytes, time: int) -> None:
    company.archive.add(
        encrypted(plaintext, seq=1, sent=0, msgid="x", version=1, key=private_key(1).public_key())
    )
    company.pull()
    assert json.loads(company.intake.written[0])["time"] == time


@pytest.mark.parametrize(
    "plaintext",
    [b'{"msgid":"x",}', b'{"msgid":"x"},"tenant":"another","y":{}', b'{"msgid":"\xff\xfe"}'],
    ids=["no JSON", "more than one value", "not UTF-8"],
)
def test_what_is_a_message_but_no_sound_json_goes_on_as_it_is(
    company: Company, plaintext: bytes
) -> None:
    company.archive.add(
        encrypted(plaintext, seq=1, sent=0, msgid="x", version=1, key=private_key(1).public_key())
    )
    taken: list[bytes] = []
    company.intake.take = (  # type: ignore[method-assign]
        lambda bodies, **_: taken.extend(bodies) or Taken()  # type: ignore[func-returns-value]
    )
    company.pull()
    assert taken == [plaintext]


def test_it_goes_on_where_it_stopped(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in (1, 2)))
    company.pull()
    company.archive.add(*(stored(seq) for seq in (3, 4)))
    pulled = company.pull()
    assert (pulled.taken.new, pulled.taken.duplicates) == (2, 0)
    assert company.taken == ids(1, 2, 3, 4)


def test_from_a_number_pulls_again_and_hands_nothing_on_twice(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in range(10, 16)))
    company.pull()
    pulled = company.pull(start=11)
    assert (pulled.taken.new, pulled.taken.duplicates) == (0, 4)
    assert company.intake.open() == []


def test_one_number_under_two_ids_loses_neither(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=())
    twice = [stored(1)._replace(seq=5), stored(2)._replace(seq=5)]
    company.archive.get_chat_data = lambda seq, *_: page(twice if not seq else [])  # type: ignore[method-assign]
    assert company.pull().shut == {"key_missing": 2}
    write_key(company.keys, 1)
    company.pull()
    assert sorted(company.taken) == ids(1, 2)


# ---- the archive is away, or refuses ----


@pytest.mark.parametrize("codes", [[10001], [10002], [10003], [-1], [45009], [10001] * 9])
def test_what_may_pass_is_asked_again_with_growing_pauses(
    company: Company, codes: list[int]
) -> None:
    company.archive.add(stored(1))
    company.archive.fail(*codes)
    company.pull()
    assert company.taken == ids(1)
    expected = [min(60.0, 0.5 * 2**n) for n in range(len(codes))]
    assert company.clock.slept == expected
    assert [word for word, _ in company.clock.told] == ["away", "back"]
    assert company.intake.open() == []


@pytest.mark.parametrize("code", [10000, 10004, 10005, 10008, 10009, 10011, 48002, 301])
def test_a_refusal_is_an_incident_and_ends_when_the_archive_answers(
    company: Company, code: int
) -> None:
    company.archive.add(stored(1))
    for _ in range(2):  # the second process meets the same refusal and tells nothing new
        company.archive.fail(code)
        with pytest.raises(MingjianError) as raised:
            company.pull()
        assert str(code) in raised.value.en
        assert str(code) in raised.value.zh
        assert raised.value.fix_en
        assert raised.value.fix_zh
    assert company.intake.story == [("source_refused", "open")]
    company.pull()
    assert company.intake.story[1:] == [("source_refused", "resolved")]
    company.archive.fail(code)
    company.clock.ms += HOUR
    with pytest.raises(MingjianError):
        company.pull()
    assert len(company.intake.open()) == 1, "a second episode is not hidden by the first"


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"no json", b"[]", b"{}", b'{"errcode":"0"}', b'{"errcode":0,"chatdata":{}}',
        b'{"errcode":0,"chatdata":[{}]}', b'{"errcode":0,"chatdata":[{"seq":1.5}]}',
        b'{"errcode":0,"chatdata":[{"seq":18446744073709551616}]}',
        b'{"errcode":0,"chatdata":[{"seq":-1}]}', b'{"errcode":0,"chatdata":[7]}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_no_page_is_asked_for_again(company: Company, answer: bytes) -> None:
    company.archive.add(stored(1))
    answers = [answer]
    real = company.archive.get_chat_data
    company.archive.get_chat_data = (  # type: ignore[method-assign]
        lambda *given: answers.pop() if answers else real(*given)
    )
    company.pull()
    assert company.taken == ids(1)
    assert company.clock.told[0][0] == "away"


def test_an_archive_that_repeats_itself_is_not_believed(company: Company) -> None:
    """Else the puller would pull the same page for ever and call it new."""
    company.archive.add(stored(1))
    company.pull()
    company.archive.get_chat_data = lambda *_: page([stored(1)])  # type: ignore[method-assign]
    company.clock.at[3] = lambda: setattr(company.clock, "stop", True)
    pulled = company.pull()
    assert (pulled.pages, pulled.seq) == (0, 1)


# ---- numbers that are missing ----


def test_a_missing_number_is_looked_for_again_and_then_told(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in (4, 5, 8, 9)))
    company.pull()
    assert company.taken == ids(4, 5, 8, 9), "nothing waits for what is missing"
    ((kind, detail, count),) = company.intake.open()
    assert (kind, count) == ("sequence_gap", 2)
    assert "6 to 7" in detail
    company.pull()
    company.pull(start=3)
    assert company.intake.story == [("sequence_gap", "open")], "once, also when pulled again"


def test_a_number_that_only_came_late_is_no_gap(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in (1, 2, 4)))
    company.clock.at[1] = lambda: company.archive.reveal(stored(3))
    company.pull()
    assert sorted(company.taken) == ids(1, 2, 3, 4)
    assert company.intake.story == []
    assert company.intake.cursor() == "4"


def test_a_gap_is_looked_for_again_also_after_a_crash(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in (1, 3)))
    company.clock.at[1] = lambda: setattr(company.clock, "stop", True)
    company.pull()
    assert company.intake.story == []
    company.clock.stop = False
    company.archive.reveal(stored(2))
    company.clock.ms += 60_000
    company.pull()
    assert sorted(company.taken) == ids(1, 2, 3)
    assert company.intake.story == []


def test_a_gap_that_closes_later_is_resolved(company: Company) -> None:
    company.archive.add(*(stored(seq) for seq in (1, 9)))
    company.pull()
    company.archive.reveal(*(stored(seq) for seq in (4, 5)))
    company.pull(start=1)
    assert [(detail[:16], count) for _, detail, count in company.intake.open()] == [
        ("numbers 2 to 3 a", 2),
        ("numbers 6 to 8 a", 3),
    ]
    company.archive.reveal(*(stored(seq) for seq in (2, 3, 6, 7, 8)))
    company.pull(start=1)
    assert company.intake.open() == []
    assert sorted(company.taken) == ids(*range(1, 10))


def test_a_gap_of_any_size_is_two_numbers(company: Company) -> None:
    company.archive.add(stored(1), stored(2**64 - 1))
    company.pull()
    ((_, _, count),) = company.intake.open()
    assert count == 2**64 - 3


# ---- five days ----


@pytest.mark.parametrize("refuses", [False, True])
def test_messages_that_expired_unfetched_are_told_and_passed(tmp_path: Path, refuses: bool) -> None:
    company = Company(tmp_path, refuses=refuses)
    company.archive.add(stored(1), stored(2))
    company.pull()
    company.archive.add(stored(3), stored(4))
    company.clock.ms += 6 * DAY
    recent = company.clock.ms - HOUR // 2
    company.archive.add(stored(5, recent), stored(6, recent))
    company.pull()
    assert company.taken == ids(1, 2, 5, 6)
    assert [(kind, count) for kind, _, count in company.intake.open()] == [("message_expired", 2)]
    company.pull()
    assert company.intake.story.count(("message_expired", "open")) == 1


def test_expiry_of_everything_is_told_though_nobody_knows_how_much(tmp_path: Path) -> None:
    company = Company(tmp_path, refuses=True)
    company.archive.add(stored(1))
    company.pull()
    company.archive.add(stored(2))
    company.clock.ms += 6 * DAY
    company.pull()
    assert [kind for kind, _, _ in company.intake.open()] == ["message_expired"]


def test_a_single_message_refused_as_expired_is_told_and_kept(company: Company) -> None:
    company.archive.add(stored(1), stored(2), stored(3))
    real, sealed = company.archive.decrypt, stored(2).chat_msg

    def decrypt(key: bytes, message: str) -> bytes:
        if message == sealed:
            raise ArchiveError(10010, "DecryptData")
        return real(key, message)

    company.archive.decrypt = decrypt  # type: ignore[method-assign]
    pulled = company.pull()
    assert company.taken == ids(1, 3)
    assert [kind for kind, _, _ in company.intake.open()] == ["message_expired"]
    assert pulled.shut == {"message_expired": 1}


# ---- keys ----


def test_a_message_without_a_key_waits_for_it_and_holds_nothing_back(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=(1,))
    company.archive.add(stored(1), stored(2, version=2), stored(3, version=2), stored(4))
    pulled = company.pull()
    assert company.taken == ids(1, 4)
    assert (pulled.seq, pulled.shut) == (4, {"key_missing": 2})
    ((kind, detail, count),) = company.intake.open()
    assert (kind, count) == ("key_missing", 2)
    assert "publickey_ver 2" in detail

    # days later the archive itself has forgotten them
    company.clock.ms += 30 * DAY
    write_key(company.keys, 2)
    pulled = company.pull()
    assert sorted(company.taken) == ids(1, 2, 3, 4)
    assert (pulled.shut, company.intake.cursor()) == ({}, "4")
    assert company.intake.open() == []


def test_a_key_that_is_put_there_is_used_without_a_restart(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=(1,))
    company.archive.add(stored(1), stored(2, version=2))
    company.clock.at[1] = lambda: write_key(company.keys, 2)
    company.clock.at[2] = lambda: setattr(company.clock, "stop", True)
    company.pull(once=False)
    assert company.taken == ids(1, 2)
    assert company.intake.open() == []


def test_a_broken_key_file_stops_no_collector_that_runs(company: Company) -> None:
    company.archive.add(stored(1))
    company.clock.at[1] = lambda: write_key(company.keys, 2).write_bytes(b"half of a key")
    company.clock.at[2] = lambda: company.archive.add(stored(2))
    company.clock.at[3] = lambda: setattr(company.clock, "stop", True)
    company.pull(once=False)
    assert company.taken == ids(1, 2)
    assert [word for word, _ in company.clock.told] == ["keys"], "said once"


def test_a_wrong_key_never_passes_for_a_message(tmp_path: Path) -> None:
    """RSA v1.5 answers a wrong key with random bytes (implicit rejection), not with an error."""
    company = Company(tmp_path, versions=())
    write_key(company.keys, 1, private_key(99))
    company.archive.add(*(stored(seq) for seq in range(1, 41)))
    pulled = company.pull()
    assert company.taken == []
    assert pulled.shut == {"decrypt_failed": 40}
    ((kind, _, count),) = company.intake.open()
    assert (kind, count) == ("decrypt_failed", 40)

    write_key(company.keys, 1)
    company.pull()
    assert company.taken == ids(*range(1, 41))
    assert company.intake.open() == []


def test_a_key_that_comes_and_is_the_wrong_one_is_told(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=(1,))
    company.archive.add(stored(1, version=2))
    company.pull()
    write_key(company.keys, 2, private_key(99))
    company.pull()
    assert [kind for kind, _, _ in company.intake.open()] == ["decrypt_failed"]


@pytest.mark.parametrize(
    "damage",
    [
        {"random_key": ""}, {"random_key": "no base64!"}, {"random_key": "AAAA"}, {"chat_msg": ""},
        {"chat_msg": "no base64!"}, {"chat_msg": "AAAA"}, {"version": -1},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_message_is_kept_and_holds_nothing_back(
    company: Company, damage: dict[str, Any]
) -> None:
    company.archive.add(stored(1), stored(2)._replace(**damage), stored(3))
    pulled = company.pull()
    assert company.taken == ids(1, 3)
    assert pulled.shut == {"decrypt_failed": 1}
    assert [kind for kind, _, _ in company.intake.open()] == ["decrypt_failed"]


# ---- how far behind, and heartbeats ----


def test_a_collector_that_was_away_says_so_until_it_has_caught_up(company: Company) -> None:
    company.archive.add(stored(1))
    company.pull()
    company.archive.add(*(stored(seq, NOON + seq * 600_000) for seq in range(2, 20)))
    company.clock.ms += 4 * HOUR
    company.pull(limit=1)
    assert company.intake.story == [("collector_lag", "open"), ("collector_lag", "resolved")]
    assert company.intake.open() == []


def test_an_archive_that_stays_away_is_a_lag_too(company: Company) -> None:
    company.archive.add(stored(1))
    company.pull()
    company.archive.fail(*[10001] * 80)
    company.pull()
    assert company.intake.story == [("collector_lag", "open"), ("collector_lag", "resolved")]


def test_time_goes_on_at_the_end_of_the_archive_and_only_there(company: Company) -> None:
    company.archive.add(stored(1), stored(2), stored(4))
    company.clock.at[9] = lambda: setattr(company.clock, "stop", True)
    company.pull(once=False, delay_seconds=20, poll_seconds=5)
    waited = 30_000  # for the second look at number 3
    assert company.intake.beats
    assert company.intake.beats[0] >= NOON + waited - 20_000
    assert company.intake.beats == sorted(set(company.intake.beats))


def test_what_the_book_keeps_is_encrypted(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=())
    company.archive.add(stored(1))
    company.pull()
    stores = [file.read_bytes() for file in tmp_path.glob("archive.db*")]
    assert stores
    assert not any("您好".encode() in one or b"zhangsan" in one for one in stores)


def test_a_page_lists_messages_by_number_whatever_its_order() -> None:
    listed = read_page(page([stored(3), stored(1), stored(2), stored(3)]), 1)
    assert [one.seq for one in listed] == [2, 3]
    assert isinstance(listed[0], Encrypted)
    assert msgid(b'{"payload":{"msgid":"m1"}}') == "m1"
