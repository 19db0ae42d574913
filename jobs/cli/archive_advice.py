"""What to do about damage that a check of archive or ledger found, by the places it named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.markup import escape

from jobs.cli.app import out, say, with_options
from jobs.cli.faults import Found
from sinks.archive.check import INDEX, LEDGER
from sinks.ledger.heads import CHECKPOINT

_Fault = TypeVar("_Fault", bound=Found)
_HEADS = (
    "restore `checkpoints` and `checkpoint` from their copy; without one, an administrator runs"
    " `mingjian ledger mend --why …`. Then `mingjian ledger verify`",
    "请从副本恢复 checkpoints 与 checkpoint；若无副本，由系统管理员运行"
    " `mingjian ledger mend --why …`。然后运行 `mingjian ledger verify`",
)
_LEDGER = (
    "end `mingjian deliver`, restore the folder {folder} from its copy, then `mingjian ledger"
    " verify`",
    "请停止 `mingjian deliver`，从副本恢复目录 {folder}，然后运行 `mingjian ledger verify`",
)
_INDEX = (
    "end `mingjian deliver`; an administrator runs `mingjian archive rebuild --why …`, which makes"
    " the index again and names what else is missing. Then `mingjian archive check`",
    "请停止 `mingjian deliver`，由系统管理员运行 `mingjian archive rebuild --why …`，它会重建索引，"
    "并指出还缺少什么。然后运行 `mingjian archive check`",
)
_STORED = (
    "restore the segments and files that are named from their copy (where they are gone for good,"
    " their messages stay named; the others can be read). Then `mingjian archive check`",
    "请从副本恢复所列的分段与文件（若已无从恢复，其中的消息会一直被列出，其余仍可读取）。"
    "然后运行 `mingjian archive check`",
)


def noting(faults: Iterable[_Fault], places: set[str]) -> Iterator[_Fault]:
    """The same faults; their places are put into a set."""
    for fault in faults:
        places.add(fault.place)
        yield fault


def print_ledger_advice(places: set[str], folder: Path) -> None:
    """What to do about damaged places of a ledger."""
    heads = {one for one in places if one.startswith(CHECKPOINT)}
    _print(_HEADS, bool(heads))
    _print(_LEDGER, bool(places - heads), folder)


def print_archive_advice(places: set[str], folder: Path) -> None:
    """What to do about faults of an archive. The ledger comes first: the index is made of it."""
    _print(_LEDGER, LEDGER in places, folder)
    _print(_INDEX, INDEX in places)
    _print(_STORED, bool(places - {LEDGER, INDEX}))


def _print(words: tuple[str, str], wanted: bool, folder: Path | None = None) -> None:
    if wanted:
        told = with_options(say(*words).replace("{folder}", str(folder)))
        out.print(f"  [dim]→[/] {escape(told)}", soft_wrap=True)
