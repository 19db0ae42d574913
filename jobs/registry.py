"""Writes rulesets down whole, where all workers of a job find them (`rules.published`)."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from config.checks import writable
from config.settings import Settings
from ingest.folder_ends import sync_folder
from rules.beside import CALENDAR, CATALOG, Beside, beside
from rules.errors import EXIT_FINDINGS, MingjianError
from rules.kept_rules import load_and_keep
from rules.published import JOBS, LOG, MANIFEST, PINNED, Kept, Manifest, kept_in, pinned, published
from rules.ruleset import RuleSet, digest_of
from udfs.kept import KeptPatterns
from udfs.spec import JobSpec

_HALF = ".half-"
_OLD_S = 3600  # what was being written for longer was left by a process that died


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant's job was begun with. `levels`: keyed stages that it has; `at`: UTC ms;
    `certain_from`: see `udfs.spec.JobSpec`."""

    digest: str
    levels: int
    at: int
    certain_from: Mapping[str, int] = {}


def registry_of(settings: Settings) -> Path:
    """The registry, as workers elsewhere find it."""
    return Path(settings.rules.registry).resolve()


def chosen_rules(settings: Settings, path: str = "") -> RuleSet:
    """The rules of `path`, by default those of the settings, of the packs that are switched on.

    Raises:
        MingjianError: none there, or a broken one.
    """
    return load_and_keep(path or settings.rules.path, KeptPatterns(), settings.rules.packs)


def pin(settings: Settings) -> Settings:
    """The same settings, with the rules of `rules.path` as they are now: what is edited there later
    does not reach a job that was begun with them. Those that are pinned already stay.

    Raises:
        MingjianError: a broken rule, or the registry cannot be written.
    """
    registry, ruleset = registry_of(settings), chosen_rules(settings)
    folder = registry / PINNED / ruleset.digest
    writable(registry, "rules.registry")
    if not (folder / MANIFEST).is_file():
        folder.parent.mkdir(exist_ok=True)
        manifest = manifest_of(settings, ruleset)
        where = beside(Path(settings.rules.path or CATALOG))
        with contextlib.suppress(FileExistsError):  # another job began with the same
            write(folder, ruleset, where, manifest)
    kept_in(folder)
    rules = msgspec.structs.replace(settings.rules, path=str(folder), packs=())
    return msgspec.structs.replace(settings, rules=rules)


def manifest_of(settings: Settings, ruleset: RuleSet, **more: Any) -> Manifest:
    """What is known of a ruleset without reading it; `more` as in `Manifest`."""
    awake = ruleset.awake(settings.rules.feeds)
    return Manifest(
        digest=ruleset.digest,
        at=int(time.time() * 1000),
        levels=ruleset.depth,
        read=tuple(sorted(awake.readers.keys() & awake.correlations.keys())),
        rules=sum(one.main is not None for one in ruleset.files),
        **more,
    )


