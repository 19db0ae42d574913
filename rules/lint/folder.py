"""`check` over files: each by itself, then all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from rules.calendar import OfficeCalendar, load_calendar
from rules.errors import RuleError
from rules.lint.baseline import unraised
from rules.lint.file_said import Surroundings, in_order, of_source
from rules.lint.lexicon_source import LexiconSource, called, of_lexicon_source, read_lexicon
from rules.lint.source import Source, read
from rules.lint.together import lexicons_named, missing_names, of_files
from rules.loader import read_rule_text
from rules.named import Named
from rules.reference import Reference, RefList
from rules.reference_file import list_files, load_list


class Request(NamedTuple):
    """What to check.

    `files` below `root`; `others` are looked at only as far as `files` name them; `words` is the
    directory of lexicons, and `own` says that it belongs to these rules, so that it is checked too
    and every list of it should be used. `baseline`: the rules as they were published.
    """

    root: Path
    files: Sequence[Path]
    words: Path
    lists: Path
    others: Sequence[Path] = ()
    own: bool = False
    calendar: Path | None = None
    baseline: Sequence[Path] = ()
    baseline_root: Path = Path()
    today: date | None = None


def check(request: Request) -> list[RuleError]:
    """Everything found, in order; `rules.lint.registry.severity` says how grave each is."""
    lexicons = [_lexicon(file, request) for file in sorted(request.words.glob("*.y*ml"))]
    found: list[RuleError] = []
    named = _named(lexicons, request, found)
    sources = _sources(request.files, request.root, named, found)
    others = []
    if missing_names(sources):
        others = _sources(request.others, request.root, named, [])
    everything = [*sources, *others]
    bases = {
        rule.ref.name: rule
        for source in everything
        if source.loaded
        for rule in source.loaded.detections
    }
    around = Surroundings(named, _calendar(request, found), bases, request.today)
    between: dict[str, list[RuleError]] = {}
    for problem in of_files(everything, whole=not request.others):
        between.setdefault(problem.path, []).append(problem)
    if request.baseline:
        before = _sources(request.baseline, request.baseline_root, named, [])
        for problem in unraised(sources, before):
            between.setdefault(problem.path, []).append(problem)
    for source in sources:
        found += of_source(source, around, between.get(source.path, ()))
    if request.own:
        used = lexicons_named(everything)
        inside = request.words.is_relative_to(request.root)  # else other rules may use them too
        complete = (
            inside
            and len(sources) == len(request.files)
            and all(one.whole and not one.mended for one in sources)
        )
        for lexicon in lexicons:
            found += of_lexicon_source(lexicon, used if complete else None, request.today)
    else:  # lists of somebody else: only what keeps the rules from loading
        found += [problem for lexicon in lexicons for problem in lexicon.problems]
    return in_order(found)


def check_text(request: Request, path: str) -> Callable[[str], list[RuleError]]:
    """What is wrong with any text of the file `path` (below the root) by itself: for `--fix`."""
    file = request.root / path
    if file.parent == request.words:
        return lambda text: of_lexicon_source(read_lexicon(file, path, text), None, request.today)
    lexicons = [_lexicon(one, request) for one in sorted(request.words.glob("*.y*ml"))]
    named = _named(lexicons, request, [])
    around = Surroundings(named, load_calendar(), {}, request.today)
    before = _sources(request.baseline, request.baseline_root, named, [])

    def problems_of(text: str) -> list[RuleError]:
        source = read(path, text, named)
        return of_source(source, around, list(unraised([source], before)))

    return problems_of


def _named(lexicons: Sequence[LexiconSource], request: Request, found: list[RuleError]) -> Named:
    """Lexicons and lists; a broken list is there without values, so that rules can name it."""
    lists: dict[str, RefList] = {}
    for file in list_files(request.lists):
        try:
            lists[file.stem] = load_list(file)
        except RuleError as error:
            lists[file.stem] = RefList(file.stem, "text")
            found.append(called(error, _label(file, request)))
    return Named({one.lexicon.name: one.lexicon for one in lexicons}, Reference(lists))


def _calendar(request: Request, found: list[RuleError]) -> OfficeCalendar:
    if request.calendar is not None:
        try:
            return load_calendar(request.calendar)
        except RuleError as error:
            found.append(called(error, _label(request.calendar, request)))
    return load_calendar()


def _label(file: Path, request: Request) -> str:
    inside = file.is_relative_to(request.root)
    return str(file.relative_to(request.root)) if inside else str(file)


def _lexicon(file: Path, request: Request) -> LexiconSource:
    if file.is_relative_to(request.root):
        return read_lexicon(file, str(file.relative_to(request.root)))
    return read_lexicon(file, f"{request.words.name}/{file.name}" if request.own else str(file))


def _sources(
    files: Iterable[Path], root: Path, named: Named, unreadable: list[RuleError]
) -> list[Source]:
    found = []
    for file in files:
        label = str(file.relative_to(root))
        try:
            found.append(read(label, read_rule_text(file, label), named))
        except RuleError as error:
            unreadable.append(error)
    return found
