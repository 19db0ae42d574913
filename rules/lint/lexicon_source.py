"""One lexicon file read to the end: all that is wrong in it, and the list as far as it goes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rules.errors import RuleError
from rules.heads import flood_in
from rules.lexicon import Lexicon
from rules.lexicon_file import build, read_document
from rules.lint import quotes_said
from rules.lint.bounds import and_more, bounded, collected
from rules.lint.file_said import in_order
from rules.lint.ignores import without_ignored
from rules.lint.layout_said import of_text
from rules.lint.lexicons_said import of_lexicon
from rules.lint.together import unused_lexicon
from rules.problems import Problems
from rules.yaml_source import MAX_RULE, Document, read_text

_UNSEEN = ("\ue000\ue000",)  # a word that no text holds


class LexiconSource(NamedTuple):
    """A lexicon file. `lexicon` is a stand-in when the file is `broken`, so that rules can name it;
    `document` is None then."""

    path: str
    text: str
    lexicon: Lexicon
    document: Document | None
    problems: list[RuleError]

    @property
    def broken(self) -> bool:
        """Is there an error in it?"""
        return bool(self.problems)


def read_lexicon(file: Path, label: str, given: str | None = None) -> LexiconSource:
    """A lexicon file, called `label`, with what keeps it from loading; `given` is read in place of
    its text."""
    found: list[RuleError] = []
    stand_in = Lexicon(file.stem, words=_UNSEEN, values=_UNSEEN)
    text = collected(lambda _: read_text(file, label) if given is None else given, found) or ""

    def read(part: str, told: Problems) -> tuple[Lexicon, Document]:
        document = read_document(label, part, told)
        return build(document, file.stem, told), document

    if flood := flood_in(text, read):
        found += [*flood, and_more(flood)]
    loaded = None if found else collected(partial(read, text), found)
    lexicon, document = loaded or (stand_in, None)
    return LexiconSource(label, text, lexicon, document, found)


def of_lexicon_source(
    source: LexiconSource,
    used: set[str] | None,
    today: date | None,
    between: Iterable[RuleError] = (),
) -> list[RuleError]:
    """Errors, warnings and notes about a lexicon file, in order. `used`: names of the lists that
    the rules beside it name, None when that is not known. `between`: what is known of it from other
    files."""
    found = [*source.problems, *between]
    if source.document is not None and not source.problems:
        found += of_lexicon(source.document, today)
        found += quotes_said.of_document(source.document)
        if used is not None and source.lexicon.name not in used:
            found.append(unused_lexicon(source.document))
    if not source.broken or len(source.text) <= MAX_RULE:
        found += of_text(source.path, source.text)
    return bounded(in_order(without_ignored(source.path, source.text, found)))
