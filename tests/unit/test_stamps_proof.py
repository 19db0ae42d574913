"""What a time stamp proves of a head, and the name of everything that is wrong with one that proves
nothing."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MingjianError
from sinks.ledger.certificates import read_certificate
from sinks.ledger.checkpoint import Checkpoint
from sinks.ledger.der import NotDer
from sinks.ledger.http_authority import HttpAuthority
from sinks.ledger.rfc3161 import (
    FAILURES,
    IMPRINTS,
    Query,
    read_query,
    read_response,
    read_token,
)
from sinks.ledger.stamp_check import check_stamp, query_for
from sinks.ledger.stamp_words import REFUSALS, WRONG
from sinks.ledger.stamps import stamps, take
from sinks.ledger.unproven import Unproven
from tests.support.time_authority import (
    KINDS,
    TestCertificates,
    built_reply,
    made_by_kind,
    note_of,
    now,
    openssl_reply,
    refusing_reply,
    run,
    served,
    written,
)

VECTOR = json.loads((Path(__file__).parents[1] / "data/sm2_stamp.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    return made_by_kind(tmp_path_factory.mktemp("tsa"))


@pytest.mark.parametrize("algorithm", IMPRINTS)
def test_a_stamp_with_sm2_that_another_implementation_made(algorithm):
    """By Bouncy Castle; the certificates are of a test authority."""
    head = Checkpoint(VECTOR["origin"], VECTOR["size"], bytes.fromhex(VECTOR["root"]), VECTOR["at"])
    found = VECTOR["stamps"][algorithm]
    query, response = (base64.b64decode(found[name]) for name in ("query", "response"))
    given = {"roots": VECTOR["roots"].encode(), "signed_at": head.at, "now": head.at}
    proven = check_stamp(head.text(), query, response, **given)
    assert (proven.sm2, proven.accuracy, proven.serial) == (True, 1_000_000, 4242)
    assert abs(proven.at - head.at) < 60_000
    other = head._replace(size=head.size + 1).text()
    with pytest.raises(Unproven, match="something else"):
        check_stamp(other, query, response, **given)
    signature = read_token(read_response(response).token).signer.signature
    for at in (response.index(signature) + 10, len(response) - 5):
        broken = response[:at] + bytes([response[at] ^ 1]) + response[at + 1 :]
        with pytest.raises(Unproven, match=r"signature is not valid|not a time stamp"):
            check_stamp(head.text(), query, broken, **given)


# ---- what proves nothing ----


def _other_nonce(signer, query):
    return openssl_reply(signer, bytes(query._replace(nonce=query.nonce + 1)))


def _other_imprint(signer, query):
    return openssl_reply(signer, bytes(query._replace(imprint=bytes(32))))


def _other_digest(signer, query):
    text = b"another text of 32 bytes or more"
    return openssl_reply(signer, bytes(query_for(text, "sha256", query.nonce)))


def _altered(signer, query):
    year = written(now())[:4].encode()
    earlier = str(int(year) - 1).encode()
    return built_reply(
        signer, query, written(now()), alter=lambda info: info.replace(year, earlier)
    )


def _bad_signature(signer, query):
    answer = built_reply(signer, query, written(now()))
    signature = read_token(read_response(answer).token).signer.signature
    return answer.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))


FAULTS = {
    "wrong nonce": ("nonce", _other_nonce),
    "wrong imprint": ("imprint", _other_imprint),
    "imprint by another digest": ("imprint", _other_digest),
    "truncated": ("unreadable", lambda signer, query: openssl_reply(signer, bytes(query))[:-9]),
    "more behind it": ("unreadable", lambda s, query: openssl_reply(s, bytes(query)) + b"\0"),
    "empty": ("unreadable", lambda signer, query: b""),
    "HTML": ("unreadable", lambda signer, query: b"<html>hello</html>"),
    "granted without a token": ("unreadable", lambda signer, query: refusing_reply(0)),
    "altered after signing": ("altered", _altered),
    "bad signature": ("signature", _bad_signature),
    "without its certificate": (
        "no_certificate",
        lambda s, query: built_reply(s, query, written(now()), with_certificate=False),
    ),
    "signed for another certificate": (
        "other_certificate",
        lambda s, query: built_reply(s, query, written(now()), certificate=b"another"),
    ),
    "before the certificate": (
        "not_yet_valid",
        lambda s, query: built_reply(s, query, "20150101000000Z"),
    ),
    "after the certificate": ("expired", lambda s, query: built_reply(s, query, "20991231235959Z")),
    "a time that does not exist": (
        "unreadable",
        lambda s, query: built_reply(s, query, "20260230000000Z"),
    ),
    "local time": ("unreadable", lambda s, query: built_reply(s, query, "20260728000000+0800")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_proves_nothing_is_named_and_not_kept(tmp_path, authorities, fault):
    code, reply = FAULTS[fault]
    certificates, signer = authorities["ecdsa"]
    error = refused_by_check(reply(signer, ASKED), certificates.roots)
    assert error.code == code
    with served(lambda asked: reply(signer, read_query(asked))) as server:
        authority = HttpAuthority("tsa", server.url, "sm3")
        with pytest.raises(MingjianError) as refused:
            take(tmp_path, note_of(20, 1), authority, roots=certificates.roots, nonce=5, now=now())
        authority.close()
    assert error.en in refused.value.en
    assert error.zh in refused.value.zh
    assert stamps(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("extensions", "days", "code"),
    [
        ("none", 30, "usage"),
        ("not_critical", 30, "usage"),
        ("more", 30, "usage"),
        ("stamping", 0, "expired"),
    ],
)
def test_a_certificate_that_does_not_do(authorities, kind, extensions, days, code):
    certificates, _ = authorities[kind]
    signer = certificates.issue(f"{extensions}-{days}", extensions, days)
    error = refused_by_check(built_reply(signer, ASKED, written(now())), certificates.roots)
    assert error.code == code
    assert signer.name in error.en
    assert signer.name in error.zh


@pytest.mark.parametrize("name", ["authority", "other"])  # a name proves nothing
@pytest.mark.parametrize("kind", KINDS)
def test_an_authority_that_nobody_trusts(tmp_path, authorities, kind, name, monkeypatch):
    """And one that only this machine trusts, which the machine of an auditor may not."""
    certificates, _ = authorities[kind]
    other = TestCertificates(tmp_path / "other", kind, name)
    stranger = other.issue("stranger")
    answer = built_reply(stranger, ASKED, written(now()))
    system = tmp_path / "system"
    system.mkdir()
    hashed = run(other.folder, "x509", "-in", "authority.pem", "-noout", "-hash").decode().strip()
    (system / f"{hashed}.0").write_bytes(other.roots)
    monkeypatch.setenv("SSL_CERT_DIR", str(system))
    monkeypatch.setenv("SSL_CERT_FILE", str(other.roots_file))
    error = refused_by_check(answer, certificates.roots)
    assert error.code == "chain"
    assert "Mingjian TEST stamps stranger" in error.en
    assert checked(answer, other.roots).authority == "Mingjian TEST stamps stranger"


@pytest.mark.parametrize("roots", [b"", b"no certificates", b"-----BEGIN CERTIFICATE-----\n"])
def test_nobody_is_trusted(authorities, roots):
    _, signer = authorities["rsa"]
    assert refused_by_check(built_reply(signer, ASKED, written(now())), roots).code == "no_roots"


def test_the_numbers_of_the_chinese_standard_for_the_same_structure(authorities):
    """GM/T 0010 has its own number for signed data."""
    certificates, signer = authorities["sm2"]
    answer = built_reply(signer, ASKED, written(now()), signed_data="1.2.156.10197.6.1.4.2.2")
    assert checked(answer, certificates.roots).sm2


def test_a_certificate_from_the_file_of_trusted_ones(authorities):
    certificates, signer = authorities["rsa"]
    answer = built_reply(signer, ASKED, written(now()), with_certificate=False)
    beside = (signer.folder / "good.pem").read_bytes()
    assert checked(answer, certificates.roots + beside).authority == "Mingjian TEST stamps good"
    assert refused_by_check(answer, beside).code == "chain"  # itself it is no root


def test_without_openssl_nothing_is_called_good(authorities, monkeypatch):
    certificates, signer = authorities["rsa"]
    answer = built_reply(signer, ASKED, written(now()))
    monkeypatch.setenv("PATH", "/nowhere")
    assert refused_by_check(answer, certificates.roots).code == "no_openssl"


TEXT = note_of(20, 1).checkpoint.text()
ASKED = query_for(TEXT, "sm3", 5)


def checked(answer, roots):
    return check_stamp(TEXT, bytes(ASKED), answer, roots, signed_at=now(), now=now())


def refused_by_check(answer, roots):
    with pytest.raises(Unproven) as found:
        checked(answer, roots)
    return found.value


@pytest.mark.parametrize("at", range(0, 1200, 37))
def test_no_byte_of_a_stamp_can_be_altered(authorities, at):
    """A stamp with one bit altered is refused, or says the same: some bytes are not signed, such as
    the status and the name of an algorithm that the key decides anyhow."""
    certificates, signer = authorities["ecdsa"]
    answer = STAMPS.setdefault("one", built_reply(signer, ASKED, written(now())))
    at %= len(answer)
    broken = answer[:at] + bytes([answer[at] ^ 1 << at % 8]) + answer[at + 1 :]
    try:
        proven = checked(broken, certificates.roots)
    except Unproven:
        return
    whole = checked(answer, certificates.roots)
    assert proven._replace(remarks=()) == whole._replace(remarks=())


STAMPS: dict[str, bytes] = {}


def test_every_failure_is_said_in_both_languages():
    for en, zh in [*WRONG.values(), *REFUSALS.values()]:
        assert en.isascii()
        assert not zh.isascii()
        assert en.count("{}") == zh.count("{}")
    assert set(FAILURES.values()) == set(REFUSALS)


# ---- what is worth a remark ----


@pytest.mark.parametrize(
    ("signed_before_s", "years_later", "codes"),
    [
        (1, 0, []),
        (-400, 0, ["before_head"]),
        (3 * 86_400, 0, ["long_after_head"]),
        (1, 1, ["expired_since"]),
        (1, -1, ["in_future"]),
    ],
)
def test_remarks_on_stamps_that_hold(authorities, signed_before_s, years_later, codes):
    certificates, signer = authorities["ecdsa"]
    at = now() // 1000 * 1000
    proven = check_stamp(
        TEXT, bytes(ASKED), built_reply(signer, ASKED, written(at)), certificates.roots,
        signed_at=at - signed_before_s * 1000, now=at + years_later * 366 * 86_400_000,
    )  # fmt: skip
    assert proven.at == at
    assert [one.code for one in proven.remarks] == codes
    assert all(one.en.isascii() and not one.zh.isascii() for one in proven.remarks)


@pytest.mark.parametrize(("status", "said"), [(3, "waiting"), (5, "revocation"), (9, "status 9")])
def test_a_status_that_is_no_stamp(status, said):
    assert said in refused_by_check(refusing_reply(status), b"").en


# ---- bytes ----


@given(
    st.sampled_from(sorted(IMPRINTS)), st.binary(min_size=32, max_size=32), st.integers(0, 1 << 64)
)
def test_a_query_is_what_it_is_read_as(algorithm, imprint, nonce):
    query = Query(algorithm, imprint, nonce)
    assert read_query(bytes(query)) == query


@pytest.mark.parametrize("algorithm", IMPRINTS)
def test_a_query_is_that_of_openssl(tmp_path, algorithm):
    (tmp_path / "text").write_bytes(b"text")
    theirs = run(tmp_path, "ts", "-query", "-data", "text", f"-{algorithm}", "-cert")
    ours = query_for(b"text", algorithm, read_query(theirs).nonce)
    assert bytes(ours) == theirs


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data):
    for read in (read_query, read_response, read_token, read_certificate):
        with suppress(NotDer):
            assert read(data)


@given(data=st.data())
def test_a_damaged_answer_is_read_or_refused(data):
    answer = base64.b64decode(VECTOR["stamps"]["sm3"]["response"])
    start = data.draw(st.integers(0, len(answer) - 1))
    end = data.draw(st.integers(start, min(len(answer), start + 8)))
    broken = answer[:start] + data.draw(st.binary(max_size=8)) + answer[end:]
    with suppress(NotDer):
        assert read_token(read_response(broken).token).policy


def test_openssl_is_there():
    """Without it this file would prove little."""
    program = shutil.which("openssl")
    assert program
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    assert int(said.split()[1].split(".")[0]) >= 3
