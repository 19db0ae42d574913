"""The simulated archive in a folder, so that the collector can be tried without WeCom.

    simulator.json    what kind of archive it is
    keys/1.pem …      private keys; take one away to see what a missing key does
    messages.jsonl    encrypted messages, one a line, ascending by `seq`
    media/            files by their sdkfileid

A file that is not there, of a made-up message, is made up as well: bytes that say so and are the
same each time. They have not the size and the MD5 that the message tells.

`fill` writes it from records of `mingjian simulate`, `open_folder` serves it. Lines may be added
while it is served.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ingest.archive.port import CALLS_PER_MINUTE, MediaChunk
from ingest.archive.simulator import Simulator, Stored, encrypted
from rules.errors import EXIT_USAGE, MingjianError

KEYS = "keys"
_KIND, _MESSAGES, _MEDIA = "simulator.json", "messages.jsonl", "media"
_KEY_BITS = 2048
MADE_UP_FILE = "CtYBMzA2"  # ids that `mingjian simulate` makes up begin with it
_T = TypeVar("_T")
_ESCAPED_BREAK = re.compile(rb"(\\[^n])|(\\n)", re.DOTALL)


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`simulator.json`. `keep_days` 0: nothing expires, however old the records are. `live`: a
    message is there once its own time has come. `failures`: codes that calls are answered with,
    in turn, over and over (0 lets one through)."""

    about: str = "a simulator of the session archive; not WeCom"
    keep_days: int = 0
    live: bool = False
    refuses_expired: bool = False
    calls_per_minute: int = CALLS_PER_MINUTE
    failures: tuple[int, ...] = ()


class Filled(NamedTuple):
    """What `fill` wrote."""

    messages: int
    skipped: int  # records that are no messages of the archive
    first: int
    last: int


class _Line(msgspec.Struct):
    kind: str
    time: int
    payload: msgspec.Raw = msgspec.Raw()


class _Id(msgspec.Struct):
    msgid: str = ""


class FolderSimulator(Simulator):
    """Serves a folder; what is added to it appears with the next call."""

    def __init__(self, folder: Path, kind: Kind, now: Callable[[], int]) -> None:
        super().__init__(
            now,
            keep_days=kind.keep_days,
            refuses=kind.refuses_expired,
            calls_per_minute=kind.calls_per_minute,
            live=kind.live,
        )
        self._folder, self._failing, self._read = folder, kind.failures, 0

    def get_chat_data(self, seq: int, limit: int, timeout: int) -> bytes:
        """A page as JSON."""
        self.add(*self._added())
        if self._failing:
            self.fail(self._failing[self.calls % len(self._failing)])
        return super().get_chat_data(seq, limit, timeout)

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        """The next part of a file."""
        if self._failing:
            self.fail(self._failing[self.calls % len(self._failing)])
        return super().get_media(index, file_id, timeout)

    def _file(self, file_id: str) -> bytes | None:
        file = self._folder / _MEDIA / Path(file_id).name
        if file_id not in self.media and file.is_file():
            self.media[file_id] = file.read_bytes()
        made_up = file_id.startswith(MADE_UP_FILE) and file_id not in self.media
        return _made_up(file_id) if made_up else super()._file(file_id)

    def _added(self) -> Iterator[Stored]:
        path = self._folder / _MESSAGES
        if not path.is_file():
            return
        with path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):  # somebody is writing it
                    return
                self._read += len(line)
                yield _decoded(line, Stored, str(path))


def open_folder(folder: Path, now: Callable[[], int]) -> FolderSimulator:
    """The archive in a folder.

    Raises:
        MingjianError: there is none, or its `simulator.json` is not one.
    """
    try:
        kind = msgspec.json.decode((folder / _KIND).read_bytes(), type=Kind)
    except OSError:
        raise MingjianError(
            f"{folder} is no simulated archive",
            f"{folder} 不是模拟的会话存档",
            fix_en=f"make one: `mingjian ingest simulate-archive {folder} --from var/messages`",
            fix_zh=f"可先生成：`mingjian ingest simulate-archive {folder} --from var/messages`",
            exit_code=EXIT_USAGE,
        ) from None
    except msgspec.MsgspecError as error:
        raise MingjianError(
            f"{folder / _KIND}: {error}", f"{folder / _KIND}：{error}", exit_code=EXIT_USAGE
        ) from None
    return FolderSimulator(folder, kind, now)


def fill(
    folder: Path,
    records: Iterable[bytes],
    *,
    kind: Kind,
    versions: int = 2,
    start: int = 1,
    leave_out: Iterable[int] = (),
) -> Filled:
    """Add records to the archive in a folder, which is made if it is not there.

    Args:
        records: lines of `mingjian simulate`; only messages of the archive are taken, by time.
        versions: how many keys there are; messages change from one to the next in equal parts.
        start: the first number, when the archive is empty; else it goes on from its last.
        leave_out: numbers that are given to no message.
    """
    said: list[tuple[int, bytes]] = []
    skipped = 0
    for line in records:
        found = _decoded(line, _Line, "--from")
        if found.kind == "archive":
            said.append((found.time, bytes(found.payload)))
        else:
            skipped += 1
    said.sort(key=lambda one: one[0])
    (folder / KEYS).mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = [_key(folder / KEYS / f"{n}.pem").public_key() for n in range(1, versions + 1)]
    (folder / _KIND).write_bytes(msgspec.json.format(msgspec.json.encode(kind), indent=2) + b"\n")
    missing, first = set(leave_out), 0
    seq = _last(folder / _MESSAGES) or start - 1
    with (folder / _MESSAGES).open("ab") as file:
        for n, (sent, plaintext) in enumerate(said):
            seq += 1
            while seq in missing:
                seq += 1
            first = first or seq
            version = n * versions // len(said) + 1
            one = encrypted(
                _as_phones_write(plaintext),
                seq=seq,
                sent=sent,
                msgid=msgspec.json.decode(plaintext, type=_Id).msgid,
                version=version,
                key=keys[version - 1],
            )
            file.write(msgspec.json.encode(one) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return Filled(len(said), skipped, first, seq if said else 0)


def _made_up(file_id: str) -> bytes:
    """1 to 600 KiB: some come in two parts."""
    seed = hashlib.sha256(file_id.encode()).digest()
    size = 1024 + int.from_bytes(seed[:4], "big") % (600 * 1024)
    label = b"A FILE OF THE SIMULATOR, NOT WECOM'S\n"
    return (label + hashlib.shake_128(seed).digest(size))[:size]


def _as_phones_write(plaintext: bytes) -> bytes:
    """Line breaks as raw control characters, which real plaintexts have and strict JSON forbids."""
    return _ESCAPED_BREAK.sub(lambda found: found[1] or b"\n", plaintext)


def _last(file: Path) -> int:
    last = b""
    if file.is_file():
        with file.open("rb") as lines:
            for line in lines:
                last = line
    return _decoded(last, Stored, str(file)).seq if last else 0


def _decoded(line: bytes, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MingjianError(
            f"{where}: a line is not what `mingjian` wrote there",
            f"{where}：有一行不是 `mingjian` 写入的内容",
            fix_en="take the output of `mingjian simulate`, and a folder that it made",
            fix_zh="请使用 `mingjian simulate` 的输出，以及由本命令生成的目录",
            exit_code=EXIT_USAGE,
        ) from None


def _key(file: Path) -> rsa.RSAPrivateKey:
    if file.is_file():
        key = load_pem_private_key(file.read_bytes(), None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(pem)
    return key