def write(folder: Path, ruleset: RuleSet, where: Beside, manifest: Manifest) -> None:
    """Write a ruleset down: the folder is there whole, and on disk, or not at all.

    Args:
        where: the folders that its rules refer to.

    Raises:
        FileExistsError: there is a folder of that name.
        MingjianError: the disk refuses, or the files are not those of the ruleset any more.
    """
    files = {f"{one.path}": one.text.encode() for one in ruleset.files}
    others = []
    for name, place in (("lexicons", where.lexicons), ("lists", where.lists)):
        found = [file for file in where.files() if file.parent == place]
        others += [(f"{name}/{file.name}", file.name, file.read_bytes()) for file in found]
    if where.calendar != CALENDAR:  # the shipped one comes with the program
        name = where.calendar.name
        others.append((f"calendars/{name}", name, where.calendar.read_bytes()))
    if digest_of(ruleset.files, [one[1:] for one in others]) != ruleset.digest:
        raise MingjianError(
            "the rules were changed while they were read",
            "读取期间规则被改动",
            fix_en="try again when nobody edits them",
            fix_zh="请在无人编辑时重试",
            exit_code=EXIT_FINDINGS,
        )
    files |= {path: data for path, _, data in others}
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with _on_disk(folder):
        _forget_halves(folder.parent)
        half = Path(tempfile.mkdtemp(prefix=_HALF, dir=folder.parent))
        try:
            for name in ("lexicons", "lists"):  # an empty one is not the shipped one
                (half / name).mkdir()
            for place in {(half / name).parent for name in files}:
                place.mkdir(parents=True, exist_ok=True)
            _write_files({half / name: data for name, data in files.items()}, half)
            for place, _, _ in os.walk(half, topdown=False):
                sync_folder(Path(place))
            half.chmod(0o755)
            if folder.exists():
                raise FileExistsError(folder)
            half.rename(folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        sync_folder(folder.parent)


def begun_with(settings: Settings) -> Begun | None:
    """What the tenant's job was last begun with; None when there was none."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(_job_file(settings).read_bytes(), type=Begun)
    return None


def base_of(settings: Settings) -> Kept | None:
    """The rules that the tenant's job was begun with; None when there was none, or they have gone.

    Raises:
        MingjianError: they cannot be read.
    """
    begun = begun_with(settings)
    return pinned(registry_of(settings), begun.digest) if begun else None


def in_force(settings: Settings, before: int) -> Kept | None:
    """The set that judges right before event time `before` (UTC ms): published, or what the job was
    begun with; None where neither is known.

    Raises:
        MingjianError: it cannot be read.
    """
    told = [one for one in published(registry_of(settings)) if one.start < before]
    return told[-1] if told else base_of(settings)


def begin(settings: Settings, spec: JobSpec) -> None:
    """Note what the tenant's job begins with.

    Raises:
        MingjianError: the registry cannot be written.
    """
    now = int(time.time() * 1000)
    told = Begun(
        digest=Path(spec.rules).name, levels=spec.levels, at=now, certain_from=spec.certain_from
    )
    file = _job_file(settings)
    with _on_disk(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_name(f"{_HALF}{os.getpid()}-{file.name}")
        half.write_bytes(msgspec.json.encode(told))
        half.replace(file)


def note(registry: Path, what: dict[str, Any]) -> None:
    """Append a line to the registry's log; it is on disk when this returns.

    Raises:
        MingjianError: it cannot be written.
    """
    line = json.dumps({"at": int(time.time() * 1000), **what}, ensure_ascii=False) + "\n"
    with _on_disk(registry / LOG):
        registry.mkdir(parents=True, exist_ok=True)
        opened = os.open(registry / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(opened, line.encode("utf-8", "replace"))
            os.fsync(opened)
        finally:
            os.close(opened)


def _job_file(settings: Settings) -> Path:
    return registry_of(settings) / JOBS / f"{quote(settings.tenant, safe='')}.json"


def _write_files(files: Mapping[Path, bytes], folder: Path) -> None:
    """All of them, on disk; they are below the folder."""
    for path, data in files.items():
        _write_file(path, data)
    _sync_file_system(folder)
    for path in files:  # they are on disk by now; this says which could not be written
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _write_file(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o444)


def _sync_file_system(folder: Path) -> None:
    """Send all to disk that its file system has in memory: one wait instead of one for each file.
    Linux has a call for that which Python has not."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
        if syncfs is None or syncfs(opened):
            os.sync()
    finally:
        os.close(opened)


def _forget_halves(folder: Path) -> None:
    for half in folder.glob(f"{_HALF}*"):
        with contextlib.suppress(OSError):
            if time.time() - half.stat().st_mtime > _OLD_S:
                shutil.rmtree(half, ignore_errors=True)


@contextlib.contextmanager
def _on_disk(place: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise MingjianError(
            f"cannot write {place}: {error.strerror or error}",
            f"无法写入 {place}：{error.strerror or error}",
            fix_en="make room, or make rules.registry writable; nothing has changed",
            fix_zh="请腾出空间，或使 rules.registry 可写；未做任何改动",
        ) from None
