"""Which keys come first and what stands in one line, by the place in the file."""

from __future__ import annotations

from enum import Enum

from rules.expectations import EXPECTATION_KEYS
from rules.layout_tree import Collection


class Style(Enum):
    """How a mapping or list is written."""

    AUTO = "in brackets or a line each, as written; brackets where they fit"
    BLOCK = "always several lines"
    LINES = "a line for each, or one in brackets"
    ONE_LINE = "one line, however long"


BLOCK, LINES, ONE_LINE = Style.BLOCK, Style.LINES, Style.ONE_LINE
Path = tuple[str, ...]
_Order = tuple[tuple[str, ...], tuple[str, ...]]  # keys that come first, keys that come last

_RULE: _Order = (
    (
        "title", "id", "name", "related", "taxonomy", "status", "license", "author", "date",
        "modified", "references", "tags", "description", "logsource", "scope", "detection",
        "correlation", "filter", "fields", "falsepositives", "level",
    ),
    ("mingjian",),
)  # fmt: skip
_OURS: _Order = (
    (
        "language", "version", "item", "response", "signal", "owner", "reason", "expires",
        "ticket", "legal", "summary", "runbook", "blind_spots", "requires", "scope", "timezone",
        "window", "gap", "until", "emit", "alerts", "missing_group", "absent", "first_seen",
        "within", "between", "baseline", "suppress", "intercept",
    ),
    ("tests",),
)  # fmt: skip
_CORRELATION: _Order = (("type", "rules", "aliases", "group-by", "timespan"), ("condition",))
_CASE: _Order = (("name", "lists", "messages", "arrival"), ("alerts", "never"))
_MESSAGE: _Order = (("at", "id", "seq", "event", "source", "from", "to", "room"), ("payload",))
_LEXICON: _Order = (
    (
        "name",
        "title",
        "owner",
        "expires",
        "scene",
        "words",
        "synonyms",
        "scenes",
        "allow",
        "values",
    ),
    (),
)
_WORD: _Order = (("word",), ())
_FEW = 4


def order_of(path: Path) -> _Order:
    """The order of the keys of the mapping at `path`; keys that are not named keep theirs, between
    the first and the last. The path begins with the kind of file, "rule" or "lexicon"."""
    match path:
        case ("lexicon",):
            return _LEXICON
        case ("lexicon", _, _):
            return _WORD
        case ("rule",):
            return _RULE
        case ("rule", "detection"):
            return ((), ("condition",))
        case ("rule", "filter"):
            return (("rules",), ("condition",))
        case ("rule", "correlation"):
            return _CORRELATION
        case ("rule", "mingjian"):
            return _OURS
        case ("rule", "mingjian", "tests", _):
            return _CASE
        case ("rule", "mingjian", "tests", _, "messages", _):
            return _MESSAGE
        case ("rule", "mingjian", "tests", _, "alerts" | "never", _):
            return (EXPECTATION_KEYS, ())
    return ((), ())


def style_of(path: Path, node: Collection) -> Style:
    """How the mapping or list at `path` is written."""
    match path:
        case ("rule", "mingjian"):  # of a base rule or a filter it is short
            return BLOCK if _holds_collections(node) or len(node.entries) > _FEW else Style.AUTO
        case ("rule", "detection" | "correlation" | "filter"):
            return BLOCK
        case ("rule", "mingjian", "tests") | ("rule", "mingjian", "tests", _):
            return BLOCK
        case ("rule", "mingjian", "tests", _, "messages" | "alerts" | "never"):
            return LINES
        case ("rule", "mingjian", "tests", _, "messages", _):
            return ONE_LINE
        case ("lexicon", "words", _):
            return ONE_LINE
    if path[-1:] and not node.mapping and _holds_collections(node):
        return LINES
    return Style.AUTO


def _holds_collections(node: Collection) -> bool:
    """Does it hold mappings, or lists of them?"""
    return any(
        isinstance(entry.value, Collection)
        and (entry.value.mapping or _holds_collections(entry.value))
        for entry in node.entries
    )
