"""Signed tree heads: the text that says how long the ledger is and what its root is.

The form is C2SP's tlog-checkpoint in a signed note:

    <origin>
    <number of leaves>
    <root, base64>
    time <UTC ms>

    — <name> <base64 of the key's id (4 bytes) and the signature>

The signature is SM2 over the bytes of the text up to the empty line, the last line feed included,
as DER of (r, s). C2SP has no type for SM2, so the key's id is made as it recommends for such: type
0xff and a name, hashed, here with SM3, together with the key's SubjectPublicKeyInfo.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sinks.ledger.proofs import HASH_BYTES
from sinks.ledger.sm3 import sm3

_TYPE = b"\xffmingjian/sm2"
_DASH = "— "
_ID_BYTES = 4
_TIME = "time "
_MAX_SIGNATURES = 64


class Signs(Protocol):
    """What a ledger signs with."""

    name: str
    key_id: bytes

    def sign(self, text: bytes) -> bytes:
        """Signature over `text`."""


class HeadSigner(Signs, Protocol):
    """What a ledger is signed with, which knows its own signatures again."""

    def signed(self, note: Note) -> bool:
        """Whether a head carries a valid signature of this key."""


class Signature(NamedTuple):
    """A signature under a note: of whom, the id of the key, the bytes."""

    name: str
    key_id: bytes
    value: bytes


class Checkpoint(NamedTuple):
    """A tree head. `at` is UTC ms, by the clock of the machine that signed."""

    origin: str
    size: int
    root: bytes
    at: int

    def text(self) -> bytes:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n{_TIME}{self.at}\n".encode()


class Note(NamedTuple):
    """A checkpoint and the signatures under it."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        """The note as it is kept and given out."""
        lines = (
            f"{_DASH}{one.name} {base64.b64encode(one.key_id + one.value).decode()}\n"
            for one in self.signatures
        )
        return self.checkpoint.text() + b"\n" + "".join(lines).encode()


def key_id(name: str, public_der: bytes) -> bytes:
    """Id of an SM2 key in notes, 4 bytes."""
    return bytes.fromhex(sm3(name.encode() + b"\n" + _TYPE + public_der))[:_ID_BYTES]


def signed(checkpoint: Checkpoint, signers: Sequence[Signs]) -> Note:
    """The note of a checkpoint, signed by each."""
    text = checkpoint.text()
    return Note(
        checkpoint, tuple(Signature(one.name, one.key_id, one.sign(text)) for one in signers)
    )


def read_note(data: bytes) -> Note:
    """A note from its bytes.

    Raises:
        ValueError: it is none; the words say what is wrong with it.
    """
    head, gap, tail = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
        ends = tail.decode().split("\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not gap or len(lines) != 4 or not lines[3].startswith(_TIME):  # noqa: PLR2004
        raise ValueError("it is not a checkpoint of four lines")
    if ends.pop() != "" or not 0 < len(ends) <= _MAX_SIGNATURES:
        raise ValueError("it has no signature, or is cut short")
    try:
        root = base64.b64decode(lines[2], validate=True)
        checkpoint = Checkpoint(lines[0], int(lines[1]), root, int(lines[3][len(_TIME) :]))
        note = Note(checkpoint, tuple(_signature(line) for line in ends))
    except (binascii.Error, ValueError):
        raise ValueError("a number, the root or a signature in it cannot be read") from None
    if len(root) != HASH_BYTES or checkpoint.size < 0 or bytes(note) != data:
        raise ValueError("it is not written as a checkpoint is")
    return note


def _signature(line: str) -> Signature:
    name, _, value = line.removeprefix(_DASH).partition(" ")
    decoded = base64.b64decode(value, validate=True)
    if not line.startswith(_DASH) or not name or len(decoded) <= _ID_BYTES:
        raise ValueError("no signature")
    return Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])
