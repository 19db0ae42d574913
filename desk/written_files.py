"""Files that are handed out: nobody has them before it stands in the custody book who took them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from rules.errors import EXIT_USAGE, MingjianError
from sinks.whole_file import sync


def write_noted(path: Path, lines: Iterable[bytes], note: Callable[[str], None]) -> str:
    """Write lines (without their feeds) to `path`, for its owner alone (0600), whole or not at all:
    the SM3 of the file in hex.

    Args:
        note: told that digest when all is on the disk and before the file has its name; what it
            raises keeps the file from being there.

    Raises:
        MingjianError: there is such a file, or it cannot be written.
    """
    if path.exists():
        raise _not_there(path, "there is something already", "该位置已有文件")
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")  # 0600
    except OSError as error:
        raise _not_there(path, error.strerror or "", error.strerror or "") from None
    try:
        hashed = hashlib.new("sm3")
        with os.fdopen(handle, "wb") as file:
            for line in lines:
                file.write(line + b"\n")
                hashed.update(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        note(hashed.hexdigest())
        os.replace(draft, path)
        sync(path.parent)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise _not_there(path, error.strerror or "", error.strerror or "") from None
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return hashed.hexdigest()


def _not_there(path: Path, en: str, zh: str) -> MingjianError:
    return MingjianError(
        f"cannot write {path}: {en}", f"无法写入 {path}：{zh}", exit_code=EXIT_USAGE
    )
