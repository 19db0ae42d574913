"""Which part of a broken `detection` or `filter` section is broken by itself."""

from __future__ import annotations

from typing import Any

from rules.named import Named
from rules.refused import Refused, UnknownName
from rules.sigma_parse import parse_detection

Path = tuple[str, ...]
_MOST = 200  # values of a list that are looked at one by one


def culprit(
    where: str, section: dict[str, Any], named: Named, beside: tuple[str, ...] = ()
) -> Path:
    """Key path of the first such part: a value of a list, a key of a selection, or the condition.

    Args:
        where: the key of the section in its document.
        beside: keys of the section that are no selections.
    """
    for name, selection in section.items():
        if name not in ("condition", *beside) and _broken(selection, named):
            return (where, str(name), *_inside(selection, named))
    return (where, "condition")


def _inside(selection: Any, named: Named) -> Path:
    if isinstance(selection, dict):
        for key, value in selection.items():
            if _broken({key: value}, named):
                return (str(key), *_of_list(key, value, named))
    elif isinstance(selection, list):
        for index, part in enumerate(selection):
            if _broken(part, named):
                return (str(index), *_inside(part, named))
    return ()


def _of_list(key: Any, value: Any, named: Named) -> Path:
    """The first value that is broken; () when each of them is, so that the key is."""
    if not isinstance(value, list):
        return ()
    wrong, right = -1, len(value) == 1
    for index, one in enumerate(value[:_MOST]):
        if not _broken({key: one}, named):
            right = True
        elif wrong < 0:
            wrong = index
        if right and wrong >= 0:
            return (str(wrong),)
    return ()


def _broken(selection: Any, named: Named) -> bool:
    try:
        parse_detection({"it": selection, "condition": "it"}, named)
    except (Refused, UnknownName):
        return True
    return False
