"""Where segments are: named objects that are written once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from rules.errors import MingjianError
from sinks.whole_file import write_whole


class Objects(Protocol):
    """Object storage, as much of it as the archive needs."""

    def put(self, name: str, data: bytes) -> None:
        """Store durably; an object with this name is replaced. Raises OSError: try again later."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object, to its end by default.

        Raises:
            NoObject: there is none with this name.
            OSError: the storage does not answer.
        """

    def delete(self, name: str) -> None:
        """Remove an object; nothing happens when it is not there."""

    def names(self) -> Iterator[str]:
        """Every object's name, in no order."""


class NoObject(MingjianError):
    """An object of the archive is not there."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(
            f"segment {name} of the archive is not in {place}",
            f"{place} 中没有归档分段 {name}",
            fix_en="restore it from its copy; the other segments can still be read",
            fix_zh="请从副本恢复；其余分段仍可读取",
        )


class LocalObjects:
    """Objects as files of a folder, read-only once they are written, two levels deep by name."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def put(self, name: str, data: bytes) -> None:
        """See `Objects`."""
        write_whole(self._path(name), data, mode=0o400)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Objects`."""
        try:
            with self._path(name).open("rb") as file:
                file.seek(offset)
                return file.read() if length is None else file.read(length)
        except FileNotFoundError:
            raise NoObject(name, str(self._folder)) from None

    def delete(self, name: str) -> None:
        """See `Objects`."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """See `Objects`."""
        for path in self._folder.glob("*/*"):
            if path.is_file() and not path.name.startswith("."):
                yield path.name

    def _path(self, name: str) -> Path:
        return self._folder / name[:7] / name
