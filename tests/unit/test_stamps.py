"""Time stamps as they are asked of authorities and kept beside the ledger: nothing is kept of an
answer that proves nothing."""

from __future__ import annotations

import pytest

from rules.errors import MingjianError
from sinks.ledger.http_authority import HttpAuthority
from sinks.ledger.rfc3161 import (
    FAILURES,
    IMPRINTS,
)
from sinks.ledger.stamp_check import query_for
from sinks.ledger.stamp_words import REFUSALS
from sinks.ledger.stamps import NoAnswer, due, stamps, strangers, take, unstamped
from sinks.ledger.unproven import Unproven
from sinks.whole_file import write_whole
from tests.support.time_authority import (
    KINDS,
    made_by_kind,
    note_of,
    now,
    openssl_reply,
    refusing_reply,
    reply_of,
    run,
    served,
)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    return made_by_kind(tmp_path_factory.mktemp("tsa"))


@pytest.mark.parametrize("algorithm", IMPRINTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_head_is_stamped_and_the_stamp_is_kept(tmp_path, authorities, kind, algorithm):
    certificates, signer = authorities[kind]
    at = now()
    note = note_of(20, at)
    with served(reply_of(signer)) as server:
        authority = HttpAuthority("tsa", server.url, algorithm)
        proven = take(tmp_path, note, authority, roots=certificates.roots, nonce=9 << 60, now=at)
        authority.close()
    headers, query = server.asked[0]
    assert query == query_for(note.checkpoint.text(), algorithm, 9 << 60)
    assert headers["Content-Type"] == "application/timestamp-query"
    assert "Authorization" not in headers
    assert at - 2000 <= proven.at <= now() + 2000
    assert (proven.authority, proven.algorithm) == ("Mingjian TEST stamps good", algorithm)
    assert (proven.sm2, proven.remarks) == (kind == "sm2", ())
    (kept,) = stamps(tmp_path)
    assert (kept.size, kept.at, kept.authority, kept.head) == (20, at, "tsa", note)
    assert kept.check(certificates.roots, at) == proven
    assert {path.stat().st_mode & 0o777 for path in kept.path.parent.iterdir()} == {0o440}
    if kind != "sm2":  # as docs/ledger.md says: whoever has openssl needs nothing of ours
        head = kept.path.with_name("head").read_bytes()
        (tmp_path / "text").write_bytes(b"".join(head.splitlines(keepends=True)[:4]))
        said = run(
            tmp_path, "ts", "-verify", "-data", "text", "-in", str(kept.path), "-CAfile",
            str(certificates.roots_file),
        )  # fmt: skip
        assert b"Verification: OK" in said


# ---- who does not answer, and who refuses ----


@pytest.mark.parametrize(
    ("answer", "en", "zh"),
    [
        ({"status": 500}, "HTTP 500", "HTTP 500"),
        ({"status": 401}, "check user name and password", "用户名和密码"),
        ({"status": 404}, "check the address", "请检查地址"),
        ({"status": 302, "headers": {"Location": "/other"}}, "it redirects", "重定向"),
        ({"kind": "text/html"}, "something else than a time stamp", "不是时间戳"),
        ({"reply": lambda query: bytes(300_000)}, "longer than 262144 bytes", "超过 262144 字节"),
        ({"drips": True}, "no answer within 0.3 s", "0.3 秒内没有答复完"),
    ],
    ids=["500", "401", "404", "redirect", "html", "huge", "slow"],
)
def test_no_answer_is_told_and_may_be_asked_for_again(tmp_path, authorities, answer, en, zh):
    certificates, signer = authorities["rsa"]
    good = reply_of(signer)
    note = note_of(20, now())
    given = {"roots": certificates.roots, "nonce": 5, "now": now()}
    with served(good) as server:
        usual = {name: getattr(server, name) for name in answer}
        for name, value in answer.items():
            setattr(server, name, value)
        authority = HttpAuthority(
            "tsa", server.url, "sm3", timeout_s=0.3 if "drips" in answer else 9
        )
        with pytest.raises(NoAnswer) as found:
            take(tmp_path, note, authority, **given)
        assert isinstance(found.value, OSError)
        assert en in found.value.en
        assert zh in found.value.zh
        assert server.url not in str(found.value)
        assert len(server.asked) == 1
        assert stamps(tmp_path) == []
        for name, value in usual.items():
            setattr(server, name, value)
        again = HttpAuthority("tsa", server.url, "sm3")
        take(tmp_path, note, again, **given)
        assert len(stamps(tmp_path)) == 1
        for one in (authority, again):
            one.close()


def test_nobody_is_there(tmp_path, authorities):
    certificates, signer = authorities["rsa"]
    with served(reply_of(signer)) as server:
        url = server.url
    authority = HttpAuthority("tsa", url, "sm3")
    with pytest.raises(NoAnswer, match=r"no answer \(ConnectionError\)"):
        take(tmp_path, note_of(1, 1), authority, roots=certificates.roots, nonce=1, now=now())
    authority.close()


def test_a_password_is_sent_where_one_is_given(tmp_path, authorities):
    certificates, signer = authorities["rsa"]
    with served(reply_of(signer)) as server:
        authority = HttpAuthority("tsa", server.url, "sm3", username="明鉴", password="p:ß")
        take(tmp_path, note_of(1, 1), authority, roots=certificates.roots, nonce=1, now=now())
        authority.close()
    assert server.login() == "明鉴:p:ß"


def test_a_digest_that_an_authority_does_not_take_is_refused_by_openssl(tmp_path, authorities):
    """As many public authorities do with SM3; SHA-256 works."""
    certificates, signer = authorities["rsa"]
    given = {"roots": certificates.roots, "nonce": 5, "now": now()}
    with served(lambda query: openssl_reply(signer, query, "reply_sha256_only")) as server:
        authority = HttpAuthority("tsa", server.url, "sm3")
        with pytest.raises(MingjianError) as found:
            take(tmp_path, note_of(1, 1), authority, **given)
        authority.close()
        assert "badAlg, it does not take this digest" in found.value.en
        assert "badAlg，不接受该摘要算法" in found.value.zh
        authority = HttpAuthority("tsa", server.url, "sha256")
        take(tmp_path, note_of(1, 1), authority, **given)
        authority.close()


@pytest.mark.parametrize(("bit", "name"), FAILURES.items(), ids=FAILURES.values())
def test_a_refusal_is_told_with_its_reason(tmp_path, bit, name):
    with served(lambda query: refusing_reply(2, bit, "so\nit is")) as server:
        authority = HttpAuthority("tsa", server.url, "sm3")
        with pytest.raises(MingjianError) as found:
            authority.stamp(bytes(32), "sm3", 5)
        authority.close()
    assert not isinstance(found.value, OSError)
    assert f"refused: rejection; {name}, {REFUSALS[name][0]}; it says: so it is" in found.value.en
    assert f"{name}，{REFUSALS[name][1]}" in found.value.zh


# ---- what is kept ----


def kept_at(folder, authorities, *named):
    certificates, signer = authorities["ecdsa"]
    with served(reply_of(signer)) as server:
        for name, note in named:
            authority = HttpAuthority(name, server.url, "sm3")
            take(folder, note, authority, roots=certificates.roots, nonce=1, now=now())
            authority.close()
    return stamps(folder)


def test_which_heads_wait_for_a_stamp_and_from_whom(tmp_path, authorities):
    notes = [note_of(10, 1_000), note_of(9, 500), note_of(100, 2_000)]
    kept = kept_at(tmp_path, authorities, ("one", notes[0]), ("two.x", notes[2]), ("one", notes[1]))
    assert [(one.size, one.authority) for one in kept] == [(9, "one"), (10, "one"), (100, "two.x")]
    assert unstamped(notes, kept) == []
    assert unstamped(notes, kept, "one") == [notes[2]]
    assert unstamped(notes, kept, "two.x") == notes[:2]
    assert unstamped(notes, [], "one") == notes


def test_when_an_authority_is_due(tmp_path, authorities):
    first, second = note_of(10, 1_000_000), note_of(20, 1_030_000)
    kept = kept_at(tmp_path, authorities, ("one", first))
    given = {"kept": kept, "every_ms": 60_000}
    assert not due(first, authority="one", now=9_000_000, **given)
    assert due(first, authority="two", now=1_000_000, **given)
    assert not due(second, authority="one", now=1_059_999, **given)
    assert due(second, authority="one", now=1_060_000, **given)
    assert due(second, authority="one", now=999_999, **given)  # the clock was set back


def test_a_ledger_that_was_exchanged_has_stamps_of_heads_it_does_not_know(tmp_path, authorities):
    notes = [note_of(10, 1_000), note_of(20, 2_000)]
    kept = kept_at(tmp_path, authorities, ("one", notes[0]), ("one", notes[1]))
    assert strangers(notes, kept) == []
    assert strangers(notes[:1], kept) == [kept[1]]  # rolled back
    assert strangers([notes[0], note_of(20, 2_000, b"other")], kept) == [kept[1]]
    certificates, _ = authorities["ecdsa"]
    assert kept[1].head == notes[1]  # and the head of then is proven by the stamp
    assert kept[1].check(certificates.roots, now()).algorithm == "sm3"


@pytest.mark.parametrize("suffix", ["head", "one.tsq", "one.tsr"])
@pytest.mark.parametrize("damage", ["altered", "gone", "empty"])
def test_a_stamp_that_was_damaged_on_disk(tmp_path, authorities, suffix, damage):
    certificates, _ = authorities["ecdsa"]
    (kept,) = kept_at(tmp_path, authorities, ("one", note_of(10, 1_000)))
    path = kept.path.with_name(suffix)
    path.chmod(0o600)
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        at = data.index(b"time 1000") + 8 if suffix == "head" else 40
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        path.write_bytes(altered if damage == "altered" else b"")
    with pytest.raises((Unproven, MingjianError)) as found:
        kept.check(certificates.roots, now())
    assert found.value.en.isascii()
    assert not found.value.zh.isascii()


def test_a_stamp_is_there_with_its_query_or_not_at_all(tmp_path, authorities, monkeypatch):
    """The disk is full at any of the three writes; the next try makes it whole."""
    certificates, signer = authorities["ecdsa"]
    note = note_of(10, 1_000)
    given = {"roots": certificates.roots, "nonce": 1, "now": now()}
    with served(reply_of(signer)) as server:
        authority = HttpAuthority("one", server.url, "sm3")
        for full in ("head", "one.tsq", "one.tsr"):
            with monkeypatch.context() as patched:
                patched.setattr("sinks.ledger.stamps.write_whole", _full_at(full))
                with pytest.raises(OSError, match="No space left"):
                    take(tmp_path, note, authority, **given)
            assert stamps(tmp_path) == []
        take(tmp_path, note, authority, **given)
        authority.close()
    (kept,) = stamps(tmp_path)
    kept.check(certificates.roots, now())


def _full_at(name):
    def write(path, data, *, mode):
        if path.name == name:
            raise OSError(28, "No space left on device")
        write_whole(path, data, mode=mode)

    return write
