"""What a check of many things found, printed while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.cli.app import Output, emit, err, language, out, say


class Found(Protocol):
    """Something that is wrong: where, of which entry of the ledger (-1: of none), and what."""

    @property
    def leaf(self) -> int:
        """The entry's number."""

    @property
    def place(self) -> str:
        """A file or part."""

    @property
    def en(self) -> str:
        """In English."""

    @property
    def zh(self) -> str:
        """In Chinese."""

    def _asdict(self) -> dict[str, Any]: ...


def print_faults(
    check: Callable[[Callable[[int, int], None]], Iterator[Found]], what: str, output: Output
) -> int:
    """Print each fault as it is found, under a bar of progress; how many there were.

    Args:
        check: is given what takes (done, of) and gives the faults.
        what: is looked at, for the bar.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    count = 0
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        for fault in check(lambda done, of: bar.update(task, completed=done, total=of)):
            count += 1
            if output is Output.json:
                emit(fault._asdict())
                continue
            which = say(f"entry {fault.leaf}", f"第 {fault.leaf} 条") if fault.leaf >= 0 else ""
            words = fault.zh if language() == "zh" else fault.en
            place = " ".join(filter(None, (fault.place, which)))
            out.print(f"[red]✗[/] {escape(f'{place}: {words}')}", soft_wrap=True)
    return count
