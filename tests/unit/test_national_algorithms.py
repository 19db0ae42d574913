"""SM2, SM3 and SM4 as Mingjian uses them: the published examples, and `gmssl` beside them.

`gmssl` is written in Python by others and shares no code with OpenSSL, which does the work here. It
has no GCM, so that is built below from its block cipher, as NIST SP 800-38D describes it.
"""

from __future__ import annotations

import base64
import hmac
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmssl import sm2 as gmssl_sm2
from gmssl import sm3 as gmssl_sm3
from gmssl import sm4 as gmssl_sm4
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger_signer import NoteSigner, signed_by
from reports.signing import PRIVATE_FILE, Signer, verify
from reports.standalone.sm2 import (
    SPKI_HEAD,
    A,
    B,
    G,
    N,
    P,
    public_point,
    signature_numbers,
    sm2_digest,
    sm2_verify,
)
from sinks.archive.keystore import Keystore
from sinks.archive.packing import pack
from sinks.archive.segment import Entry, OpenSegment, read_head, seal_segment
from sinks.ledger.checkpoint import Checkpoint, Note, signed
from sinks.ledger.proofs import leaf_hash, node_hash
from sinks.ledger.sm3 import sm3, sm3_python
from sinks.sealing import Sealer
from sinks.sm4 import DoesNotOpen, seal, unseal

few = settings(max_examples=15)  # gmssl takes 20 ms to check a signature
KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
DEFAULT_ID = "1234567812345678"

