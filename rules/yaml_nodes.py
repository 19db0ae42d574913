"""YAML text -> nodes with marks, without aliases, within bounds of depth and number.

libyaml reads, and composes the nodes itself: it is some ten times as fast as PyYAML's own parser.
Next to nothing is read twice, so that what is broken is told as quickly as what is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

# what libyaml says of texts that PyYAML takes, and how many characters PyYAML reads to see whether
_STRICTER = ("found a tab character where an indentation space is expected", "found unexpected ':'")
_SHORT = 20_000
MAX_DEPTH = 100  # of lists and mappings in each other; a rule that ships has 10


class TooDeep(Exception):
    """Nested deeper than `MAX_DEPTH`; `mark` is where."""

    def __init__(self, mark: yaml.Mark | None) -> None:
        super().__init__("nested too deeply")
        self.mark = mark


class TooMany(Exception):
    """More nodes than asked for."""


class _WithinBounds:
    """Counts nodes and their depth: PyYAML calls these two for each, for a use that nobody has."""

    def bound(self, most: int) -> None:
        """At most so many nodes; 0 is any number."""
        self._most, self._nodes, self._depth = most, 0, 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        """See yaml.resolver.Resolver."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooDeep(parent.start_mark if parent else None)
        self._nodes += 1
        if self._nodes > self._most > 0:
            raise TooMany

    def ascend_resolver(self) -> None:
        """See yaml.resolver.Resolver."""
        self._depth -= 1


class _WithoutAliases(_WithinBounds):
    """A few lines of aliases can stand for gigabytes, or for themselves."""

    def compose_node(self: Any, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """See yaml.composer.Composer."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                problem="aliases (*name) are not supported",
                problem_mark=self.peek_event().start_mark,
            )
        found: yaml.Node | None = super().compose_node(parent, index)  # type: ignore[misc]
        return found


class _Plain(_WithoutAliases, yaml.SafeLoader):
    pass


_Quick: Callable[[str], Any] = _Plain
_Careful: Callable[[str], Any] = _Plain
if yaml.__with_libyaml__:  # else PyYAML was built without it
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _Libyaml(_WithinBounds, CParser, Resolver):
        """Takes aliases: only for texts that hold none."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Resolver.__init__(self)

    class _LibyamlCareful(_WithoutAliases, Composer, CParser, Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    _Quick, _Careful = _Libyaml, _LibyamlCareful


def nodes(text: str, most: int = 0) -> list[yaml.Node]:
    """The documents of a text, of at most so many nodes (0: any number).

    Raises:
        yaml.YAMLError: it is no YAML.
        TooDeep, TooMany: it is out of bounds.
    """
    try:
        return _composed(_Careful if "*" in text and "&" in text else _Quick, text, most)
    except yaml.MarkedYAMLError as error:
        if not is_strict(text, error):
            raise
    return _composed(_Plain, text, most)


def is_strict(text: str, error: yaml.YAMLError) -> bool:
    """Is it an error that PyYAML does not make, in a text that is short enough to ask it?"""
    return getattr(error, "problem", "") in _STRICTER and len(text) <= _SHORT


def scan(text: str) -> None:
    """Looks for what is no YAML, without a word about what is: in a tenth of the time.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    if yaml.__with_libyaml__:
        loader = _Quick(text)
        try:
            loader.raw_parse()
        finally:
            loader.dispose()


def spans(text: str) -> list[yaml.Node]:
    """The documents, with exact places where nodes end; [] if it is no YAML."""
    try:
        return nodes(text)
    except (yaml.YAMLError, TooDeep):
        return []


def _composed(reader: Callable[[str], Any], text: str, most: int = 0) -> list[yaml.Node]:
    loader = reader(text)
    loader.bound(most)
    found = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                found.append(node)
    finally:
        loader.dispose()
    return found


def value(node: yaml.Node) -> Any:
    """What a node stands for, safely constructed."""
    return SafeConstructor().construct_document(node)
