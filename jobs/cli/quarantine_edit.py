"""Where a corrected record comes from: a file, standard input, or the user's editor."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from jobs.cli.app import report, say
from jobs.quarantine.verdict import Fit
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

_MAX_BYTES = 16 * 1024 * 1024


def read_fixed(path: str) -> bytes:
    """The bytes of a corrected record; "-" is standard input.

    Raises:
        MingjianError: it cannot be read, is empty, or is larger than any record.
    """
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise MingjianError(
            f"cannot read {path}: {error.strerror}",
            f"读不了 {path}：{error.strerror}",
            exit_code=EXIT_USAGE,
        ) from None
    if not content.strip() or len(content) > _MAX_BYTES:
        raise MingjianError(
            f"{path} holds no record" if not content.strip() else f"{path} is larger than a record",
            f"{path} 中没有记录" if not content.strip() else f"{path} 超过单条记录的大小",
            exit_code=EXIT_USAGE,
        )
    return content


def edited(original: bytes, accept: Callable[[bytes], Fit]) -> Fit:
    """What the user makes of `original` in $VISUAL or $EDITOR.

    The bytes lie in a file that only the user can read, and not longer than the editor is open.

    Args:
        accept: raises MingjianError for what cannot be taken; the user may then go on editing.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise MingjianError(
            "neither VISUAL nor EDITOR names an editor",
            "环境变量 VISUAL 和 EDITOR 都未指定编辑器",
            fix_en="set EDITOR, or: `mingjian quarantine show ID --raw > record.json`, then"
            " `mingjian quarantine fix ID --file record.json`",
            fix_zh="请设置 EDITOR；或先 `mingjian quarantine show ID --raw > record.json`，再"
            " `mingjian quarantine fix ID --file record.json`",
            exit_code=EXIT_USAGE,
        )
    with _cleaned_up(), tempfile.TemporaryDirectory(prefix="mingjian-") as folder:  # mode 0700
        file = Path(folder) / "record.json"
        file.write_bytes(original)
        while True:
            _run(editor, file)
            new = file.read_bytes()
            if new.rstrip(b"\r\n") == original.rstrip(b"\r\n"):
                raise MingjianError(
                    "the record was not changed; nothing was done",
                    "记录没有改动；未做任何操作",
                    exit_code=EXIT_FINDINGS,
                )
            try:
                return accept(new)
            except MingjianError as error:
                if not sys.stdin.isatty():
                    raise
                report(error)
                if not typer.confirm(say("edit it again?", "继续修改吗？"), default=True):
                    raise


@contextmanager
def _cleaned_up() -> Iterator[None]:
    """Whoever hangs up or ends the command leaves no unsealed record behind."""

    def ended(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = (signal.SIGHUP, signal.SIGTERM)
    before = [signal.signal(one, ended) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


def _run(editor: str, file: Path) -> None:
    try:
        # the user's own editor, as the user's environment names it
        code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise MingjianError(
            f"cannot start the editor '{editor}': {error}",
            f"无法启动编辑器“{editor}”：{error}",
            exit_code=EXIT_USAGE,
        ) from None
    if code:
        raise MingjianError(
            f"the editor '{editor}' ended with {code}; nothing was done",
            f"编辑器“{editor}”退出码为 {code}；未做任何操作",
            exit_code=EXIT_FINDINGS,
        )
