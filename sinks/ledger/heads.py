"""The history of signed heads on disk: `checkpoints` has all of them, `checkpoint` the newest once
more.

The newest is written to the history first and to its own file then, and the history's first head
is there whole or not at all. So what being killed leaves is known: an end of the history that is no
head while `checkpoint` has the one before it, or a `checkpoint` that is behind. Anything else was
done by something else, and is an error; nothing is signed over it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.tiles import PUBLIC
from sinks.ledger.trouble import HeadsDamaged, unreadable
from sinks.whole_file import sync, write_at, write_whole

HISTORY, CHECKPOINT = "checkpoints", "checkpoint"
STAMPED = "stamps"  # the folder of heads that were stamped
HISTORY_MODE = 0o640
# a head with the empty line behind it: four lines, an empty one, signatures
_HEAD = re.compile(
    rb"[^\n]+\n\d+\n[A-Za-z0-9+/=]+\ntime \d+\n\n(?:" + "— ".encode() + rb"[^\n]+\n)+\n"
)


class Heads(NamedTuple):
    """What a folder has of signed heads.

    `notes`: those of the history that can be read, oldest first; `ends`: the bytes of the history
    up to the first that is no head; `newest`: the head in `checkpoint`; `wrong`: what being killed
    does not explain; `split`: that is that the history is in order by itself, and `newest` is not
    in it. Whether the one or the other was altered, only signatures tell.
    """

    notes: list[Note]
    ends: int = 0
    newest: Note | None = None
    wrong: HeadsDamaged | None = None
    split: bool = False

    @property
    def usable(self) -> list[Note]:
        """Every head that can be read, oldest first, also where the history is out of order."""
        if self.newest is None or self.newest in self.notes:
            return sorted(self.notes, key=lambda note: note.checkpoint.size)
        return sorted({*self.notes, self.newest}, key=_age)


class _Stretch(NamedTuple):
    """Bytes of the history that are no head."""

    begins: int
    ends: int


def read_heads(folder: Path) -> Heads:
    """Every signed head of a folder, and whether something is wrong with them.

    Raises:
        MingjianError: a file is there and cannot be read.
    """
    found = _look(folder)
    # a head that was signed between the looks at the two files is no damage
    return _look(folder) if found.wrong else found


def ever_signed(folder: Path) -> bool:
    """Whether a head was signed here, although perhaps none can be read any more."""
    return any((folder / name).exists() for name in (CHECKPOINT, HISTORY, STAMPED))


def read_notes(folder: Path) -> list[Note]:
    """The history of signed heads, oldest first. An end that a crash left is left out.

    Raises:
        HeadsDamaged: a head cannot be read or is missing, and no crash explains it.
        MingjianError: a file is there and cannot be read.
    """
    found = read_heads(folder)
    if found.wrong:
        raise found.wrong
    return found.notes


def mend_end(folder: Path, ends: int) -> None:
    """Cut off the end of the history that is no head. Raises OSError."""
    path = folder / HISTORY
    if path.exists() and path.stat().st_size > ends:
        with path.open("r+b") as file:
            file.truncate(ends)
            os.fsync(file.fileno())


def append_note(folder: Path, note: Note) -> None:
    """Add a signed head to the history, durably and whole or not at all. An empty line stands
    after each.

    Raises:
        OSError: the disk did not take it.
    """
    path = folder / HISTORY
    if not path.exists():
        write_whole(path, bytes(note) + b"\n", mode=HISTORY_MODE)
        return
    handle = os.open(path, os.O_WRONLY)
    try:
        end = os.fstat(handle).st_size
        try:
            write_at(handle, bytes(note) + b"\n", end)
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def publish(folder: Path, note: Note) -> None:
    """Let `checkpoint` be this head. Raises OSError."""
    path = folder / CHECKPOINT
    if not path.exists() or path.read_bytes() != bytes(note):
        write_whole(path, bytes(note), mode=PUBLIC)


def write_history(folder: Path, notes: list[Note], aside: str) -> None:
    """Let these be the history; what was there before stays under another name.

    Args:
        notes: oldest first; none: as if nothing had been signed yet.
        aside: what is put behind the names of the files that were there.

    Raises:
        OSError: the disk did not take it.
    """
    for name in (HISTORY, CHECKPOINT):
        if (folder / name).exists():
            write_whole(folder / (name + aside), (folder / name).read_bytes(), mode=PUBLIC)
    if notes:
        whole = b"".join(bytes(note) + b"\n" for note in notes)
        write_whole(folder / HISTORY, whole, mode=HISTORY_MODE)
        publish(folder, notes[-1])
        return
    for name in (CHECKPOINT, HISTORY):
        (folder / name).unlink(missing_ok=True)
    sync(folder)


def stamped_heads(folder: Path) -> list[Note]:
    """Heads that lie beside their time stamps, as far as they can be read."""
    found = []
    for path in sorted((folder / STAMPED).glob("*/head")):
        try:
            found.append(read_note(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return found


def _look(folder: Path) -> Heads:
    newest, unreadable = _newest(folder)  # first: the history has it already
    data = _bytes(folder / HISTORY)
    notes, gaps = _parsed(data or b"")
    ends = gaps[0].begins if gaps else len(data or b"")
    found = Heads(notes, ends, newest)
    why = _why(folder, found, data, gaps, unreadable)
    if not why:
        return found
    sizes = [note.checkpoint.size for note in notes]
    split = bool(notes) and found.newest not in (None, *notes)
    split = split and not gaps and sizes == sorted(sizes)
    return found._replace(wrong=HeadsDamaged(folder, *why, found.usable), split=split)


def _newest(folder: Path) -> tuple[Note | None, str]:
    """(the head in `checkpoint`, why it cannot be read)."""
    data = _bytes(folder / CHECKPOINT)
    if data is None:
        return None, ""
    try:
        return read_note(data), ""
    except ValueError as error:
        return None, str(error)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None


def _parsed(data: bytes) -> tuple[list[Note], list[_Stretch]]:
    """(heads, stretches between and behind them that are none)."""
    notes, gaps, at = [], [], 0
    for match, note in _matches(data):
        if match.start() > at:
            gaps.append(_Stretch(at, match.start()))
        notes.append(note)
        at = match.end()
    if at < len(data):
        gaps.append(_Stretch(at, len(data)))
    return notes, gaps


def _matches(data: bytes) -> Iterator[tuple[re.Match[bytes], Note]]:
    for match in _HEAD.finditer(data):
        try:
            yield match, read_note(match[0][:-1])
        except ValueError:  # a stretch that only looks like one
            continue


def _why(
    folder: Path, found: Heads, data: bytes | None, gaps: list[_Stretch], unreadable: str
) -> tuple[str, str] | None:
    """What is wrong, in both languages; None: nothing that a crash does not explain."""
    if unreadable:
        return (f"{CHECKPOINT} is no signed head: {unreadable}", f"{CHECKPOINT} 不是签名头")
    torn = bool(gaps) and gaps[-1].ends == len(data or b"")
    if len(gaps) > torn or (torn and found.newest is None):
        return _no_head(data or b"", gaps[0])
    for before, behind in pairwise(note.checkpoint.size for note in found.notes):
        if behind < before:
            return (
                f"{HISTORY} is out of order: the head of {behind:,} entries stands behind that of"
                f" {before:,}",
                f"{HISTORY} 次序有误：{behind:,} 条的签名头排在 {before:,} 条的之后",
            )
    newest = found.newest
    if newest is None:
        if data is None and next((folder / STAMPED).glob("*/head"), None) is not None:
            return (
                f"{HISTORY} and {CHECKPOINT} are gone, and heads of it were stamped",
                f"{HISTORY} 与 {CHECKPOINT} 不在了，而其签名头曾盖过时间戳",
            )
        if data == b"":
            return f"{HISTORY} is empty", f"{HISTORY} 是空的"
        if len(found.notes) > 1:  # the first was published before the second was signed
            return f"{CHECKPOINT} is gone", f"{CHECKPOINT} 不在了"
        return None
    if newest in found.notes:
        return None
    size = newest.checkpoint.size
    if data is None:
        return f"{HISTORY} is gone", f"{HISTORY} 不在了"
    last = found.notes[-1].checkpoint.size if found.notes else -1
    if not torn and size <= last:
        return (
            f"{CHECKPOINT} is not the head of {last:,} entries with which {HISTORY} ends: one of"
            " the two was altered",
            f"{CHECKPOINT} 不是 {HISTORY} 末尾 {last:,} 条的签名头：两者之一被改动",
        )
    line = data.count(b"\n") + (0 if data.endswith(b"\n") or not data else 1)
    en = f"{HISTORY} is cut short at byte {len(data):,} (line {line:,})"
    zh = f"{HISTORY} 在第 {len(data):,} 字节（第 {line:,} 行）处被截断"
    if torn:
        en += f", with no whole head behind byte {gaps[-1].begins:,}"
        zh += f"，第 {gaps[-1].begins:,} 字节之后没有完整的签名头"
    return (
        f"{en}: the head of {size:,} entries, which {CHECKPOINT} has, is not in it",
        f"{zh}：{CHECKPOINT} 中 {size:,} 条的签名头不在其中",
    )


def _no_head(data: bytes, gap: _Stretch) -> tuple[str, str]:
    line = data.count(b"\n", 0, gap.begins) + 1
    return (
        f"{HISTORY} has no signed head from byte {gap.begins:,} (line {line:,}) to byte"
        f" {gap.ends:,}: cut short or altered",
        f"{HISTORY} 自第 {gap.begins:,} 字节（第 {line:,} 行）至第 {gap.ends:,} 字节不是签名头："
        "被截断或改动",
    )


def _age(note: Note) -> tuple[int, int]:
    return note.checkpoint.size, note.checkpoint.at