# GB/T 32918.5-2017, annex A.2: the recommended curve, the default id
PRIVATE = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
PUBLIC = (
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
MESSAGE = b"message digest"
Z = "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
E = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA


# --- SM3


PUBLISHED_SM3 = {  # GB/T 32905-2016, annex A
    b"abc": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
}


def gmssl_digest(data: bytes) -> bytes:
    return bytes.fromhex(gmssl_sm3.sm3_hash(list(data)))


@pytest.mark.parametrize("text", PUBLISHED_SM3, ids=["abc", "64 bytes"])
def test_the_published_digests_of_sm3(text):
    digest = PUBLISHED_SM3[text]
    assert sm3(text) == sm3_python(text) == gmssl_digest(text).hex() == digest


@given(st.binary(max_size=200))
def test_sm3_is_that_of_gmssl_and_so_are_the_hashes_of_the_ledger(data):
    digest = gmssl_digest(data)
    assert sm3(data) == sm3_python(data) == digest.hex()
    assert leaf_hash(data) == gmssl_digest(b"\0" + data)
    assert node_hash(digest, digest[::-1]) == gmssl_digest(b"\1" + digest + digest[::-1])


@pytest.mark.parametrize("size", [0, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1000])
def test_sm3_pads_at_the_ends_of_blocks_as_gmssl_does(size):
    data = bytes(number % 251 for number in range(size))
    assert sm3(data) == sm3_python(data) == gmssl_digest(data).hex()


def gmssl_hmac(key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104) of gmssl's SM3, blocks of 64 bytes."""
    key = (gmssl_digest(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = gmssl_digest(bytes(one ^ 0x36 for one in key) + data)
    return gmssl_digest(bytes(one ^ 0x5C for one in key) + inner)


@given(st.binary(max_size=130), st.binary(max_size=100))
@few
def test_hmac_sm3_is_that_of_gmssl(key, data):
    """Terms of the archive's index and nonces of sealed records are made with it."""
    assert hmac.digest(key, data, "sm3") == gmssl_hmac(key, data)


# --- SM4


PUBLISHED_SM4 = {  # key, text, sealed
    "GB/T 32907-2016 A.1": (
        "0123456789abcdeffedcba9876543210",
        "0123456789abcdeffedcba9876543210",
        "681edf34d206965e86b3e94f536e4246",
    ),
    "draft-ribose-cfrg-sm4-10 A.1.4": (
        "fedcba98765432100123456789abcdef",
        "000102030405060708090a0b0c0d0e0f",
        "f766678f13f01adeac1b3ea955adb594",
    ),
}


class GmsslBlocks:
    """gmssl's SM4, block by block."""

    def __init__(self, key: bytes) -> None:
        self._machine = gmssl_sm4.CryptSM4()
        self._machine.set_key(key, gmssl_sm4.SM4_ENCRYPT)

    def block(self, text: bytes) -> bytes:
        return bytes(self._machine.one_round(self._machine.sk, list(text)))

    def counted(self, counter: int, text: bytes) -> bytes:
        """Counter mode with the whole block as the counter."""
        stream = b"".join(
            self.block(((counter + number) % (1 << 128)).to_bytes(16, "big"))
            for number in range(-(-len(text) // 16))
        )
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))


def openssl_block(key: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.SM4(key), modes.ECB()).encryptor().update(text)  # noqa: S305


@pytest.mark.parametrize("name", PUBLISHED_SM4)
def test_the_published_blocks_of_sm4(name):
    key, text, sealed = map(bytes.fromhex, PUBLISHED_SM4[name])
    assert openssl_block(key, text) == GmsslBlocks(key).block(text) == sealed


def test_sm4_a_million_times_over_itself():
    """GB/T 32907-2016 A.2."""
    machine, text = Cipher(algorithms.SM4(KEY), modes.ECB()).encryptor(), KEY  # noqa: S305
    for _ in range(1_000_000):
        text = machine.update(text)
    assert text.hex() == "595298c7c6fd271f0402f804c33d3f66"


def test_the_published_counter_mode_of_sm4():
    """draft-ribose-cfrg-sm4-10 A.2.5.1."""
    text = b"".join(bytes([one]) * 8 for one in bytes.fromhex("aabbccddeeffaabb"))
    start = bytes(range(16))
    sealed = (
        "ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7"
        "f234bc0e24c11980fd1286310ce37b926e02fcd0faa0baf38b2933851d824514"
    )
    by_openssl = Cipher(algorithms.SM4(KEY), modes.CTR(start)).encryptor().update(text)
    assert by_openssl.hex() == sealed
    assert GmsslBlocks(KEY).counted(int.from_bytes(start, "big"), text).hex() == sealed


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary())
@few
def test_sm4_blocks_and_counter_mode_are_those_of_gmssl(key, start, text):
    gmssl = GmsslBlocks(key)
    assert openssl_block(key, start) == gmssl.block(start)
    by_openssl = Cipher(algorithms.SM4(key), modes.CTR(start)).encryptor().update(text)
    assert by_openssl == gmssl.counted(int.from_bytes(start, "big"), text)


# --- SM4 in GCM


def times(x: int, y: int) -> int:
    """Product in GF(2^128), SP 800-38D §6.3: the first bit is the highest power of two."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def gcm(key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    """The sealed text and its tag (SP 800-38D §7.1), SM4 from gmssl; nonces of 12 bytes."""
    machine = GmsslBlocks(key)
    first = int.from_bytes(nonce + b"\0\0\0\1", "big")
    sealed = machine.counted(first + 1, text)
    subkey = int.from_bytes(machine.block(bytes(16)), "big")
    told = b"".join(one + bytes(-len(one) % 16) for one in (bound, sealed))
    told += (8 * len(bound)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    hashed = 0
    for at in range(0, len(told), 16):
        hashed = times(hashed ^ int.from_bytes(told[at : at + 16], "big"), subkey)
    return sealed + machine.counted(first, hashed.to_bytes(16, "big"))


PUBLISHED_GCM = {  # key, nonce, text, bound, sealed with its tag
    "RFC 8998 A.1": (
        "0123456789abcdeffedcba9876543210",
        "00001234567800000000abcd",
        "".join(pair * 8 for pair in ("aa", "bb", "cc", "dd", "ee", "ff", "ee", "aa")),
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec",
    ),
    "GB/T 36624-2018 C.5, no text": (
        "00" * 16, "00" * 12, "", "", "232f0cfe308b49ea6fc88229b5dc858d",
    ),
    "GB/T 36624-2018 C.5, zeros": (
        "00" * 16, "00" * 12, "00" * 16, "",
        "7de2aa7f1110188218063be1bfeb6d89b851b5f39493752be508f1bb4482c557",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED_GCM)
def test_the_published_examples_of_sm4_gcm(name):
    key, nonce, text, bound, sealed = map(bytes.fromhex, PUBLISHED_GCM[name])
    assert seal(key, nonce, text, bound) == gcm(key, nonce, text, bound) == sealed
    assert unseal(key, nonce, sealed, bound) == text


@given(
    key=st.binary(min_size=16, max_size=16),
    nonce=st.binary(min_size=12, max_size=12),
    text=st.binary(max_size=70),
    bound=st.binary(max_size=40),
    at=st.integers(0, 10_000),
)
@few
def test_sm4_gcm_is_what_gmssls_blocks_make_of_it(key, nonce, text, bound, at):
    sealed = gcm(key, nonce, text, bound)
    assert seal(key, nonce, text, bound) == sealed
    assert unseal(key, nonce, sealed, bound) == text
    altered = bytearray(sealed)
    altered[at % len(sealed)] ^= 1 << at % 8
    with pytest.raises(DoesNotOpen):
        unseal(key, nonce, bytes(altered), bound)


def record(number: int) -> bytes:
    return f'{{"seq":{number},"text":"这款产品保本{number * number}"}}'.encode()


def test_a_segments_records_are_sealed_as_another_would_seal_them(tmp_path):
    """The form of sinks/archive/segment.py: nonce is the record's number, bound is what it is."""
    keys = Keystore(tmp_path, "acme", at=1)
    entries = [Entry(f"m{number}", number, record(number)) for number in range(1, 4)]
    sealed = seal_segment(
        entries, tenant="acme", name="s1", keys=keys, created_at=5, random=lambda _count: KEY
    )
    opened = OpenSegment(read_head(sealed.data, "s1"), keys)
    for number, (entry, place) in enumerate(zip(entries, sealed.places, strict=True), 1):
        bound = f'["acme","s1",{number},"{entry.msgid}",{entry.seq}]'.encode()
        by_gmssl = gcm(KEY, number.to_bytes(12, "big"), pack(entry.raw), bound)
        assert sealed.data[place.offset :][: place.length] == by_gmssl
        assert opened.record(number, entry.msgid, entry.seq, by_gmssl) == entry.raw
    assert sealed.data[-32:] == gmssl_digest(sealed.data[:-32]) == bytes.fromhex(sealed.sm3)


@given(raw=st.binary(max_size=80), bound=st.text(max_size=20))
@few
def test_a_sealed_record_of_evidence_is_what_gmssl_makes_of_it(raw, bound):
    """The form of sinks/sealing.py: s1.<key id>.<nonce | sealed | tag>, its nonce made of what is
    sealed by HMAC-SM3."""
    sealer = Sealer("k1", {"k1": KEY})
    sealed = sealer.seal(raw, bound)
    body = sealed.removeprefix("s1.k1.")
    data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    nonce, associated = data[:12], bound.encode()
    packed = unseal(KEY, nonce, data[12:], associated)
    assert data[12:] == gcm(KEY, nonce, packed, associated)
    key = gmssl_hmac(KEY, b"mingjian sealing nonce")
    told = len(associated).to_bytes(4, "big") + associated + packed
    assert nonce == gmssl_hmac(key, told)[:12]
    assert sealer.open(sealed, bound) == raw


# --- SM2


def gmssl_machine(public: tuple[int, int], private: int = 0) -> gmssl_sm2.CryptSM2:
    machine = gmssl_sm2.CryptSM2(f"{private:064x}", "", asn1=True)
    # its constructor strips leading digits of the key that are none of the prefix
    machine.public_key = f"{public[0]:064x}{public[1]:064x}"
    return machine


def gmssl_accepts(public: tuple[int, int], data: bytes, signature: bytes) -> bool:
    return bool(gmssl_machine(public).verify_with_sm3(signature.hex(), data))


def gmssl_public(private: int) -> tuple[int, int]:
    point = gmssl_machine((0, 0))._kg(private, gmssl_sm2.default_ecc_table["g"])
    return int(point[:64], 16), int(point[64:], 16)


def gmssl_signature(private: int, data: bytes, nonce: int) -> bytes:
    machine = gmssl_machine(gmssl_public(private), private)
    return bytes.fromhex(machine.sign_with_sm3(data, f"{nonce:064x}"))


def pem(label: str, der: bytes) -> bytes:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def published_key(folder: Path) -> None:
    """The example's private key as the file of a signer: PKCS#8 of id-ecPublicKey on SM2's curve,
    in it an ECPrivateKey (RFC 5915)."""
    folder.mkdir()
    scalar, point = PRIVATE.to_bytes(32, "big"), b"".join(n.to_bytes(32, "big") for n in PUBLIC)
    inner = b"\x30\x6b\x02\x01\x01\x04\x20" + scalar + b"\xa1\x44\x03\x42\x00\x04" + point
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
    whole = b"\x02\x01\x00" + algorithm + b"\x04" + bytes([len(inner)]) + inner
    path = folder / PRIVATE_FILE
    path.write_bytes(pem("PRIVATE KEY", b"\x30\x81" + bytes([len(whole)]) + whole))
    path.chmod(0o600)


def test_the_curve_is_the_recommended_one_in_both():
    table = {name: value.lower() for name, value in gmssl_sm2.default_ecc_table.items()}
    ours = {"n": N, "p": P, "a": A, "b": B}
    assert table == {name: f"{value:064x}" for name, value in ours.items()} | {
        "g": f"{G[0]:064x}{G[1]:064x}"
    }


def test_the_published_signature_of_sm2():
    assert gmssl_public(PRIVATE) == PUBLIC
    machine = gmssl_machine(PUBLIC)
    assert sm2_digest(PUBLIC, MESSAGE, DEFAULT_ID.encode()) == E
    assert int(machine._sm3_z(MESSAGE), 16) == E
    assert sm3(bytes.fromhex(Z) + MESSAGE) == f"{E:064x}"
    signature = gmssl_signature(PRIVATE, MESSAGE, NONCE)
    assert signature_numbers(signature) == (R, S)
    assert sm2_verify(PUBLIC, MESSAGE, signature)
    assert gmssl_accepts(PUBLIC, MESSAGE, signature)
    assert not sm2_verify(PUBLIC, MESSAGE, signature, b"ALICE123@YAHOO.COM")


@pytest.mark.parametrize("program", [None, ""], ids=["as installed", "without openssl"])
def test_the_published_key_signs_and_others_accept_it(tmp_path, program):
    published_key(tmp_path / "keys")
    signer = Signer.from_dir(tmp_path / "keys", openssl=program)
    assert public_point(signer.public_pem)[0] == PUBLIC
    signature = signer.sign(MESSAGE)
    assert gmssl_accepts(PUBLIC, MESSAGE, signature)
    assert not gmssl_accepts(PUBLIC, MESSAGE + b"s", signature)
    assert verify(signer.public_pem, MESSAGE, gmssl_signature(PRIVATE, MESSAGE, NONCE))


scalars = st.integers(1, N - 2)


@given(private=scalars, nonce=scalars, data=st.binary(max_size=300), at=st.integers(0, 10_000))
@few
def test_what_gmssl_signs_is_accepted_here_and_nothing_else(private, nonce, data, at):
    public, signature = gmssl_public(private), gmssl_signature(private, data, nonce)
    public_pem = pem("PUBLIC KEY", SPKI_HEAD + b"".join(n.to_bytes(32, "big") for n in public))
    assert sm2_verify(public, data, signature)
    assert verify(public_pem, data, signature)
    altered = bytearray(signature)
    altered[at % len(signature)] ^= 1 << at % 8
    assert not verify(public_pem, data, bytes(altered))
    assert not verify(public_pem, data + b"\0", signature)


@pytest.mark.parametrize("program", [None, ""], ids=["as installed", "without openssl"])
def test_what_is_signed_here_gmssl_accepts(tmp_path, program):
    signer = Signer.from_dir(tmp_path, openssl=program)
    public, draw = public_point(signer.public_pem)[0], random.Random(7)
    for size in (0, 1, 55, 56, 64, 1_000):
        data = draw.randbytes(size)
        assert gmssl_accepts(public, data, signer.sign(data)), size


def test_gmssl_accepts_the_heads_of_the_ledger(tmp_path):
    signer = Signer.from_dir(tmp_path)
    name = "mingjian/acme/ledger"
    note: Note = signed(
        Checkpoint(name, 7, gmssl_digest(b"root"), 1_800_000_000_000), [NoteSigner(signer, name)]
    )
    (signature,) = note.signatures
    assert signed_by(note, name, signer.public_pem)
    point = public_point(signer.public_pem)[0]
    assert gmssl_accepts(point, note.checkpoint.text(), signature.value)
    assert not gmssl_accepts(point, note.checkpoint._replace(size=8).text(), signature.value)
