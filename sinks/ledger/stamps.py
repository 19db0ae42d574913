"""Time stamps of signed heads: asked of authorities outside, and kept beside the ledger.

A stamp is of the text of a signed note: origin, size, root, time. Below the ledger's folder:

    stamps/<size>-<time of the head, UTC ms>/head              the signed note
    stamps/<size>-<time of the head, UTC ms>/<authority>.tsq   what was asked (RFC 3161, DER)
    stamps/<size>-<time of the head, UTC ms>/<authority>.tsr   what was answered

The head is kept once more so that a stamp proves something even of a ledger that is gone or was
exchanged. Nothing here is ever changed; `openssl ts` reads the files without Mingjian.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from rules.errors import EXIT_FINDINGS, MingjianError
from sinks.ledger.checkpoint import Checkpoint, Note, read_note
from sinks.ledger.stamp_check import Proven, check_stamp, granted, query_for
from sinks.ledger.tiles import PUBLIC
from sinks.ledger.unproven import Unproven
from sinks.whole_file import write_whole

FOLDER = "stamps"
NONCE_BITS = 64
_HEAD, _QUERY, _RESPONSE = "head", ".tsq", ".tsr"
_NAMED = re.compile(r"(\d{1,20})-(\d{1,20})")


class NoAnswer(OSError):
    """An authority does not answer now, or answers something else than a time stamp. Neither its
    address nor a password is quoted."""

    def __init__(self, authority: str, en: str, zh: str) -> None:
        super().__init__(f"time-stamping authority {authority}: {en}")
        self.authority = authority
        self.en = f"time-stamping authority {authority}: {en}"
        self.zh = f"时间戳机构 {authority}：{zh}"


class TimeAuthority(Protocol):
    """A time-stamping authority (RFC 3161).

    Attributes:
        name: as it stands in names of files. algorithm: of the digest, "sm3" or "sha256".
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def algorithm(self) -> str:
        """See above."""

    def stamp(self, imprint: bytes, algorithm: str, nonce: int) -> bytes:
        """Ask for a stamp of this digest: TimeStampResp, DER. What it says is not yet checked.

        Raises:
            NoAnswer: ask again later.
            MingjianError: it refused; the words say why.
        """


class Stamp(NamedTuple):
    """A stamp as it is kept."""

    size: int
    at: int
    authority: str
    path: Path

    @property
    def head(self) -> Note:
        """The head that was stamped. Raises MingjianError when it cannot be read."""
        try:
            note = read_note(self._read(self.path.with_name(_HEAD)))
        except ValueError as error:
            raise _unreadable(self.path.with_name(_HEAD), str(error)) from None
        if (note.checkpoint.size, note.checkpoint.at) != (self.size, self.at):
            raise _unreadable(self.path.with_name(_HEAD), "it is another one")
        return note

    @property
    def query(self) -> bytes:
        """What was asked, DER. Raises MingjianError when it cannot be read."""
        return self._read(self.path.with_suffix(_QUERY))

    @property
    def response(self) -> bytes:
        """What was answered, DER. Raises MingjianError when it cannot be read."""
        return self._read(self.path)

    def check(self, roots: bytes, now: int) -> Proven:
        """What it proves of its head; see `check_stamp`.

        Raises:
            Unproven: it does not. MingjianError: a file of it cannot be read.
        """
        head = self.head.checkpoint
        return check_stamp(
            head.text(), self.query, self.response, roots, signed_at=head.at, now=now
        )

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error.strerror or "") from None


def stamps(folder: Path) -> list[Stamp]:
    """All stamps of the ledger in `folder`, by size of the head, then by authority."""
    return sorted(_found(folder / FOLDER))


def _found(folder: Path) -> Iterator[Stamp]:
    for path in folder.glob(f"*/*{_RESPONSE}"):
        named = _NAMED.fullmatch(path.parent.name)
        if named and not path.name.startswith("."):
            yield Stamp(int(named[1]), int(named[2]), path.name[: -len(_RESPONSE)], path)


