"""The folders that rules of one directory refer to: beside them, else the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rules.lexicon_file import load_lexicons
from rules.named import Named
from rules.packs import PACKS
from rules.reference_file import list_files, load_reference
from rules.yaml_files import yaml_files

CATALOG = Path(__file__).parent / "catalog"
LEXICONS = Path(__file__).parent / "lexicons"
LISTS = Path(__file__).parent / "lists"
CALENDAR = Path(__file__).parent / "calendars" / "cn.yaml"
BESIDE = ("lexicons", "lists", "calendars", "packs")  # folders of a rule directory without rules


class Beside(NamedTuple):
    """The folders that rules of one directory refer to."""

    lexicons: Path
    lists: Path
    calendar: Path  # a file; the shipped one where the company has none
    packs: Path

    def named(self) -> Named:
        """Everything in them that rules may name.

        Raises:
            RuleError: the first broken file.
        """
        return Named(load_lexicons(self.lexicons), load_reference(self.lists))

    def files(self) -> list[Path]:
        """All files that rules depend on, for the digest."""
        own = [] if self.calendar == CALENDAR else [self.calendar]
        return [*yaml_files(self.lexicons), *list_files(self.lists), *own]


def beside(folder: Path, *, above: bool = False) -> Beside:
    """What stands beside the rules of `folder`; with `above` also in the nearest folder above it.
    What is nowhere is the shipped one."""
    here = folder.resolve() if above else folder
    places = (here, *here.parents) if above else (here,)

    def first(name: str, shipped: Path) -> Path:
        own = (place / name for place in places)
        return next((path for path in own if path.exists()), shipped)

    return Beside(
        first("lexicons", LEXICONS),
        first("lists", LISTS),
        next((path for place in places for path in _calendars(place)), CALENDAR),
        first("packs", PACKS),
    )


def _calendars(place: Path) -> list[Path]:
    return [path for path in yaml_files(place / "calendars") if path.stem == "cn"]
