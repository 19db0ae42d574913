"""One rule file read to the end: all that is wrong in it, and its documents as far as they go."""

from __future__ import annotations

import re
from typing import NamedTuple

from rules.errors import RuleError
from rules.lint.bounds import and_more, rounds
from rules.lint.stand_in import put_right
from rules.lint.typing_slips import corrected
from rules.loader import build
from rules.model import RuleFile
from rules.named import Named
from rules.problems import MAX_TOLD, Enough, Problems
from rules.yaml_source import MAX_NODES, Document, no_mapping, parse_documents

Path = tuple[str, ...]
# errors whose stand-in is not where they are told
_ELSEWHERE = {"MJ107": ("mingjian", "version"), "MJ109": ("mingjian", "signal")}
_START = re.compile(r"^---(?=\s|$)", re.M)


class Source(NamedTuple):
    """What is known of one rule file.

    `documents` are those that can be read; where something was wrong, a stand-in is in its place
    (`mended`: the document's number and the key path), so that they can be looked through.
    `whole`: every document of the file is among them.
    """

    path: str
    text: str
    documents: list[Document]
    loaded: RuleFile | None
    problems: list[RuleError]
    mended: frozenset[tuple[int, Path]]
    whole: bool

    def is_mended(self, document: Document, at: Path) -> bool:
        """Does a stand-in hold this place, or one above it?"""
        number = self.documents.index(document)
        return any((number, at[:end]) in self.mended for end in range(len(at) + 1))

    def is_mended_below(self, document: Document, at: Path) -> bool:
        """Does a stand-in hold this place, one above or one below it?"""
        number = self.documents.index(document)
        below = any(one == number and path[: len(at)] == at for one, path in self.mended)
        return below or self.is_mended(document, at)


def read(path: str, text: str, named: Named, most: int = MAX_TOLD) -> Source:
    """A rule file with what keeps it from loading: at most so many errors, of a long file fewer."""
    problems: list[RuleError] = []
    try:
        documents, whole = _documents(path, text, problems, most)
    except Enough:
        problems.append(and_more(problems))
        return Source(path, text, [], None, problems, frozenset(), whole=False)
    mended: set[tuple[int, Path]] = set()
    loaded = None
    tries = rounds(text, most)
    for number in range(tries if documents else 0):
        try:
            loaded = build(path, text, documents, named)
            break
        except RuleError as error:
            if error.code == "MJ111":  # told of the whole file, after all documents
                problems += [error] if whole else []
                break
            problems.append(error)
            if number == tries - 1:  # what is still wrong cannot be looked through
                problems.append(and_more(problems))
                documents, whole = [], False
            elif not put_right(error):
                whole = False
                documents = [one for one in documents if one is not error.document]
                if not documents:
                    break
            elif isinstance(error.document, Document):
                at = _ELSEWHERE.get(error.code, error.at)
                if at[:2] == ("detection", "condition"):  # all of a list of conditions
                    at = at[:2]
                mended.add((documents.index(error.document), at))
    if not documents and whole and not problems:
        problems += _empty(path, text, named)
    return Source(
        path,
        text,
        documents,
        None if problems else loaded,
        problems,
        frozenset(mended),
        whole,
    )


def _empty(path: str, text: str, named: Named) -> list[RuleError]:
    try:
        build(path, text, [], named)
    except RuleError as error:
        return [error]
    return []


def _documents(
    path: str, text: str, problems: list[RuleError], most: int
) -> tuple[list[Document], bool]:
    """The documents that are mappings, and whether all are here; what is wrong with the others."""
    parsed, whole = _parsed(path, text, problems, most)
    told = Problems(problems)
    documents = []
    for document in parsed:
        if error := no_mapping(document, text):
            told.tell(error)
            whole = False
        else:
            documents.append(document)
    return documents, whole


def _parsed(
    path: str, text: str, problems: list[RuleError], most: int
) -> tuple[list[Document], bool]:
    """Slips of the keyboard are corrected in memory to see what else is there; what is no YAML at
    all costs its own document only."""
    slips: list[RuleError] = []
    for _ in range(rounds(text, most)):
        try:
            found = parse_documents(path, text, problems, MAX_NODES)
        except RuleError as error:
            better = corrected(text, error)
            if better is None or better == text:
                problems += slips
                return _piecewise(path, text, error, problems), False
            slips.append(error)
            text = better
        else:
            problems += slips
            return found, True
    problems += slips
    raise Enough


def _piecewise(path: str, text: str, error: RuleError, problems: list[RuleError]) -> list[Document]:
    """Each document by itself, at its own lines."""
    starts = [0, *(match.start() for match in _START.finditer(text) if match.start())]
    if len(starts) == 1 or error.code == "MJ019":
        problems.append(error)
        return []
    found: list[Document] = []
    told = Problems(problems)
    broken = False
    line = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        try:
            found += parse_documents(path, "\n" * line + text[start:end], problems, MAX_NODES)
        except RuleError as one:
            told.tell(one)
            broken = True
        line += text.count("\n", start, end)
    if not broken:
        problems.append(error)
    return found
