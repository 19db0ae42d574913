"""Whether the tenant's keys are those that the archive was sealed with.

A version can be missing, and under its number there can be another key: of a token that was set up
anew, of a key store from somewhere else. Either is found when the archive is opened, before it is
sealed with keys that do not belong to it: of each version that segments name, the newest segment
has to open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused, TenantKeys
from sinks.archive.objects import NoObject, Objects
from sinks.archive.rows import ArchiveIndex
from sinks.archive.search import HEAD_BYTES
from sinks.archive.segment import OpenSegment, SegmentDamaged, read_head


class VersionState(NamedTuple):
    """A version of the tenant's key: how many segments it wrapped the keys of, whether it is here
    and wraps now, and what is wrong (`KeyMissing`, `KeyRefused`; None: nothing). `tried` is false
    where nothing could be opened to find out: no segment, or the newest is missing or damaged."""

    version: int
    segments: int
    current: bool
    tried: bool
    fault: MingjianError | None


def version_states(
    keys: TenantKeys, index: ArchiveIndex, objects: Objects
) -> Iterator[VersionState]:
    """Every version that is here or that a segment names, ascending.

    Raises:
        MingjianError, OSError: the keys, the index or the segments cannot be looked at.
    """
    here, used = keys.versions(), index.key_versions()
    newest = keys.current()
    for version in sorted({*here, *used}):
        count, segment = used.get(version, (0, ""))
        tried, fault = _tried(keys, objects, segment) if count else (False, None)
        if fault is None and version not in here:
            fault = KeyMissing(keys.tenant, version, _place(keys))
        yield VersionState(version, count, version == newest, tried, fault)


def require_versions(keys: TenantKeys, index: ArchiveIndex, objects: Objects) -> None:
    """Come back when every version that segments name is here and is the right one.

    Raises:
        KeyMissing, KeyRefused: the first that is not.
        MingjianError, OSError: see `version_states`.
    """
    for state in version_states(keys, index, objects):
        if state.fault is not None:
            raise state.fault


def _tried(
    keys: TenantKeys, objects: Objects, segment: str
) -> tuple[bool, KeyMissing | KeyRefused | None]:
    try:
        OpenSegment(read_head(objects.get(segment, 0, HEAD_BYTES), segment), keys)
    except (KeyMissing, KeyRefused) as error:
        return True, error
    except (NoObject, SegmentDamaged):  # for `sinks.archive.check` to tell
        return False, None
    return True, None


def _place(keys: TenantKeys) -> str:
    return str(getattr(keys, "place", "the tenant's keys"))
