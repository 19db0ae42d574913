"""Files that are handed out: nobody has them before it stands in the custody book who took them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from rules.errors import EXIT_USAGE, MingjianError
from sinks.whole_file import new_file


def write_noted(path: Path, lines: Iterable[bytes], note: Callable[[str], None]) -> str:
    """Write lines (without their feeds) to `path`, for its owner alone (0600), whole or not at all:
    the SM3 of the file in hex.

    Args:
        note: told that digest when all is on the disk and before the file has its name; what it
            raises keeps the file from being there.

    Raises:
        MingjianError: there is such a file, or it cannot be written.
    """
    hashed = hashlib.new("sm3")
    try:
        with new_file(path, mode=0o600) as file:
            for line in lines:
                file.write(line + b"\n")
                hashed.update(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
            note(hashed.hexdigest())
    except FileExistsError:
        raise _not_there(path, "there is something already", "该位置已有文件") from None
    except OSError as error:
        raise _not_there(path, error.strerror or "", error.strerror or "") from None
    return hashed.hexdigest()


def _not_there(path: Path, en: str, zh: str) -> MingjianError:
    return MingjianError(
        f"cannot write {path}: {en}", f"无法写入 {path}：{zh}", exit_code=EXIT_USAGE
    )
