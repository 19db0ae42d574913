"""Makes evidence packs from the settings: reader, keys, rules and sources put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from config.settings import Settings
from desk.written_files import nothing
from jobs.account import account
from jobs.archive import written_archive
from jobs.clock import now_ms
from jobs.pack_sources import Rules, sources_of
from jobs.stamping import stamp_newest
from reports.case import ALERT, PERSON, ZH, Bundle, Raised, Request, Subject
from reports.context_archive import ARCHIVE
from reports.evidence import build_bundle
from reports.pack import Pack, build_pack, save
from reports.redaction import openings_of
from reports.signing import PASSPHRASE_VARIABLE, Signer
from rules.alert import RETRACTED
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import AlertReader
from sinks.ledger.checkpoint import Note
from sinks.readers import open_reader
from sinks.sealing import Sealer, binding
from sinks.sqlite_reader import ambiguous

WORST = "worst"
_PAGE = 200


@dataclass(frozen=True)
class Wish:
    """How a pack is wanted. Times are UTC ms.

    Args:
        folder: where its files go.
        reason: why, for the custody chain.
        created_at: when.
        created_by: who asks; empty: the account that runs this.
        language: of the readable part, "zh" or "en".
        rule_file: the rule as it was, when the rules at hand no longer hold it.
        with_context, with_media: whether surroundings and files sent are taken in.
        unmask, redact: see `reports.case.Request`.
        given: a head of the ledger that was given out before; the pack shows that the ledger goes
            on from it.
        limit: most messages of a person's period.
    """

    folder: str | Path
    reason: str
    created_at: int
    created_by: str = ""
    language: str = ZH
    rule_file: str | Path = ""
    with_context: bool = True
    with_media: bool = True
    unmask: bool = False
    redact: frozenset[str] = frozenset()
    given: Note | None = None
    limit: int = 10_000

    def request(self, settings: Settings) -> Request:
        """What the pack says of how it was asked for."""
        return Request(
            created_at=self.created_at,
            # whoever may be named as maker: the account that ran this stands beside it
            created_by=f"{self.created_by} ({account()})" if self.created_by else account(),
            reason=self.reason,
            company=settings.tenant_name or settings.tenant,
            tool=f"mingjian {version('mingjian')}",
            language=self.language,
            unmask=self.unmask,
            redact=self.redact,
            limit=self.limit,
        )


class Made(NamedTuple):
    """A pack on disk."""

    name: str
    case: str
    archive: Path
    pdf: Path
    openings: Path | None  # sealed: what was taken out
    fingerprint: str  # SM3 of the signing key
    manifest_sm3: str
    alerts: int
    counts: dict[str, int]  # records by role
    asked_out: bool = False  # whether something was to be taken out
    taken_out: int = 0  # in how many places it was
    unread: int = 0  # records of what was asked for that could not be read
    unread_segments: tuple[str, ...] = ()  # of the archive, in which they are


class Ready(NamedTuple):
    """A pack that is about to be written, and those of its records, by their leaves in the ledger,
    that may only be stored (个人信息保护法 art. 47)."""

    bundle: Bundle
    pack: Pack
    stored_only: list[int]


# what is done before a pack is written: gives what is done when it cannot be all the same
Before = Callable[[Ready], Callable[[], None]]


def nothing_before(ready: Ready) -> Callable[[], None]:
    """Nothing is to be done before a pack is written."""
    return nothing


def save_noted(undo: Callable[[], None], pack: Pack, folder: str | Path, **more: bytes) -> Any:
    """Write a pack that stands in the book already, see `reports.pack.save`; where that fails,
    `undo` says so."""
    try:
        return save(pack, folder, **more)
    except BaseException:
        undo()
        raise


def make_pack(
    settings: Settings,
    subject: Subject,
    wish: Wish,
    *,
    alerts: Sequence[str] = (),
    before_saving: Before = nothing_before,
) -> Made:
    """Build and store a pack.

    Args:
        subject: what it is about; of one alert the id is found here.
        alerts: ids, unique prefixes of them, or "worst": the newest alert of the highest response;
            of a person none: all of the period are found here.
        before_saving: called with what is about to be written; nothing is when it raises.

    Raises:
        MingjianError: no such alert, evidence that cannot be opened, a source or library missing.
    """
    reader = open_reader(settings)
    found = [alert_of(reader, one) for one in alerts]
    if subject.kind == ALERT:
        subject = Subject(ALERT, found[0]["alert_id"])
    if subject.kind == PERSON:
        found = [one for one in alerts_between(reader, subject) if one["status"] != RETRACTED]
    rules = Rules(settings, wish.rule_file)
    raised = [
        Raised(one, reader.evidence(one["alert_id"]), rules.of(one)) for one in _each_once(found)
    ]
    decoder = Decoder(settings.tenant, settings.limits.record_bytes, wish.created_at)
    if written_archive(settings) is not None:
        # the pack's head is stamped before it leaves, where somebody does so
        stamp_newest(settings, now=now_ms(), at_once=True)
    sources = sources_of(
        settings, decoder,
        with_context=wish.with_context, with_media=wish.with_media, given=wish.given,
    )  # fmt: skip
    sealer = Sealer.from_dir(settings.keys_dir, create=False)
    request = wish.request(settings)
    bundle = build_bundle(
        subject,
        raised,
        context=sources.context,
        sealer=sealer,
        decoder=decoder,
        request=request,
        anchors=sources.anchors,
        media=sources.media,
    )
    if not bundle.items:
        raise _empty(subject)
    signer = Signer.from_dir(settings.keys_dir, os.environ.get(PASSPHRASE_VARIABLE, ""))
    pack = build_pack(bundle, signer, taken_in(wish.folder))
    leaves = bundle.ledger.leaves.values() if bundle.ledger else ()
    undo = before_saving(Ready(bundle, pack, sorted(set(leaves) & set(sources.stored_only))))
    sealed = {}
    if pack.openings:
        text = sealer.seal(pack.openings, binding(settings.tenant, pack.manifest_sm3))
        # by the pack it opens: another pack of the same alert must not take its place
        sealed[openings_of(pack.manifest_sm3)] = text.encode()
    packed, pdf = save_noted(undo, pack, wish.folder, **sealed)
    source = bundle.completeness["source"]
    return Made(
        pack.name,
        pack.case,
        packed,
        pdf,
        Path(wish.folder) / f"{pack.name}.{openings_of(pack.manifest_sm3)}" if sealed else None,
        signer.fingerprint,
        pack.manifest_sm3,
        len(raised),
        bundle.completeness["counts"],
        bool(wish.redact),
        sum(len(item.holes) for item in bundle.items),
        source["undecodable"] if source["name"].startswith(f"{ARCHIVE}:") else 0,
        tuple(source.get("unread_segments", ())),
    )


def taken_in(folder: str | Path) -> Callable[[str], bool]:
    """Says whether there is a pack of a name in a folder."""
    return lambda name: (Path(folder) / f"{name}.zip").exists()


def alert_of(reader: AlertReader, alert_id: str) -> dict[str, Any]:
    """An alert by its id, a unique prefix of it, or "worst".

    Raises:
        MingjianError: there is none, or the prefix fits several.
    """
    if alert_id == WORST:
        for response in (3, 2, 1, 0):
            if found := _newest(reader, response):
                return found
        raise MingjianError(
            "there is no alert yet",
            "还没有任何告警",
            fix_en="run `mingjian detect` and `mingjian deliver` first",
            fix_zh="请先运行 `mingjian detect` 和 `mingjian deliver`",
            exit_code=EXIT_USAGE,
        )
    alert = reader.alert(alert_id) if alert_id.strip() else None
    if alert is None:
        raise ambiguous(alert_id)
    return alert


def alerts_between(reader: AlertReader, subject: Subject) -> list[dict[str, Any]]:
    """Every alert of the subject's time, oldest first; of a person those about him."""
    person = subject.id if subject.kind == PERSON else ""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        rows, cursor = reader.alerts(
            since=subject.since, until=subject.until - 1, limit=_PAGE, cursor=cursor
        )
        found += [
            row
            for row in rows
            if not person or person in (row["actor"], *row.get("counterparties", ()))
        ]
        if not cursor:
            return sorted(found, key=lambda one: (one["time"], one["alert_id"]))


def _each_once(alerts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({one["alert_id"]: one for one in alerts}.values())


def _newest(reader: AlertReader, response: int) -> dict[str, Any] | None:
    """The newest alert of at least this response that was not taken back."""
    cursor = ""
    while True:
        rows, cursor = reader.alerts(response=response, limit=50, cursor=cursor)
        for row in rows:
            if row["status"] != RETRACTED:
                return row
        if not cursor:
            return None


def _empty(subject: Subject) -> MingjianError:
    return MingjianError(
        f"there is nothing about {subject.id} in that time",
        f"该期间没有与 {subject.id} 有关的内容",
        fix_en="look at the id (`mingjian archive search --from ID`) and at the time, which is"
        " Beijing time",
        fix_zh="请核对编号与时间（北京时间）；可用 `mingjian archive search --from 编号` 查看",
        exit_code=EXIT_USAGE,
    )
