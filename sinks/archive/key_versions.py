"""Whether the tenant's keys are those that the archive was sealed with.

Segments, files that people sent, and the key of the search have keys under the tenant's.

A version can be missing, and under its number there can be another key: of a token that was set up
anew, of a key store from somewhere else. Either is found when the archive is opened, before it is
sealed with keys that do not belong to it: of each version that is needed, the newest segment and
file have to open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused, TenantKeys
from sinks.archive.media import MediaDamaged, MediaStore
from sinks.archive.media_keys import media_versions
from sinks.archive.objects import NoObject, Objects
from sinks.archive.rows import ArchiveIndex
from sinks.archive.search import HEAD_BYTES
from sinks.archive.segment import OpenSegment, SegmentDamaged, read_head
from sinks.archive.terms import open_search_key


class Use(NamedTuple):
    """What a version wrapped the keys of: so many segments, of which this is the newest; so many
    files, likewise; the search key. (A tombstone is under no key: it has digests alone.)"""

    segments: int = 0
    files: int = 0
    search: bool = False
    segment: str = ""
    file: str = ""


class VersionState(NamedTuple):
    """A version of the tenant's key: how many segments and files it wrapped the keys of, whether it
    wrapped the search key, whether it is here and wraps now, and what is wrong (`KeyMissing`,
    `KeyRefused`; None: nothing). `tried` is false where nothing could be opened to find out: it
    wrapped nothing, or what is newest is missing or damaged."""

    version: int
    segments: int
    current: bool
    tried: bool
    fault: MingjianError | None
    files: int = 0
    search: bool = False

    @property
    def needed(self) -> bool:
        """Whether something would stay closed without it."""
        return bool(self.segments or self.files or self.search)


def uses(index: ArchiveIndex, folder: str | Path, store: MediaStore) -> dict[int, Use]:
    """By version, ascending, what would stay closed without it. This is the one count of it.

    Args:
        folder: of the archive, where it says which files are stored.

    Raises:
        MingjianError, OSError, sqlite3.Error: index or files cannot be looked at.
    """
    found = {
        version: Use(segments=count, segment=newest)
        for version, (count, newest) in index.key_versions().items()
        if count
    }
    for version, (count, newest) in media_versions(folder, store).items():
        if count:
            found[version] = found.get(version, Use())._replace(files=count, file=newest)
    if (secret := index.secret()) is not None:
        found[secret.version] = found.get(secret.version, Use())._replace(search=True)
    return dict(sorted(found.items()))


def version_states(
    keys: TenantKeys, index: ArchiveIndex, objects: Objects, folder: str | Path
) -> Iterator[VersionState]:
    """Every version that is here or that is needed, ascending.

    Args:
        folder: of the archive, where it says which files are stored.

    Raises:
        MingjianError, OSError, sqlite3.Error: keys, index, segments or files cannot be looked at.
    """
    here, store = keys.versions(), MediaStore(objects, keys)
    used, newest, secret = uses(index, folder, store), keys.current(), index.secret()
    for version in sorted({*here, *used}):
        use = used.get(version, Use())
        outcomes = []
        if use.segments:
            outcomes.append(_tried(partial(_open_segment, keys, objects, use.segment)))
        if use.files:
            outcomes.append(_tried(partial(store.try_key, use.file)))
        if use.search and secret is not None:
            outcomes.append(_tried(partial(open_search_key, secret, keys)))
        fault = next((error for _, error in outcomes if error is not None), None)
        if fault is None and version not in here:
            fault = KeyMissing(keys.tenant, version, _place(keys))
        tried = any(done for done, _ in outcomes)
        yield VersionState(
            version, use.segments, version == newest, tried, fault, use.files, use.search
        )


def require_versions(
    keys: TenantKeys, index: ArchiveIndex, objects: Objects, folder: str | Path
) -> None:
    """Come back when every version that is needed is here and is the right one.

    Raises:
        KeyMissing, KeyRefused: the first that is not.
        MingjianError, OSError, sqlite3.Error: see `version_states`.
    """
    for state in version_states(keys, index, objects, folder):
        if state.fault is not None:
            raise state.fault


def _tried(open_it: Callable[[], object]) -> tuple[bool, KeyMissing | KeyRefused | None]:
    try:
        open_it()
    except (KeyMissing, KeyRefused) as error:
        return True, error
    except (NoObject, SegmentDamaged, MediaDamaged):  # for `sinks.archive.check` to tell
        return False, None
    return True, None


def _open_segment(keys: TenantKeys, objects: Objects, segment: str) -> OpenSegment:
    return OpenSegment(read_head(objects.get(segment, 0, HEAD_BYTES), segment), keys)


def _place(keys: TenantKeys) -> str:
    return str(getattr(keys, "place", "the tenant's keys"))