def unstamped(notes: Sequence[Note], kept: Sequence[Stamp], authority: str = "") -> list[Note]:
    """Heads that this authority, by default any, has not stamped; oldest first.

    A stamp of a later head covers all earlier entries, so only the last one waits for anything.
    """
    have = {(one.size, one.at) for one in kept if authority in {"", one.authority}}
    return [one for one in notes if (one.checkpoint.size, one.checkpoint.at) not in have]


def strangers(notes: Sequence[Note], kept: Sequence[Stamp]) -> list[Stamp]:
    """Stamps of heads that are not in the ledger's history: it was rolled back or exchanged.

    Raises:
        MingjianError: the head beside a stamp cannot be read.
    """
    known = {one.checkpoint for one in notes}
    return [one for one in kept if one.head.checkpoint not in known]


def due(note: Note, kept: Sequence[Stamp], authority: str, every_ms: int, now: int) -> bool:
    """Whether this head is to be stamped by this authority now: it has not done so yet, and no
    head within the interval before."""
    mine = [one for one in kept if one.authority == authority]
    if not unstamped([note], mine):
        return False
    last = max((one.at for one in mine), default=None)
    return last is None or not 0 <= now - last < every_ms  # a clock that was set back does not wait


def take(
    folder: Path, note: Note, authority: TimeAuthority, *, roots: bytes, nonce: int, now: int
) -> Proven:
    """Have a head stamped, check the stamp, and keep it beside the ledger in `folder`.

    Args:
        roots: certificates that are trusted, PEM; see `check_stamp`.
        nonce: a number nobody can foresee, of `NONCE_BITS`.
        now: UTC ms.

    Raises:
        NoAnswer: the authority does not answer.
        MingjianError: it refused, or its answer proves nothing; nothing is kept.
        OSError: the disk did not take it.
    """
    head = note.checkpoint
    query = query_for(head.text(), authority.algorithm, nonce)
    response = authority.stamp(query.imprint, query.algorithm, query.nonce)
    try:
        proven = check_stamp(head.text(), bytes(query), response, roots, signed_at=head.at, now=now)
    except Unproven as error:
        raise refused(authority.name, error) from None
    path = _path(folder, head, authority.name)
    if not path.with_name(_HEAD).exists():
        write_whole(path.with_name(_HEAD), bytes(note), mode=PUBLIC)
    write_whole(path.with_suffix(_QUERY), bytes(query), mode=PUBLIC)
    write_whole(path, response, mode=PUBLIC)  # last: a stamp that is there has its query
    return proven


def answered(authority: str, response: bytes) -> bytes:
    """The answer of an authority if it holds a token.

    Raises:
        MingjianError: it refused, or this is no answer at all.
    """
    try:
        granted(response)
    except Unproven as error:
        raise refused(authority, error) from None
    return response


def refused(authority: str, error: Unproven) -> MingjianError:
    """What an authority did wrong, for people."""
    return MingjianError(
        f"time-stamping authority {authority}: {error.en}",
        f"时间戳机构 {authority}：{error.zh}",
        fix_en="check its entry in stamps.authorities, or ask the authority; no stamp was kept",
        fix_zh="请检查 stamps.authorities 中的该项，或询问该机构；未保存任何时间戳",
        exit_code=EXIT_FINDINGS,
    )


def _path(folder: Path, head: Checkpoint, authority: str) -> Path:
    return folder / FOLDER / f"{head.size}-{head.at}" / f"{authority}{_RESPONSE}"


def _unreadable(path: Path, why: str) -> MingjianError:
    return MingjianError(
        f"{path}, which belongs to a time stamp, cannot be read: {why}",
        f"时间戳文件 {path} 无法读取：{why}",
        fix_en="restore it from the copy of the ledger's folder",
        fix_zh="请从账本目录的备份恢复",
        exit_code=EXIT_FINDINGS,
    )
