"""One file of reference values read to the end: all that is wrong in it, and a list to name."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rules.errors import RuleError
from rules.heads import flood_in
from rules.lint.bounds import and_more, collected
from rules.problems import Problems
from rules.reference import KINDS, RefList
from rules.reference_file import build, read_document
from rules.yaml_source import read_text

_KIND = re.compile(r"^kind: *[\"']?(\w+)", re.M)


class ListSource(NamedTuple):
    """A list file. `reference` is a stand-in of its kind when there are problems."""

    reference: RefList
    problems: list[RuleError]


def read_list(file: Path, label: str) -> ListSource:
    """A list file, called `label`, with what keeps it from loading."""
    found: list[RuleError] = []
    text = collected(lambda _: read_text(file, label), found) or ""
    kind = match[1] if (match := _KIND.search(text)) and match[1] in KINDS else "text"

    def read(part: str, told: Problems) -> RefList:
        return build(read_document(label, part, told), file.stem, told)

    if flood := flood_in(text, read):
        found += [*flood, and_more(flood)]
    loaded = None if found else collected(partial(read, text), found)
    return ListSource(loaded or RefList(file.stem, kind), found)
