"""All that `check` says of one rule file that can be read, in part at least."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from rules.calendar import OfficeCalendar
from rules.errors import RuleError
from rules.lint import (
    cases_said,
    citations_said,
    conditions_said,
    correlations_said,
    filters_said,
    ignores,
    layout_said,
    metadata_said,
    numbers_said,
    patterns_said,
    quotes_said,
    scenes_said,
    scope_said,
    words_said,
)
from rules.lint.bounds import bounded
from rules.lint.registry import severity
from rules.lint.source import Source
from rules.model import DetectionRule
from rules.sigma_parse import Named
from rules.yaml_source import Document


class Surroundings(NamedTuple):
    """What the rules of a file are looked at with."""

    named: Named
    calendar: OfficeCalendar
    bases: Mapping[str, DetectionRule]  # detection rules of all files, by name
    today: date | None = None


def of_source(
    source: Source, around: Surroundings, between: Iterable[RuleError] = ()
) -> list[RuleError]:
    """Errors, warnings and notes about one file, without those its author ignores, in order.

    `between`: what is known of it from other files.

    A stand-in is not looked at: what is told of it is told already.
    """
    found = [*source.problems, *between]
    for document in source.documents:
        said = _of_document(source, around, document)
        found += [one for one in said if not source.is_mended(document, one.at)]
        found += quotes_said.of_document(document)  # of what is written, whatever stands in for it
    layout = list(layout_said.of_text(source.path, source.text))
    unseen = {one.line for one in layout if one.code == "MJ023"}
    # a key with such a character is unknown because of it
    found = [one for one in found if one.line not in unseen or severity(one) != "error"] + layout
    return bounded(in_order(ignores.without_ignored(source.path, source.text, found)))


def _of_document(source: Source, around: Surroundings, document: Document) -> Iterator[RuleError]:
    yield from numbers_said.of_document(document)
    if "filter" in document.value:
        if not source.is_mended_below(document, ()):
            yield from filters_said.of_filter(document, around.today)
        return
    yield from metadata_said.of_document(document, around.today)
    if not source.is_mended_below(document, ("mingjian", "legal")):
        yield from citations_said.of_document(document)
    if not source.is_mended_below(document, ("mingjian", "scope")):
        yield from scope_said.of_scope(document, around.named.reference)
    if not source.is_mended_below(document, ("mingjian", "tests")):
        yield from cases_said.of_document(
            document, source.loaded, around.calendar, around.named.reference
        )
        yield from scenes_said.of_cases(document, around.named)
    if "detection" in document.value:
        yield from conditions_said.of_detection(document, around.named)
        yield from scope_said.of_attributes(document, around.named.reference)
        yield from words_said.of_detection(document)
        yield from patterns_said.of_detection(document)
        yield from numbers_said.of_detection(document)
    else:
        yield from correlations_said.of_correlation(document, around.bases, source.documents)


def in_order(problems: list[RuleError]) -> list[RuleError]:
    """By place, each told once."""
    found = {(one.path, one.line, one.column, one.code, one.said_en): one for one in problems}
    return [found[key] for key in sorted(found)]
