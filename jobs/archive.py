"""The archive of the settings, opened for reading, and the desk in front of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from config.access import Access
from config.settings import Settings, Target
from desk.desk import Desk
from desk.roles import actor_of
from jobs.access import access_at
from jobs.account import account
from jobs.clock import now_ms
from jobs.ledger_signer import signed_by
from jobs.stamping import good_stamps
from reports.anchor import Anchors
from reports.signing import PUBLIC_FILE
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.custody import CustodyBook
from sinks.archive.damaged_index import IndexDamaged
from sinks.archive.disposing import disposals_of
from sinks.archive.key_versions import VersionState, version_states
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import ALERT, CUSTODY, OtherLeaf
from sinks.archive.objects import Objects
from sinks.archive.places import index_of, objects_of
from sinks.archive.rows import ArchiveIndex, Stored
from sinks.archive.search import ArchiveReader, leaf_by_id
from sinks.archive.sink import INDEX_FILE, LEDGER_FOLDER, origin_of
from sinks.archive.terms import Terms, search_key
from sinks.archive.whole_book import NOTHING, Entered, entered_of
from sinks.base import NoIndexYet
from sinks.ledger.checkpoint import Checkpoint, Note
from sinks.ledger.heads import ever_signed
from sinks.ledger.known import NONE_KNOWN, Known, known_from, known_of
from sinks.ledger.reader import LedgerReader
from sinks.tenant_keys import tenant_keys

KIND = "archive"


def archive_target(settings: Settings, name: str = "") -> Target:
    """The target that is an archive: the one of this name, or the first.

    Raises:
        MingjianError: there is none.
    """
    found = [one for one in settings.targets if one.kind == KIND and name in ("", one.name)]
    if found:
        return found[0]
    raise MingjianError(
        f"the settings have no target {name} that is an archive" if name
        else "the settings have no archive",
        f"配置中没有名为 {name} 的归档目标" if name else "配置中没有归档",
        fix_en="add one to targets: {kind: archive, name: archive, path: var/archive}",
        fix_zh="请在 targets 中添加：{kind: archive, name: archive, path: var/archive}",
        exit_code=EXIT_USAGE,
    )  # fmt: skip


def written_archive(settings: Settings) -> Target | None:
    """The first archive whose ledger was signed; None when there is none."""
    for target in settings.targets:
        if target.kind == KIND and ever_signed(ledger_folder(target)):
            return target
    return None


def open_index(settings: Settings, target: Target) -> ArchiveIndex:
    """The index of an archive that has been written to.

    Raises:
        MingjianError: nothing was archived yet, or the index is not there now.
    """
    if target.index == "sqlite" and not (Path(target.path) / INDEX_FILE).exists():
        raise no_index(target)
    try:
        return index_of(target, settings.tenant, writes=False)
    except NoIndexYet:
        raise no_index(target) from None
    except (OSError, sqlite3.Error) as error:
        why = _why(error)
        raise MingjianError(
            f"the index of the archive {target.name} cannot be read: {why}",
            f"归档 {target.name} 的索引无法读取：{why}",
            fix_en="see whether its server runs and can be reached, then ask again",
            fix_zh="请检查其服务器是否在运行、可否连接，然后重试",
        ) from None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def no_index(target: Target) -> MingjianError:
    """The error of an archive without an index: it was lost, or there never was one."""
    if not ever_signed(ledger_folder(target)):
        return nothing_yet(target)
    return MingjianError(
        f"the archive {target.path} has a ledger, and its index is gone",
        f"归档 {target.path} 有账本，但索引不在了",
        fix_en="restore it from its copy, or run `mingjian archive rebuild`",
        fix_zh="请从副本恢复，或运行 `mingjian archive rebuild`",
    )


def nothing_yet(target: Target) -> MingjianError:
    """The error of an archive that was never written to."""
    place = Path(target.path).absolute()
    return MingjianError(
        f"the archive {place} holds nothing yet",
        f"归档 {place} 中还没有内容",
        fix_en="run `mingjian deliver`: it archives every message of the source",
        fix_zh="请运行 `mingjian deliver`，它会归档来源中的每条消息",
    )


class Parts(NamedTuple):
    """The archive's parts, open for reading."""

    objects: Objects
    index: ArchiveIndex
    keys: TenantKeys
    decoder: Decoder


def open_parts(settings: Settings, target: Target) -> Parts:
    """The archive's parts.

    Raises:
        MingjianError: nothing was archived yet, or the keys are not here.
    """
    index = open_index(settings, target)
    if index.secret() is None:
        raise no_index(target)
    return Parts(
        objects_of(target, settings.tenant),
        index,
        tenant_keys(settings),
        Decoder(settings.tenant, settings.limits.record_bytes),
    )


def open_reader(settings: Settings, target: Target) -> ArchiveReader:
    """The archive for reading. Raises MingjianError: see `open_parts`."""
    return reader_of(open_parts(settings, target))


def reader_of(parts: Parts) -> ArchiveReader:
    """The read side of an archive that is open."""
    return ArchiveReader(
        objects=parts.objects,
        index=parts.index,
        keys=parts.keys,
        terms=Terms(search_key(parts.index, parts.keys)),
        decoder=parts.decoder,
        disposals=disposals_of(parts.index),
    )


def open_ledger(settings: Settings, target: Target, *, as_it_is: bool = False) -> LedgerReader:
    """The archive's ledger up to the newest head, which this installation's key signed.

    Args:
        as_it_is: see `LedgerReader`.

    Raises:
        MingjianError: it was never signed, the heads cannot be read, are not this installation's or
            are behind what the index knows; or the key is not here.
    """
    name, public = trusted(settings)
    return LedgerReader(
        ledger_folder(target),
        lambda note: signed_by(note, name, public),
        as_it_is=as_it_is,
        known=NONE_KNOWN if as_it_is else known_head(settings, target),
    )


