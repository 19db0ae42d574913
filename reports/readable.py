"""All records of a large pack as one page of HTML: no scripts, nothing fetched, for any browser."""

from __future__ import annotations

from markupsafe import Markup

from reports.case import Bundle, by_weight, moment
from reports.matches import Matches
from reports.pages import TEMPLATES, page
from reports.people import People
from reports.rows import Rows, hits_of
from reports.words import Words


def readable(bundle: Bundle, case: str) -> bytes:
    """The page, masked as the report is. `case` is the number people quote."""
    words = Words(bundle.request.language)
    people = People(bundle, words)
    rows = Rows(bundle, people, words, Matches(by_weight(bundle.findings), words))
    variables = {
        "t": words,
        "moment": moment,
        "language": words.language,
        "case": case,
        "css": Markup((TEMPLATES / "report.css").read_text("utf-8")),  # noqa: S704 - our own file
        "count": len(bundle.items),
        "conversations": rows.conversations(bundle.items, hits_of(bundle.alerts)),
        "deeds": rows.deeds(bundle.items),
    }
    return page("records.html.j2", variables).encode()
