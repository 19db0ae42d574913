"""SM2 and SM3: the standard's vectors, and three independent programs that must agree."""

from __future__ import annotations

import subprocess

import pytest
from gmssl import sm2
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import signing
from reports.repeatable import der_of, signed_repeatably
from reports.signing import PASSPHRASE_VARIABLE, PRIVATE_FILE, Signer, openssl_program, verify
from reports.standalone.sm2 import (
    G,
    N,
    multiple,
    public_point,
    signature_numbers,
    sm2_digest,
    sm2_verify,
)
from rules.errors import MingjianError
from sinks.ledger.sm3 import sm3, sm3_python

OPENSSL = openssl_program()


@pytest.fixture(scope="module")
def by_openssl(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="module")
def by_gmssl(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("gmssl"), openssl="")


@pytest.mark.parametrize(
    ("data", "digest"),
    [  # GB/T 32905-2016, appendix A
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_vectors(data, digest):
    assert sm3(data) == digest
    assert sm3_python(data) == digest


@given(st.binary(max_size=300))
@settings(max_examples=30)
def test_sm3_in_python_equals_openssls(data):
    assert sm3_python(data) == sm3(data)


def openssl_says(public: bytes, data: bytes, signature: bytes, tmp_path) -> bool:
    (tmp_path / "p").write_bytes(public)
    (tmp_path / "s").write_bytes(signature)
    command = [OPENSSL, "dgst", "-sm3", "-sigopt", f"distid:{signing.SIGNER_ID}"]
    command += ["-verify", "p", "-signature", "s"]
    done = subprocess.run(command, input=data, cwd=tmp_path, capture_output=True, check=False)
    return done.stdout.strip() == b"Verified OK"


def gmssl_says(public: bytes, data: bytes, signature: bytes) -> bool:
    machine = sm2.CryptSM2("", "", asn1=True)
    machine.public_key = public_point(public)[1][-64:].hex()
    return machine.verify_with_sm3(signature.hex(), data)


@pytest.mark.parametrize("name", ["by_openssl", "by_gmssl"])
@pytest.mark.parametrize("data", [b"", b"manifest", "清单".encode() * 5000])
def test_all_three_programs_accept_each_others_signatures(name, data, request, tmp_path):
    signer = request.getfixturevalue(name)
    signature = signer.sign(data)
    assert verify(signer.public_pem, data, signature)
    assert openssl_says(signer.public_pem, data, signature, tmp_path)
    assert gmssl_says(signer.public_pem, data, signature)


def test_a_signature_fits_one_text_one_key_and_one_signer_id(by_openssl, by_gmssl):
    signature = by_openssl.sign(b"manifest")
    assert not verify(by_openssl.public_pem, b"manifesT", signature)
    assert not verify(by_gmssl.public_pem, b"manifest", signature)
    assert not verify(by_openssl.public_pem, b"manifest", signature, "")
    assert not verify(by_openssl.public_pem, b"manifest", signature, "ALICE123@YAHOO.COM")


@given(at=st.integers(0, 69), flip=st.integers(1, 255))
@settings(max_examples=40, deadline=None)
def test_no_altered_signature_is_accepted(by_openssl, at, flip):
    signature = bytearray(by_openssl.sign(b"manifest"))
    signature[at % len(signature)] ^= flip
    assert not verify(by_openssl.public_pem, b"manifest", bytes(signature))


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30\x00",
        bytes.fromhex("3006020101020101") + b"\0",  # a byte too many
        bytes.fromhex("3007020101020200ff")[:-1],  # cut short
        bytes.fromhex("300702020001020101"),  # not the shortest form
        bytes.fromhex("30060201ff020101"),  # negative
        bytes.fromhex("3009020101020101020101"),  # three numbers
    ],
)
def test_only_strict_der_is_read(der):
    with pytest.raises(ValueError, match="DER"):
        signature_numbers(der)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (N, 1), (1, N), (1, N - 1)])
def test_numbers_out_of_range_are_no_signature(by_openssl, r, s):
    def integer(number):
        body = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(body)]) + body

    body = integer(r) + integer(s)
    assert not verify(by_openssl.public_pem, b"x", b"\x30" + bytes([len(body)]) + body)


