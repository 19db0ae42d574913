"""Rulesets that were written down whole and are never changed: what was published, and what a job
was begun with.

    <registry>/<effective in ms>/      a published set: from this event time on it judges
    <registry>/pinned/<digest>/        the rules of a directory as they were when a job was begun
    <registry>/jobs/<tenant>.json      which of them the tenant's job was begun with
    <registry>/log.jsonl               who published what, and what was refused

A set is a folder of rule files with `lexicons`, `lists` and, where a company has its own,
`calendars` beside them, and `manifest.json`. Its digest is that of the rules it was made of; a
folder that has another was changed, and is refused. `jobs.registry` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from rules.errors import MingjianError
from rules.kept_rules import load_and_keep, load_kept
from rules.ruleset import RuleSet, load_ruleset
from rules.scan import Keep

MANIFEST, PINNED, JOBS, LOG = "manifest.json", "pinned", "jobs", "log.jsonl"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a set without reading its rules.

    Args:
        at: when it was written (UTC ms); effective: the event time (ms) from which it judges, 0 of
            one that is pinned.
        levels: how many keyed stages its correlations need.
        read: names of correlations that others read.
        rules: how many rules alert. forced: what its author was told and overruled.
    """

    v: int = 1
    digest: str
    at: int
    levels: int
    rules: int
    read: tuple[str, ...] = ()
    effective: int = 0
    by: str = ""
    note: str = ""
    forced: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A set that lies in `folder`, in force from `start` (event time, ms) on."""

    start: int
    folder: Path
    manifest: Manifest

    def load(self, feeds: Iterable[str], keep: Keep | None = None) -> RuleSet:
        """Its rules, without those that wait for a feed. Raises as `whole`."""
        return self.whole(keep).awake(tuple(feeds))

    def whole(self, keep: Keep | None = None) -> RuleSet:
        """Its rules.

        Args:
            keep: where they may be kept as they were read once (`rules.kept_rules`).

        Raises:
            MingjianError: it cannot be read, or is not as it was written.
        """
        try:
            found = load_kept(self.folder, self.manifest.digest, keep) if keep else None
            if found is None:
                found = load_and_keep(f"{self.folder}", keep) if keep else load_ruleset(self.folder)
        except (OSError, MingjianError) as error:
            why = error.en if isinstance(error, MingjianError) else (error.strerror or str(error))
            raise _unusable(self.folder, why) from None
        if found.digest != self.manifest.digest:
            raise _unusable(self.folder, "it was changed after it was published")
        return found


def starts(registry: Path) -> list[int]:
    """The event times (ms) from which published sets judge, in order; none without a registry.

    Raises:
        OSError: the registry cannot be looked at.
    """
    try:
        names = [one.name for one in registry.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal() and name.isascii())


def published(registry: Path) -> list[Kept]:
    """The published sets of a registry, in order of time.

    Raises:
        MingjianError: one of them was not written by `mingjian rules publish`.
    """
    return [kept_in(registry / str(start), start) for start in starts(registry)]


def pinned(registry: Path, digest: str) -> Kept | None:
    """The rules of that digest, if a job was begun with them."""
    folder = registry / PINNED / digest
    return kept_in(folder) if digest.isalnum() and (folder / MANIFEST).is_file() else None


def find(registry: Path, digest: str) -> Kept | None:
    """A set of that digest, published or pinned; None where there is none."""
    same = (one for one in published(registry) if one.manifest.digest == digest)
    return next(same, None) or pinned(registry, digest)


def kept_in(folder: Path, start: int = 0) -> Kept:
    """The set in a folder.

    Raises:
        MingjianError: the folder has no manifest, or a broken one.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise _unusable(folder, f"it has no {MANIFEST}: it was not published") from None
    except (OSError, msgspec.DecodeError) as error:
        raise _unusable(folder, f"{MANIFEST}: {error}") from None
    return Kept(start, folder, manifest)


def _unusable(folder: Path, why: str) -> MingjianError:
    return MingjianError(
        f"the ruleset {folder} cannot be used: {why}",
        f"规则集 {folder} 无法使用：{why}",
        fix_en="restore the folder as it was; rules are changed by `mingjian rules publish` only",
        fix_zh="请恢复该目录的原样；修改规则只能用 `mingjian rules publish`",
    )
