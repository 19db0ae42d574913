"""One line that is rewritten while a span is read, and while the job judges it."""

from __future__ import annotations

from types import TracebackType

from rich.live import Live
from rich.text import Text

from jobs.cli.app import err, say
from jobs.cli.detect import progress_text
from jobs.progress import Snapshot


class ReadingLine:
    """How many records have been read, and how fast. Draws nothing when `quiet`, or where nobody
    looks."""

    def __init__(self, *, quiet: bool = False) -> None:
        drawn = err.is_terminal and not quiet
        self._live = Live(console=err, refresh_per_second=4, transient=True) if drawn else None

    def __enter__(self) -> ReadingLine:
        """Start drawing."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()

    def show(self, records: int, seconds: float) -> None:
        """So many records after so long."""
        if self._live is not None:
            rate = f"{records / seconds:,.0f}" if seconds else "–"
            self._live.update(
                Text(say(f"read {records:,} · {rate}/s", f"已读 {records:,} · {rate}/秒"))
            )

    def show_job(self, seen: Snapshot, seconds: float) -> None:
        """What the job has judged after so long."""
        if self._live is not None:
            self._live.update(progress_text(seen, seconds, int(seen.records / max(seconds, 0.1))))
