"""`check` over files: each by itself, then all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rules.calendar import OfficeCalendar, load_calendar, read_calendar
from rules.errors import RuleError
from rules.lint import scenes_said
from rules.lint.baseline import unraised
from rules.lint.bounds import collected
from rules.lint.file_said import Surroundings, in_order, of_source
from rules.lint.lexicon_source import LexiconSource, of_lexicon_source, read_lexicon
from rules.lint.list_source import read_list
from rules.lint.lists_said import of_list
from rules.lint.source import Source, read
from rules.lint.together import lexicons_named, missing_names, of_files
from rules.loader import read_rule_text
from rules.named import Named
from rules.packs import PACKS, read_pack
from rules.reference import Reference, RefList
from rules.reference_file import list_files
from rules.ruleset import Beside
from rules.yaml_files import yaml_files

MAX_MENDED = 200  # errors of one file that `--fix` looks behind


class Request(NamedTuple):
    """What to check.

    `files` below `root`; `others` are looked at only as far as `files` name them; `where` are the
    folders of lexicons and lists, and `own` says that they belong to these rules, so that they are
    checked too and every lexicon should be used. `baseline`: the rules as they were published.
    """

    root: Path
    files: Sequence[Path]
    where: Beside
    others: Sequence[Path] = ()
    own: bool = False
    baseline: Sequence[Path] = ()
    baseline_root: Path = Path()
    today: date | None = None


def check(request: Request) -> list[RuleError]:
    """Everything found, in order; `rules.lint.registry.severity` says how grave each is."""
    words = request.where.lexicons
    lexicons = [_lexicon(file, request) for file in yaml_files(words)]
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
    found += _packs(request)
    for file, one in _own_lists(request, named):
        words_of = [source.lexicon for source in lexicons]
        found += scenes_said.of_list(one, file, _label(file, request), words_of, everything)
    if request.own:
        used = lexicons_named(everything)
        inside = words.is_relative_to(request.root)  # else other rules may use them too
        complete = (
            inside
            and len(sources) == len(request.files)
            and all(one.whole and not one.mended for one in sources)
        )
        for lexicon in lexicons:
            scenes: list[RuleError] = []
            if lexicon.document is not None:
                beside = [one.lexicon for one in lexicons if one is not lexicon]
                scenes += scenes_said.of_scenes(
                    lexicon.document, beside, named.reference, everything
                )
            found += of_lexicon_source(lexicon, used if complete else None, request.today, scenes)
    else:  # lists of somebody else: only what keeps the rules from loading
        found += [problem for lexicon in lexicons for problem in lexicon.problems]
    return in_order(found)


def check_texts(request: Request) -> Callable[[str, str], list[RuleError]]:
    """What is wrong with any text of a file (path below the root, text) by itself: for `--fix`."""
    words = request.where.lexicons
    lexicons = [_lexicon(one, request) for one in yaml_files(words)]
    named = _named(lexicons, request, [])
    around = Surroundings(named, _calendar(request, []), {}, request.today)
    before = _sources(request.baseline, request.baseline_root, named, [])

    def problems_of(path: str, text: str) -> list[RuleError]:
        file = request.root / path
        if file.parent == words:
            return of_lexicon_source(read_lexicon(file, path, text), None, request.today)
        source = read(path, text, named, MAX_MENDED)
        return of_source(source, around, list(unraised([source], before)))

    return problems_of


def _named(lexicons: Sequence[LexiconSource], request: Request, found: list[RuleError]) -> Named:
    """Lexicons and lists; for a broken one there is a stand-in, so that rules can name it."""
    lists: dict[str, RefList] = {}
    broken = {one.lexicon.name for one in lexicons if one.broken}
    for file in list_files(request.where.lists):
        label = _label(file, request)
        read = read_list(file, label)
        one = lists[file.stem] = read.reference
        found += read.problems
        if read.problems:
            broken.add(file.stem)
        elif _is_own(file, request):
            found += of_list(one, file, label, request.today)
    named = {one.lexicon.name: one.lexicon for one in lexicons}
    return Named(named, Reference(lists), frozenset(broken))


def _is_own(file: Path, request: Request) -> bool:
    """Is this list one of those to check?"""
    return request.own or (file.is_relative_to(request.root) and not request.others)


def _own_lists(request: Request, named: Named) -> Iterator[tuple[Path, RefList]]:
    """Lists of employees to check, of those that can be read."""
    for file in list_files(request.where.lists):
        one = named.reference.lists.get(file.stem)
        if one and one.kind == "staff" and one.entries and _is_own(file, request):
            yield file, one


def _calendar(request: Request, found: list[RuleError]) -> OfficeCalendar:
    file = request.where.calendar
    label = _label(file, request)
    calendar = collected(lambda told: read_calendar(file, label, told), found)
    return calendar or load_calendar()


def _packs(request: Request) -> Iterator[RuleError]:
    """What keeps packs from loading; those that ship are tested with the product."""
    folder = request.where.packs
    for file in () if folder == PACKS else yaml_files(folder):
        problems: list[RuleError] = []
        collected(partial(read_pack, file, _label(file, request)), problems)
        yield from problems


def _label(file: Path, request: Request) -> str:
    inside = file.is_relative_to(request.root)
    return str(file.relative_to(request.root)) if inside else str(file)


def _lexicon(file: Path, request: Request) -> LexiconSource:
    if file.is_relative_to(request.root):
        return read_lexicon(file, str(file.relative_to(request.root)))
    return read_lexicon(
        file, f"{request.where.lexicons.name}/{file.name}" if request.own else str(file)
    )


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
