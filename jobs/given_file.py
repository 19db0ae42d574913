"""A small file that somebody named: a proof, a head, a key, a text that was typed."""

from __future__ import annotations

import sys
from pathlib import Path

from rules.errors import EXIT_USAGE, MingjianError

MOST = 1 << 20  # bytes: what is longer is none of these, and is cut
STDIN = "-"


def given_file(file: Path) -> bytes:
    """Its bytes; of `-` those of the standard input. At most `MOST`.

    Raises:
        MingjianError: it cannot be read.
    """
    if str(file) == STDIN:
        return sys.stdin.buffer.read(MOST)
    try:
        with file.open("rb") as stream:
            return stream.read(MOST)
    except OSError as error:
        raise MingjianError(
            f"cannot read {file}: {error.strerror}",
            f"无法读取 {file}：{error.strerror}",
            fix_en="give the path of a file that is there and that you may read",
            fix_zh="请给出存在且有权读取的文件",
            exit_code=EXIT_USAGE,
        ) from None
