"""A ruleset is immutable and named by its digest; a timeline says which one holds at a time."""

from __future__ import annotations

import bisect
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from rules.alert import sm3_hex
from rules.beside import BESIDE, CALENDAR, CATALOG, LEXICONS, LISTS, Beside, beside
from rules.calendar import OfficeCalendar, load_calendar
from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.feeds import missing_feeds
from rules.file_bonds import levels_of, no_shared_ids, with_state_versions
from rules.filters import apply_filters
from rules.loader import load_file
from rules.model import CorrelationRule, DetectionRule, RuleFile
from rules.named import Named
from rules.nearest import nearest
from rules.packs import chosen, load_packs, pick
from rules.reference import Reference
from rules.refused import UnknownName
from rules.rule_references import no_such_rule, place_of
from rules.yaml_files import ENDINGS

__all__ = (
    "BESIDE", "CALENDAR", "CATALOG", "LEXICONS", "LISTS", "Beside", "RuleSet", "RuleTimeline",
    "assemble", "beside", "load_ruleset", "rule_files",
)  # fmt: skip


@dataclass(frozen=True)
class RuleSet:
    """All rules in force at one time. `digest` is over every rule and lexicon file."""

    digest: str
    files: tuple[RuleFile, ...]
    detections: Mapping[str, DetectionRule]
    correlations: Mapping[str, CorrelationRule]
    readers: Mapping[str, tuple[tuple[CorrelationRule, int], ...]]
    # rule name -> correlations that read it, with the place in their `rules`
    reference: Reference = field(default_factory=Reference)
    calendar: OfficeCalendar | None = None  # the company's own; None: the shipped one
    levels: Mapping[str, int] = field(default_factory=dict)  # of correlations: `rules.chains`

    @property
    def depth(self) -> int:
        """How many keyed stages its correlations need."""
        return max(self.levels.values(), default=1)

    def text_of(self, name: str) -> str:
        """The text of the file that holds the rule `name`; "" when there is none."""
        return next((f.text for f in self.files if name in f.names()), "")

    def file_of(self, name: str) -> RuleFile | None:
        """The file that holds the rule `name`."""
        return next((f for f in self.files if name in f.names()), None)

    def awake(self, connected: Iterable[str] = ()) -> RuleSet:
        """The same without what waits for a feed (`mingjian.requires`): a rule about something
        that did not happen would find that it never happens. `connected`: feeds of the company's,
        besides those that are shipped so."""
        own = tuple(connected)
        waiting = {
            name
            for file in self.files
            if missing_feeds(file.requires, own)
            for name in file.names()
        }
        correlations = {k: rule for k, rule in self.correlations.items() if k not in waiting}
        for name in sorted(correlations, key=lambda one: self.levels.get(one, 1)):
            sources = correlations[name].how.sources()
            if any(one in self.correlations and one not in correlations for one in sources):
                del correlations[name]  # it reads one that sleeps
        read = {name for rule in correlations.values() for name in rule.how.sources()}
        detections = {k: v for k, v in self.detections.items() if k not in waiting or k in read}
        readers = {
            k: tuple((rule, step) for rule, step in v if rule.ref.name in correlations)
            for k, v in self.readers.items()
            if k in detections or k in correlations
        }
        return replace(self, detections=detections, correlations=correlations, readers=readers)


Others = Sequence[tuple[str, bytes]]  # names and bytes of what rule files refer to
Read = Callable[[list[RuleFile], Named, Others, str], object]