def test_a_key_of_another_curve_is_refused(tmp_path):
    command = [OPENSSL, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (tmp_path / PRIVATE_FILE).write_bytes(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    (tmp_path / PRIVATE_FILE).chmod(0o600)
    with pytest.raises(MingjianError, match="not SM2"):
        Signer.from_dir(tmp_path)


@pytest.mark.parametrize("openssl", [OPENSSL, ""])
def test_a_key_is_made_once_kept_private_and_read_by_both_programs(tmp_path, openssl):
    first = Signer.from_dir(tmp_path, openssl=openssl)
    assert (tmp_path / PRIVATE_FILE).stat().st_mode & 0o777 == 0o600
    other = Signer.from_dir(tmp_path, openssl="" if openssl else OPENSSL)
    assert first.fingerprint == other.fingerprint
    assert verify(first.public_pem, b"x", other.sign(b"x"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing.key", "signing.pem"]


def test_a_passphrase_encrypts_the_key_and_is_needed_again(tmp_path):
    first = Signer.from_dir(tmp_path, passphrase="correct horse")
    assert b"ENCRYPTED" in (tmp_path / PRIVATE_FILE).read_bytes()
    assert "correct horse" not in repr(first)
    again = Signer.from_dir(tmp_path, passphrase="correct horse")
    assert verify(first.public_pem, b"x", again.sign(b"x"))
    for wrong in ("", "wrong horse"):
        with pytest.raises(MingjianError) as caught:
            Signer.from_dir(tmp_path, passphrase=wrong)
        assert PASSPHRASE_VARIABLE in caught.value.fix_en
    with pytest.raises(MingjianError, match="needs the openssl program"):
        Signer.from_dir(tmp_path, passphrase="correct horse", openssl="")


@pytest.mark.parametrize("openssl", [OPENSSL, ""])
@pytest.mark.parametrize(
    "body", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_named(tmp_path, body, openssl):
    (tmp_path / PRIVATE_FILE).write_bytes(body)
    (tmp_path / PRIVATE_FILE).chmod(0o600)
    with pytest.raises(MingjianError, match=PRIVATE_FILE):
        Signer.from_dir(tmp_path, openssl=openssl)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    Signer.from_dir(tmp_path)
    (tmp_path / PRIVATE_FILE).chmod(0o640)
    with pytest.raises(MingjianError) as caught:
        Signer.from_dir(tmp_path)
    assert "chmod 600" in caught.value.fix_en


def test_keys_whose_number_begins_with_0_or_4_work_in_python(tmp_path):
    """gmssl's own constructor would strip such digits and break one key in eight."""
    for attempt in range(40):
        folder = tmp_path / str(attempt)
        signer = Signer.from_dir(folder, openssl="")
        if public_point(signer.public_pem)[1][-64:].hex()[0] in "04":
            break
    else:
        pytest.fail("no such key in 40; the chance of that is 1 in 200")
    assert verify(signer.public_pem, b"x", signer.sign(b"x"))


def test_the_pack_says_that_the_key_is_not_certified(by_openssl):
    info = by_openssl.info()
    assert info["certified"] is False
    assert info["signer_id"] == "1234567812345678"
    assert info["key_sm3"] == by_openssl.fingerprint
    assert "未经电子认证机构" in info["statement_zh"]


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_signature_can_be_made_again_and_all_programs_accept_it(tmp_path, passphrase):
    signer = Signer.from_dir(tmp_path, passphrase)
    first = signer.sign_repeatably(b"data")
    assert signer.sign_repeatably(b"data") == first
    assert signer.sign_repeatably(b"datb") != first
    assert verify(signer.public_pem, b"data", first)
    assert openssl_says(signer.public_pem, b"data", first, tmp_path)
    assert not openssl_says(signer.public_pem, b"datb", first, tmp_path)
    point, der = public_point(signer.public_pem)
    machine = sm2.CryptSM2("", "", asn1=True)
    machine.public_key = der[-64:].hex()
    digest = sm2_digest(point, b"data", signing.SIGNER_ID.encode()).to_bytes(32, "big")
    assert machine.verify(first.hex(), digest)


@given(st.integers(1, N - 2), st.binary(max_size=40))
@settings(max_examples=25, deadline=None)
def test_no_two_messages_share_a_nonce_and_every_signature_holds(scalar, data):
    point = multiple(scalar, G)
    r, s = signed_repeatably(scalar, point, data, b"id")
    other_r, other_s = signed_repeatably(scalar, point, data + b"x", b"id")
    assert sm2_verify(point, data, der_of(r, s), b"id")
    nonces = {(s * (1 + scalar) + r * scalar) % N, (other_s * (1 + scalar) + other_r * scalar) % N}
    assert len(nonces) == 2
