"""What ties a pack to the ledger: for each record and each alert its entry, and the proof that the
signed head covers it.

Proofs of neighbours share most of their hashes, so each hash is kept once and paths are lists of
places: 10,000 records need some 1.5 MB instead of 15.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from reports.standalone.ledger_checks import CHECKPOINT, CONSISTENCY, HANDLING, HEAD, LEDGER
from reports.standalone.stamp_checks import STAMPS
from reports.withheld import Guard
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.canonical import canonical
from sinks.ledger.checkpoint import Note
from sinks.ledger.handed import Handed
from sinks.ledger.sm3 import sm3

RECORD, ALERT, CUSTODY = "record", "alert", "custody"  # what a proof can be of


class SignedLedger(Protocol):
    """The ledger up to its newest signed head; see `sinks.ledger.reader.LedgerReader`."""

    @property
    def note(self) -> Note:
        """That head."""

    @property
    def size(self) -> int:
        """How many entries it covers."""

    def entry(self, index: int) -> bytes:
        """One entry."""

    def inclusion(self, index: int) -> list[bytes]:
        """Its audit path."""

    def consistency(self, old: int) -> list[bytes]:
        """That the ledger of `old` entries was gone on from."""


class Stamped(NamedTuple):
    """A time stamp that was found good: the authority's name in the settings and in its
    certificate, the head it is of, the time it states (UTC ms), query and response (RFC 3161, DER)
    and the certificates it has to lead to (PEM)."""

    authority: str
    subject: str
    head: Note
    at: int
    query: bytes
    response: bytes
    roots: bytes


class HandlingLine(NamedTuple):
    """A line of the custody book that tells of records: its number, its bytes, and where it is
    entered in the ledger (None: not yet)."""

    number: int
    raw: bytes
    leaf: int | None


def unhandled(leaves: Collection[int]) -> list[HandlingLine]:
    """There is no custody book, or nothing of it is to be told."""
    return []


class Anchors(NamedTuple):
    """Where records and alerts are entered: the ledger, and what gives their places in it (None:
    not entered). `given` is a head that was given out before; `stamps` are of heads up to the
    newest; `handled` gives the lines of the custody book about records, by their leaves."""

    ledger: SignedLedger
    record: Callable[[int, str], int | None]  # time (UTC ms) and message id
    alert: Callable[[str, str], int | None]  # id and SM3 in hex of its canonical JSON
    given: Note | None = None
    stamps: Sequence[Stamped] = ()
    handled: Callable[[Collection[int]], Sequence[HandlingLine]] = unhandled


class Anchored(NamedTuple):
    """The files, and what the report says: how many have an entry, how many none, where each
    record's is by its number in events.jsonl, the head, the head that was given before, the lines
    of the custody book about the records."""

    files: dict[str, bytes]
    entries: int
    missing: int
    leaves: dict[int, int]
    note: Note
    given: Note | None
    stamps: Sequence[Stamped]
    handling: Sequence[HandlingLine] = ()
    withheld: Sequence[dict[str, Any]] = ()  # entries that come with the openings alone
    extends: bytes = b""  # what shows that it goes on from `given`, where that comes with them too


def anchored(
    anchors: Anchors,
    records: Iterable[tuple[int, int, str]],
    alerts: Sequence[dict[str, Any]],
    hidden: Collection[int] = (),
) -> Anchored:
    """Proofs of all of it. Where something was taken out of records, those proofs are withheld with
    which it could be guessed (`reports.withheld`).

    Args:
        records: (number in events.jsonl, time, message id).
        alerts: as they stand in the pack.
        hidden: numbers of the records from which something was taken out.

    Raises:
        MingjianError: the head given before is not of this ledger.
        LedgerDamaged: the ledger cannot be read.
    """
    ledger = anchors.ledger
    wanted: list[tuple[str, int | str, int | None]] = [
        (RECORD, number, anchors.record(time, msgid)) for number, time, msgid in records
    ]
    handling = anchors.handled({leaf for _, _, leaf in wanted if leaf is not None})
    for alert in alerts:
        which = alert["alert_id"]
        wanted.append((ALERT, which, anchors.alert(which, sm3(canonical(alert)))))
    wanted += [(CUSTODY, line.number, line.leaf) for line in handling]
    places: dict[bytes, int] = {}
    entries, missing = list[dict[str, Any]](), list[dict[str, Any]]()
    withheld: list[dict[str, Any]] = []
    secret = {leaf for of, which, leaf in wanted
              if of == RECORD and which in hidden and leaf is not None}  # fmt: skip
    guard = Guard(ledger.size, secret, {leaf for _, _, leaf in wanted if leaf is not None})
    for of, which, leaf in wanted:
        if leaf is None or leaf >= ledger.size:
            missing.append({"of": of, "id": which})
            continue
        if not guard.may_show(leaf):
            steps = [one.hex() for one in ledger.inclusion(leaf)]
            entry = ledger.entry(leaf).decode()
            withheld.append({"of": of, "id": which, "leaf": leaf, "entry": entry, "path": steps})
            continue
        path = [places.setdefault(one, len(places)) for one in ledger.inclusion(leaf)]
        entry = ledger.entry(leaf).decode()
        entries.append({"of": of, "id": which, "leaf": leaf, "entry": entry, "path": path})
    told: dict[str, Any] = {"v": 1, "hashes": [one.hex() for one in places], "entries": entries,
            "missing": missing,
            "withheld": [{"of": one["of"], "id": one["id"]} for one in withheld]}  # fmt: skip
    files = {CHECKPOINT: bytes(ledger.note)}
    if handling:
        files[HANDLING] = b"".join(line.raw + b"\n" for line in handling)
    given, extends = anchors.given, b""
    if given is not None:
        extends = _extension(ledger, given)
        if guard.may_extend(given.checkpoint.size):
            files[CONSISTENCY], extends = extends, b""
        else:
            told["withheld"].append({"of": HEAD, "id": given.checkpoint.size})
    files[LEDGER] = canonical(told)
    stamps = [one for one in anchors.stamps if guard.may_extend(one.head.checkpoint.size)]
    if stamps:
        files |= _stamps(ledger, stamps)
    mine = {RECORD, ALERT}
    leaves = {one["id"]: one["leaf"] for one in (*entries, *withheld) if one["of"] == RECORD}
    return Anchored(
        files, sum(one["of"] in mine for one in entries), sum(one["of"] in mine for one in missing),
        leaves, ledger.note, given, stamps, handling, withheld, extends,
    )  # fmt: skip


def _stamps(ledger: SignedLedger, stamps: Sequence[Stamped]) -> dict[str, bytes]:
    files, rows = dict[str, bytes](), list[dict[str, Any]]()
    for number, one in enumerate(stamps, 1):
        names = {"query": f"timestamp-{number}.tsq", "response": f"timestamp-{number}.tsr",
                 "roots": f"timestamp-{number}.pem"}  # fmt: skip
        path = [step.hex() for step in ledger.consistency(one.head.checkpoint.size)]
        rows.append({"authority": one.authority, "head": bytes(one.head).decode(), "path": path,
                     **names})  # fmt: skip
        files |= {names["query"]: one.query, names["response"]: one.response,
                  names["roots"]: one.roots}  # fmt: skip
    return {STAMPS: canonical({"v": 1, "stamps": rows}), **files}


def _extension(ledger: SignedLedger, given: Note) -> bytes:
    old, new = given.checkpoint, ledger.note.checkpoint
    if old.origin != new.origin or old.size > new.size:
        raise MingjianError(
            f"the head given before ({old.origin}, {old.size:,} entries) is not one that the"
            f" ledger goes on from ({new.origin}, {new.size:,} entries)",
            f"此前给出的签名头（{old.origin}，{old.size:,} 条）不是本账本"
            f"（{new.origin}，{new.size:,} 条）的前身",
            fix_en="give the head of this ledger; a ledger that became shorter was exchanged",
            fix_zh="请给出本账本的签名头；账本若变短，则已被替换",
            exit_code=EXIT_USAGE,
        )
    return bytes(Handed(given, ledger.note, tuple(ledger.consistency(old.size))))