def load_ruleset(
    path: Path | str = "",
    where: Beside | None = None,
    packs: Sequence[str] = (),
    read: Read | None = None,
) -> RuleSet:
    """Rules of a directory and its folders (the shipped catalogue by default); with `packs` only
    the rules of the packs of these names.

    Lexicons, lists and the calendar are those of `where`: by default in folders of the directory,
    else the shipped ones.

    Args:
        read: is given the files, what they name, the bytes of that, and the digest, once all is
            right.

    Raises:
        MingjianError: no such directory, or no rule in it.
        RuleError: the first broken rule.
    """
    folder = Path(path) if path else CATALOG
    if not folder.is_dir():
        raise MingjianError(
            f"no rule directory {folder}", f"没有规则目录 {folder}", exit_code=EXIT_USAGE
        )
    where = where or beside(folder)
    named = where.named()
    paths = rule_files(folder)
    if not paths:
        raise MingjianError(
            f"no rule (*.yml, *.yaml) in {folder}",
            f"目录 {folder} 里没有规则（*.yml、*.yaml）",
            exit_code=EXIT_USAGE,
        )
    files = [load_file(file, named, root=folder) for file in paths]
    if packs:
        files = _of_packs(files, where, packs)
    others = [(file.name, file.read_bytes()) for file in where.files()]
    digest = digest_of(files, others)
    calendar = None if where.calendar == CALENDAR else load_calendar(where.calendar)
    found = assemble(files, digest, named.reference, calendar)
    if read is not None:
        read(files, named, others, digest)
    return found


class Text(Protocol):
    """A file with its path below the folder."""

    @property
    def path(self) -> str:
        """As it is named in errors."""

    @property
    def text(self) -> str:
        """All of it."""


def digest_of(files: Iterable[Text], others: Others) -> str:
    """What a ruleset is called: made of its rule files, and of the names and bytes of the
    `others` that these refer to (`Beside.files`)."""
    return sm3_hex(
        *(part for file in files for part in (file.path, file.text)),
        *(part for one in others for part in one),
    )


def _of_packs(files: list[RuleFile], where: Beside, names: Sequence[str]) -> list[RuleFile]:
    try:
        return chosen(files, pick(load_packs(where.packs), names))
    except UnknownName as error:
        near = nearest(error.name, error.known) or error.known[0]
        raise MingjianError(
            error.en,
            error.zh,
            fix_en=f"there are: {', '.join(error.known)}; did you mean '{near}'?",
            fix_zh=f"现有：{'、'.join(error.known)}；是不是“{near}”？",
            exit_code=EXIT_USAGE,
        ) from None


def rule_files(folder: Path) -> list[Path]:
    """The rule files of a directory and of the folders in it, sorted; `BESIDE` and what begins
    with a dot are left out."""
    found: list[tuple[tuple[str, ...], Path]] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(folder.joinpath(*parts)) as entries:
            for one in entries:
                if one.name[0] == "." or (not parts and one.name in BESIDE):
                    continue
                if one.is_dir(follow_symlinks=False):
                    waiting.append((*parts, one.name))
                # a pipe of that name would be waited for
                elif one.name.lower().endswith(ENDINGS) and one.is_file():
                    found.append(((*parts, one.name), folder.joinpath(*parts, one.name)))
    return [path for _, path in sorted(found)]


def assemble(
    files: Iterable[RuleFile],
    digest: str,
    reference: Reference | None = None,
    calendar: OfficeCalendar | None = None,
) -> RuleSet:
    """Join files into a ruleset and resolve what correlations refer to.

    Raises:
        RuleError: two rules of one name, or a reference to a rule that is not there.
    """
    kept = tuple(files)
    detections: dict[str, DetectionRule] = {}
    correlations: dict[str, CorrelationRule] = {}
    for file in kept:
        for name in sorted(file.names()):
            if name in detections or name in correlations:
                raise RuleError(
                    f"the name '{name}' is taken",
                    f"名称“{name}”已被使用",
                    path=file.path,
                    code="MJ112",
                )
        detections.update({rule.ref.name: rule for rule in file.detections})
        correlations.update({rule.ref.name: rule for rule in file.correlations})
    kept = tuple(with_state_versions(kept))
    correlations = {rule.ref.name: rule for file in kept for rule in file.correlations}
    no_shared_ids(kept)
    readers: dict[str, list[tuple[CorrelationRule, int]]] = {}
    for file in kept:
        for rule in file.correlations:
            for step, name in enumerate(rule.how.sources()):
                if name not in detections and name not in correlations:
                    raise no_such_rule(
                        *place_of(file, rule, step), name, [*detections, *correlations]
                    )
                readers.setdefault(name, []).append((rule, step))
    return RuleSet(
        digest,
        kept,
        apply_filters(kept),
        correlations,
        {k: tuple(v) for k, v in readers.items()},
        reference or Reference(),
        calendar,
        levels_of(kept, correlations),
    )