def known_head(settings: Settings, target: Target) -> Known:
    """The newest head that the archive's index knows; none while it cannot be asked."""
    try:
        with closing(open_index(settings, target)) as index:
            return known_from(index.positions())
    except (MingjianError, OSError, sqlite3.Error):  # for who looks something up to tell
        return NONE_KNOWN


def remember_head(settings: Settings, target: Target, head: Checkpoint | None) -> None:
    """Let the index know no later head than this; while nobody delivers into the archive.

    Raises:
        MingjianError: the index did not take it.
    """
    try:
        with closing(index_of(target, settings.tenant, writes=True)) as index:
            index.store(Stored((), (), (), (), known_of(head).positions(), index.leaves()))
    except (MingjianError, OSError, sqlite3.Error) as error:
        en = error.en if isinstance(error, MingjianError) else _why(error)
        zh = error.zh if isinstance(error, MingjianError) else _why(error)
        raise MingjianError(
            "the history of signed heads is mended, and the archive's index did not take that"
            f" later heads are lost: {en}",
            f"签名头历史已重建，但归档的索引未能记下更晚的签名头已丢失：{zh}",
            fix_en="see to the index, then run `mingjian ledger mend --why …` once more; until then"
            " `mingjian deliver` misses those heads and does not start",
            fix_zh="请先处理索引，再次运行 `mingjian ledger mend --why …`；在此之前"
            " `mingjian deliver` 会因缺少这些签名头而不启动",
        ) from None


def book_of(target: Target) -> CustodyBook:
    """The archive's custody book."""
    return CustodyBook(target.path)


def ledger_folder(target: Target) -> Path:
    """Where the archive's ledger lies."""
    return Path(target.path) / LEDGER_FOLDER


def desk_of(settings: Settings, target: Target) -> Desk:
    """The desk of whoever runs this process.

    Raises:
        MingjianError: nobody was told who may look into the archive, there is no folder where it
            should be, or see `access_at`.
    """
    access = access_at(settings, book_of(target))
    if not access.open and not access.people:
        raise MingjianError(
            "the settings do not say who may look into the archive",
            "配置中没有写明谁可以查看归档",
            fix_en="name people and their roles in access.people; on a machine of your own,"
            " access.open: true",
            fix_zh="请在 access.people 中写明人员及角色；在自己的机器上可用 access.open: true",
            exit_code=EXIT_USAGE,
        )
    if not Path(target.path).exists():  # what was looked for elsewhere is in no book
        raise nothing_yet(target)
    return desk_for(settings, target, access)


def desk_for(settings: Settings, target: Target, access: Access) -> Desk:
    """The desk of whoever runs this process, with the roles that `access` gives them."""
    return Desk(
        actor_of(access, account()),
        book_of(target),
        lambda: open_reader(settings, target),
        now_ms,
        lambda: entered_lines(settings, target),
    )


@contextmanager
def entered_lines(settings: Settings, target: Target, kind: str = CUSTODY) -> Iterator[Entered]:
    """What the archive's ledger has of a book, as its index knows it; nothing while there is no
    index that can be asked."""
    with ExitStack() as opened:
        try:
            found = _answered(
                entered_of(opened.enter_context(closing(open_index(settings, target))), kind)
            )
        except (MingjianError, OSError, sqlite3.Error):  # for who looks something up to tell
            found = NOTHING
        yield found


def _answered(entered: Entered) -> Entered:
    """An index that was opened and turns out to be damaged is none that can be asked: it is made
    again by what has to be written down before."""

    def has(number: int, sm3: str) -> bool:
        try:
            return entered.has(number, sm3)
        except IndexDamaged:
            return NOTHING.has(number, sm3)

    return entered._replace(has=has)


def trusted(settings: Settings) -> tuple[str, bytes]:
    """Name of the ledger and the public key (PEM) its heads are signed with.

    Raises:
        MingjianError: the key is not here.
    """
    path = Path(settings.keys_dir) / PUBLIC_FILE
    try:
        return origin_of(settings.tenant), path.read_bytes()
    except OSError as error:
        raise MingjianError(
            f"the public key {path} cannot be read: {error.strerror}",
            f"公钥 {path} 无法读取：{error.strerror}",
            fix_en="run where the keys are (keys_dir), or restore the file",
            fix_zh="请在持有密钥的机器上运行（keys_dir），或恢复该文件",
        ) from None


def key_states(settings: Settings, target: Target) -> Iterator[VersionState]:
    """Every version of the tenant's key. Raises MingjianError: see `open_parts`."""
    parts = open_parts(settings, target)
    return version_states(parts.keys, parts.index, parts.objects, target.path)


def anchors_of(
    settings: Settings, target: Target, parts: Parts, given: Note | None = None
) -> Anchors:
    """Where records and alerts of this archive are entered in its ledger.

    Args:
        parts: of the archive, open.
        given: a head that was given out before, from which the ledger has to go on.

    Raises:
        MingjianError: see `open_ledger`.
    """
    ledger = open_ledger(settings, target)
    return Anchors(
        ledger,
        lambda time, msgid: leaf_by_id(parts.index, msgid, time, time + 1),
        lambda which, digest: parts.index.leaf_of(OtherLeaf(ALERT, which, digest)),
        given,
        good_stamps(settings, ledger_folder(target), ledger.size, now=now_ms()),
    )
