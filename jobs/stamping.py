"""Shows the newest signed heads to the time-stamping authorities of the settings."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from config.settings import Settings
from config.stamps import Authority
from reports.anchor import Stamped
from rules.errors import MingjianError
from sinks.archive.sink import LEDGER_FOLDER
from sinks.ledger.checkpoint import Checkpoint, Note
from sinks.ledger.heads import read_heads, read_notes
from sinks.ledger.http_authority import HttpAuthority
from sinks.ledger.stamp_check import Proven
from sinks.ledger.stamps import NONCE_BITS, NoAnswer, Stamp, due, stamps, take
from sinks.ledger.unproven import Unproven

_MINUTE_MS = 60_000
_LOOK_S = 15.0
log = structlog.get_logger("stamping")


class Asked(NamedTuple):
    """What came of asking one authority, or of not asking it.

    Args:
        target: name of the archive whose ledger it is; authority: "" where the ledger cannot be
            read.
        size: entries that the newest head covers.
        proven: the stamp that was taken; None: none was.
        until: time of the newest head that this authority has stamped, UTC ms; 0: none yet.
        en, zh: what went wrong; "": nothing did.
    """

    target: str
    authority: str
    size: int = 0
    proven: Proven | None = None
    until: int = 0
    en: str = ""
    zh: str = ""


def ledger_folders(settings: Settings) -> dict[str, Path]:
    """Where ledgers lie, by the name of the archive."""
    return {
        target.name: Path(target.path) / LEDGER_FOLDER
        for target in settings.targets
        if target.kind == "archive"
    }


def stamp_newest(
    settings: Settings,
    *,
    now: int,
    at_once: bool = False,
    nonce: Callable[[], int] = lambda: secrets.randbits(NONCE_BITS),
) -> list[Asked]:
    """Have the newest head of each ledger stamped by every authority that is due.

    An authority that does not answer, or whose answer proves nothing, is told of in what is
    returned and in the log, and keeps nobody else from being asked.

    Args:
        now: UTC ms.
        at_once: ask also who has stamped an earlier head within the interval.
        nonce: gives numbers nobody can foresee, of 64 bits.
    """
    if not settings.stamps.authorities:
        return []
    every = 0 if at_once else settings.stamps.every_minutes * _MINUTE_MS
    found = [
        asked
        for name, folder in ledger_folders(settings).items()
        for asked in _ledger(settings, name, folder, every, now, nonce)
    ]
    for one in found:
        if one.en:
            log.warning(
                "no_time_stamp", target=one.target, authority=one.authority, size=one.size,
                why=one.en, stamped_until=one.until,
            )  # fmt: skip
        elif one.proven:
            log.info(
                "time_stamp", target=one.target, authority=one.authority, size=one.size,
                at=one.proven.at, remarks=[remark.code for remark in one.proven.remarks],
            )  # fmt: skip
    return found


def _ledger(
    settings: Settings, name: str, folder: Path, every: int, now: int, nonce: Callable[[], int]
) -> Iterator[Asked]:
    try:
        notes = read_notes(folder)
        kept = stamps(folder)
    except MingjianError as error:
        yield Asked(name, "", en=error.en, zh=error.zh)
        return
    except OSError as error:
        why = f"{error.filename or folder}: {error.strerror or type(error).__name__}"
        yield Asked(name, "", en=f"the ledger cannot be read: {why}", zh=f"账本无法读取：{why}")
        return
    if not notes:
        return
    for authority in settings.stamps.authorities:
        mine = [one for one in kept if one.authority == authority.name]
        yield _authority(authority, name, folder, notes[-1], mine, every, now, nonce)


def _authority(
    authority: Authority, target: str, folder: Path, note: Note, kept: list[Stamp], every: int,
    now: int, nonce: Callable[[], int],
) -> Asked:  # fmt: skip
    until = max((one.at for one in kept), default=0)
    asked = Asked(target, authority.name, note.checkpoint.size, until=until)
    if not due(note, kept, authority.name, every, now):
        return asked
    client = HttpAuthority(
        authority.name, authority.url, authority.hash, username=authority.username,
        password=authority.password(), ca_certs=authority.ca_certs,
    )  # fmt: skip
    try:
        roots = Path(authority.ca_file).read_bytes()
        proven = take(folder, note, client, roots=roots, nonce=nonce(), now=now)
    except (MingjianError, NoAnswer) as error:
        return asked._replace(en=error.en, zh=error.zh)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return asked._replace(
            en=f"time-stamping authority {authority.name}: {error.filename or folder}: {why}",
            zh=f"时间戳机构 {authority.name}：{error.filename or folder}：{why}",
        )
    finally:
        client.close()
    return asked._replace(proven=proven, until=note.checkpoint.at)


def good_stamps(settings: Settings, folder: Path, size: int, *, now: int) -> list[Stamped]:
    """Of each authority of the settings the newest stamp that proves a head of this ledger of at
    most `size` entries; who has none is left out."""
    kept = stamps(folder)  # what is wrong with the history says whoever opens the ledger
    known = {note.checkpoint for note in read_heads(folder).notes}
    return [
        found
        for authority in settings.stamps.authorities
        if (found := _newest_good(authority, kept, known, size, now))
    ]


def _newest_good(
    authority: Authority, kept: list[Stamp], known: set[Checkpoint], size: int, now: int
) -> Stamped | None:
    for one in reversed(kept):
        if one.authority != authority.name or one.size > size:
            continue
        try:
            roots = Path(authority.ca_file).read_bytes()
            head = one.head
            if head.checkpoint in known:
                proven = one.check(roots, now)
                return Stamped(one.authority, proven.authority, head, proven.at, one.query,
                               one.response, roots)  # fmt: skip
        except (MingjianError, Unproven) as error:
            log.warning("bad_time_stamp", authority=one.authority, size=one.size, why=error.en)
        except OSError as error:
            log.warning("bad_time_stamp", authority=one.authority, why=error.strerror)
    return None


def keep_stamping(
    settings: Settings, stop: threading.Event, clock: Callable[[], float] = time.time
) -> None:
    """Have heads stamped, as often as the settings say, until `stop` is set."""
    while not stop.wait(_LOOK_S):
        stamp_newest(settings, now=int(clock() * 1000))


def stamping(settings: Settings, stop: threading.Event) -> threading.Thread | None:
    """A thread, started, that does so; None where no authority is named. Whoever delivers does not
    wait for it: an authority that is away keeps no message from being archived."""
    if not (settings.stamps.authorities and ledger_folders(settings)):
        return None
    thread = threading.Thread(
        target=keep_stamping, args=(settings, stop), name="stamping", daemon=True
    )
    thread.start()
    return thread
