"""Looks at an archive: segments, index, tenant keys, ledger. Changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from config.access_file import beside_keys
from config.settings import Settings, Target
from config.stamps import Authority
from jobs.access import access_at
from jobs.archive import book_of, entered_lines, known_head, ledger_folder, open_ledger
from jobs.doctor.observed_archive import (
    Book,
    Index,
    Ledger,
    Rights,
    Segments,
    Stamped,
    TenantKeys,
    Trouble,
)
from rules.errors import MingjianError
from sinks import tenant_keys
from sinks.archive.custody import FILE as CUSTODY_FILE
from sinks.archive.custody import CustodyBook
from sinks.archive.key_versions import Use, uses, version_states
from sinks.archive.keys import KeyMissing
from sinks.archive.leaves import CUSTODY, MEDIA
from sinks.archive.media import MediaStore
from sinks.archive.media_rows import FILE as MEDIA_FILE
from sinks.archive.objects import Objects
from sinks.archive.places import index_of, objects_of, schema_of, server_of
from sinks.archive.rows import ArchiveIndex
from sinks.archive.sink import INDEX_FILE, SEGMENTS_FOLDER
from sinks.archive.whole_book import WholeBook
from sinks.base import NoIndexYet
from sinks.ledger.audit import audit_newest, newest_from
from sinks.ledger.damage import Damage
from sinks.ledger.heads import ever_signed
from sinks.ledger.stamps import Stamp, stamps
from sinks.ledger.unproven import Unproven

_MINUTE_MS = 60_000
NEWEST = 100_000  # entries of the ledger that are looked at: half a second


def place_of_segments(target: Target) -> str:
    """Where segments are, for people."""
    if target.objects == "s3":
        return f"bucket {target.s3_bucket} at {target.s3_endpoint}"
    return str(Path(target.path) / SEGMENTS_FOLDER)


def place_of_index(settings: Settings, target: Target) -> str:
    """Where the index is, for people."""
    if target.index == "postgres":
        schema = schema_of(target, settings.tenant)
        return f"PostgreSQL at {server_of(target).shown()}, schema {schema}"
    return str(Path(target.path) / INDEX_FILE)


def segments(settings: Settings, target: Target) -> Segments:
    """Whether the storage takes segments and has the newest. Raises MingjianError: its keys are not
    set."""
    objects = objects_of(target, settings.tenant)
    seen = Segments(target.name, place_of_segments(target), _closed(objects, target))
    try:
        with _index(settings, target) as index:
            used = index.key_versions() if index else {}
    except (MingjianError, OSError, sqlite3.Error) as error:
        return seen._replace(unknown=_trouble(error))
    newest = max((name for _, name in used.values()), default="")
    if seen.closed or not newest:
        missing = seen.closed is not None and "NoSuchBucket" in seen.closed.en
        return seen._replace(newest=newest, absent=missing and not newest)
    try:
        objects.get(newest, 0, 1)
    except (MingjianError, OSError) as error:
        return seen._replace(newest=newest, lost=_trouble(error))
    return seen._replace(newest=newest)


def _closed(objects: Objects, target: Target) -> Trouble | None:
    if target.objects != "s3":
        return _shut_folder(Path(target.path) / SEGMENTS_FOLDER)
    from sinks.archive.s3_objects import S3Objects  # noqa: PLC0415 - only where it is used

    try:
        if isinstance(objects, S3Objects):
            objects.try_put()
    except (MingjianError, OSError) as error:
        return _trouble(error)
    return None


def _shut_folder(folder: Path) -> Trouble | None:
    while not folder.exists():  # made with the first segment
        folder = folder.parent
    if os.access(folder, os.W_OK):
        return None
    fix = ("give this account the right to write there", "请授予本账号写权限")
    return Trouble(f"{folder} is not ours to write", f"{folder} 不可写", *fix)


def rights(settings: Settings, target: Target) -> Rights:
    """Who is named, and by what. Changes nothing."""
    try:
        access = access_at(settings, book_of(target))
        beside = beside_keys(settings.keys_dir) is not None
    except (MingjianError, OSError) as error:
        return Rights(target.name, wrong=_trouble(error))
    return Rights(target.name, len(access.people), access.open, beside)


def index(settings: Settings, target: Target) -> Index:
    """Whether the index answers, and how much of the ledger it accounts for."""
    seen = Index(target.name, place_of_index(settings, target))
    try:
        with _index(settings, target) as found:
            seen = seen._replace(entries=found.leaves() if found else None)
    except (MingjianError, OSError, sqlite3.Error) as error:
        return seen._replace(away=_trouble(error))
    try:
        return seen._replace(signed=open_ledger(settings, target).size)
    except (MingjianError, OSError):  # for `ledger` to tell
        return seen


def keys(settings: Settings, target: Target) -> TenantKeys:
    """Whether each version that something was sealed with is here and opens it. Raises
    MingjianError, OSError, sqlite3.Error: nobody can say which are needed."""
    with _index(settings, target) as found:
        if found is None:
            return TenantKeys(target.name)
        try:
            mine = tenant_keys.tenant_keys(settings)
            here = mine.versions()
        except (MingjianError, OSError) as error:
            needed = {version: Use(one[0]) for version, one in found.key_versions().items()}
            if not needed and found.secret() is None:
                return TenantKeys(target.name)
            return TenantKeys(target.name, needed, faults=(_trouble(error),))
        objects = objects_of(target, settings.tenant)
        untried = None
        try:
            needed = uses(found, target.path, MediaStore(objects, mine))
        except (MingjianError, OSError) as error:  # of files; the index was asked already
            untried = _trouble(error)
            needed = {version: Use(one[0]) for version, one in found.key_versions().items()}
        if not needed:
            return TenantKeys(target.name)
        seen = TenantKeys(target.name, needed, here, untried=untried)
        faults = {}
        for version in sorted(set(needed) - set(here)):
            error = KeyMissing(mine.tenant, version, str(getattr(mine, "place", "?")))
            faults[version] = Trouble.of(error)
        try:
            for state in version_states(mine, found, objects, target.path):
                if state.fault is not None:
                    faults.setdefault(state.version, Trouble.of(state.fault))
        except (MingjianError, OSError, sqlite3.Error) as error:
            seen = seen._replace(untried=_trouble(error))
        return seen._replace(faults=tuple(faults.values()))


def books(settings: Settings, target: Target) -> list[Book]:
    """Whether the custody book, and that of files where there is one, are what was written."""
    found = []
    for file, kind in ((CUSTODY_FILE, CUSTODY), (MEDIA_FILE, MEDIA)):
        book, seen = CustodyBook(target.path, file), Book(target.name, file)
        with entered_lines(settings, target, kind) as entered:
            seen = seen._replace(entered=entered.lines)
            try:
                whole = WholeBook(book, lambda e=entered: nullcontext(e))
                seen = seen._replace(lines=whole.require())
                if whole.renewal is not None:
                    seen = seen._replace(renewed=whole.renewal.number)
            except (MingjianError, OSError, sqlite3.Error) as error:
                seen = seen._replace(wrong=_trouble(error))
        if kind == CUSTODY or seen.lines or seen.wrong:
            found.append(seen)
    return found


def ledger(settings: Settings, target: Target, now: int) -> Ledger:
    """The newest signed head, the newest entries, and who has stamped it."""
    seen = Ledger(target.name, sign_ms=target.sign_seconds * 1000)
    try:
        with _index(settings, target) as found:
            seen = seen._replace(entries=found.leaves() if found else 0)
    except (MingjianError, OSError, sqlite3.Error):  # for `index` to tell
        seen = seen._replace(entries=None)
    folder = ledger_folder(target)
    if not ever_signed(folder) and not known_head(settings, target).size:
        return seen
    try:
        opened = open_ledger(settings, target)
        faults = list(audit_newest(folder, opened, NEWEST))
    except (MingjianError, OSError) as error:
        return seen._replace(wrong=_trouble(error))
    kept, head = stamps(folder), opened.note.checkpoint
    return seen._replace(
        size=head.size,
        at=head.at,
        wrong=_damage(faults) if faults else None,
        looked_at=head.size - newest_from(head.size, NEWEST),
        stamps=tuple(_stamped(one, kept, now) for one in settings.stamps.authorities),
        stamps_ms=settings.stamps.every_minutes * _MINUTE_MS,
    )


def _damage(faults: list[Damage]) -> Trouble:
    """What is wrong with the ledger: its first damaged place, and how many more there are."""
    first, more = faults[0], len(faults) - 1
    en = zh = first.place
    if first.leaf >= 0:
        en, zh = f"{en} entry {first.leaf}", f"{zh} 第 {first.leaf} 条"
    en, zh = f"the ledger is damaged: {en}: {first.en}", f"账本已损坏：{zh}：{first.zh}"
    if more:
        en, zh = f"{en}; and {more:,} more", f"{zh}；另有 {more:,} 处"
    return Trouble(en, zh, "restore the folder from its copy", "请从副本恢复该目录")


def _stamped(authority: Authority, kept: list[Stamp], now: int) -> Stamped:
    mine = [one for one in kept if one.authority == authority.name]
    if not mine:
        return Stamped(authority.name)
    newest = max(mine, key=lambda one: (one.size, one.at))
    seen = Stamped(authority.name, newest.size, newest.at)
    try:
        newest.check(Path(authority.ca_file).read_bytes(), now)
    except Unproven as error:
        return seen._replace(wrong=Trouble(error.en, error.zh))
    except (MingjianError, OSError) as error:
        return seen._replace(wrong=_trouble(error))
    return seen


@contextmanager
def _index(settings: Settings, target: Target) -> Iterator[ArchiveIndex | None]:
    """The index, open for reading; None where nothing was archived yet. Raises as `index_of`."""
    if target.index == "sqlite" and not (Path(target.path) / INDEX_FILE).exists():
        yield None
        return
    try:
        found = index_of(target, settings.tenant, writes=False)
    except NoIndexYet:
        yield None
        return
    with closing(found):
        yield found


def _trouble(error: MingjianError | OSError | sqlite3.Error) -> Trouble:
    if isinstance(error, sqlite3.Error):
        return Trouble(str(error), str(error))
    return Trouble.of(error)