class InForce(NamedTuple):
    """A ruleset, and the event times (ms) from and before which it holds."""

    start: int
    end: int
    ruleset: RuleSet


class Timeline(Protocol):
    """Which ruleset judges a message of a given event time: fixed (`RuleTimeline`), or one that
    learns of published sets while a job runs."""

    @property
    def rulesets(self) -> tuple[RuleSet, ...]:
        """Those that are wanted now and later."""

    def only(self) -> RuleSet | None:
        """The one that holds for all times; None when there are several."""

    def span(self, time: int) -> InForce:
        """The one in force at event time `time` (ms); the first one for anything earlier."""

    def of(self, digest: str, time: int) -> RuleSet:
        """The one of that digest; where it is gone, because state outlives rulesets, that of
        event time `time` (ms), as a replay would have it."""

    def reads(self, name: str) -> bool:
        """Whether a correlation of any of them reads the rule of that name."""


class RuleTimeline:
    """A `Timeline` of rulesets that are all known.

    Every operator asks its own copy, so a replay, a restart or a slow subtask answers alike.
    """

    def __init__(self, entries: Iterable[tuple[int, RuleSet]]) -> None:
        ordered = sorted(entries, key=lambda entry: entry[0])
        if not ordered:
            message = "a timeline needs at least one ruleset"
            raise ValueError(message)
        self._starts = [start for start, _ in ordered]
        self._rulesets = tuple(ruleset for _, ruleset in ordered)
        self._by_digest = {ruleset.digest: ruleset for ruleset in reversed(self._rulesets)}
        self._read = frozenset(name for one in self._rulesets for name in one.readers)

    @property
    def rulesets(self) -> tuple[RuleSet, ...]:
        """All of them, in order."""
        return self._rulesets

    @property
    def depth(self) -> int:
        """How many keyed stages the correlations of all rulesets need."""
        return max(one.depth for one in self._rulesets)

    def each(self, change: Callable[[RuleSet], RuleSet]) -> RuleTimeline:
        """Every ruleset changed, each in force from when it was."""
        return RuleTimeline(zip(self._starts, map(change, self._rulesets), strict=True))

    def only(self) -> RuleSet | None:
        """See `Timeline`."""
        return self._rulesets[0] if len(self._rulesets) == 1 else None

    def span(self, time: int) -> InForce:
        """See `Timeline`."""
        return span_of(self._starts, self._rulesets, time)

    def at(self, time: int) -> RuleSet:
        """The ruleset in force at event time `time` (ms); the first one for anything earlier."""
        return self.span(time).ruleset

    def of(self, digest: str, time: int) -> RuleSet:
        """See `Timeline`."""
        return self._by_digest.get(digest) or self.at(time)

    def reads(self, name: str) -> bool:
        """See `Timeline`."""
        return name in self._read

    @classmethod
    def load(
        cls,
        path: str = "",
        registry: str = "",
        packs: Sequence[str] = (),
        feeds: Sequence[str] = (),
    ) -> RuleTimeline:
        """The rules of `path` (of these packs, when named) from the beginning, then each published
        set of the registry (`rules.published`), all read at once. Without the rules that wait
        for a feed which is not among the shipped ones nor among `feeds`."""
        from rules.published import published  # noqa: PLC0415 - it loads rulesets

        kept = published(Path(registry)) if registry else []
        sets = [(one.start, one.load(feeds)) for one in kept]
        return cls([(0, load_ruleset(path, packs=packs).awake(feeds)), *sets])


EARLIEST, FOREVER = -(2**62), 2**62


def span_of(starts: Sequence[int], rulesets: Sequence[RuleSet], time: int) -> InForce:
    """Which of the rulesets, each in force from its start on, holds at `time`."""
    at = max(0, bisect.bisect_right(starts, time) - 1)
    end = starts[at + 1] if at + 1 < len(starts) else FOREVER
    return InForce(starts[at] if at else EARLIEST, end, rulesets[at])
