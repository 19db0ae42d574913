"""The beginning of a large file, looked at first: who wrote one thing wrong in a hundred thousand
lines did so in the first lines too, and need not wait until all are read.
"""

from __future__ import annotations

from collections.abc import Callable

from rules.errors import RuleError
from rules.problems import MAX_TOLD, Enough, Problems
from rules.yaml_source import MAX_RULE

_HEAD = 20_000  # characters
_KIND = "\nkind:"
# what may stand behind the beginning: keys that have to be there, values that make a list not empty
_OF_WHOLE = ("MJ401", "MJ402", "MJ406", "MJ714", "MJ715", "MJ719", "MJ721")


def flood_in(text: str, read: Callable[[str, Problems], object]) -> list[RuleError]:
    """The errors that `read` meets in whole lines at the beginning of a large text, when they are
    so many that nobody asks for more; else none."""
    head = text[: text.rfind("\n", 0, _HEAD) + 1] if len(text) > MAX_RULE else ""
    found: list[RuleError] = []
    if head and (_KIND in head or _KIND not in text):  # it says what the values have to be
        try:
            read(head, Problems(found))
        except RuleError as error:  # what is half a line may be no YAML
            found.append(error)
        except Enough:
            pass
    if found and found[0].code == "MJ401" and found[0].line > 1:
        return [found[0]]  # a second document
    last = head.count("\n")  # this line may be only a part of what it means
    certain = [one for one in found if one.code not in _OF_WHOLE and one.line < last]
    return certain if len(certain) >= MAX_TOLD - len(_OF_WHOLE) else []
