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


class Unusual(Exception):
    """A document that `plain_value` leaves to others."""


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

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """See yaml.resolver.Resolver; without the paths that nobody names."""
        if kind is not yaml.ScalarNode:
            return _TAG_OF[kind]
        if implicit[0]:
            for tag, fits in _BY_FIRST.get(value[:1], ()):
                if fits(value):
                    return tag
        return _STR


_STR = str(Resolver.DEFAULT_SCALAR_TAG)
_TAG_OF: dict[type[yaml.Node], str] = {
    yaml.SequenceNode: str(Resolver.DEFAULT_SEQUENCE_TAG),
    yaml.MappingNode: str(Resolver.DEFAULT_MAPPING_TAG),
}
# first character of a value without quotation marks -> tags it may have
_BY_FIRST: dict[str, list[tuple[str, Callable[[str], Any]]]] = {
    first: [(str(tag), form.match) for tag, form in found]
    for first, found in Resolver.yaml_implicit_resolvers.items()
}


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


_CONSTRUCTOR = SafeConstructor()
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:bool": _CONSTRUCTOR.construct_yaml_bool,
    "tag:yaml.org,2002:int": _CONSTRUCTOR.construct_yaml_int,
    "tag:yaml.org,2002:float": _CONSTRUCTOR.construct_yaml_float,
    "tag:yaml.org,2002:timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
}


def plain_value(node: yaml.Node, longest: int) -> Any:
    """The same as `value`, in a quarter of the time, of what rules are nearly always made of: keys
    that are texts, each once, and texts, numbers and dates of at most `longest` characters.

    Raises:
        Unusual: it is made of something else, or of what cannot be read.
    """
    if type(node) is yaml.ScalarNode:
        if node.tag == _STR:
            return node.value
        made = _PLAIN.get(node.tag)
        if made is None or len(node.value) > longest:
            raise Unusual
        try:
            return made(node)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise Unusual from None
    if node.tag != _TAG_OF.get(type(node)):
        raise Unusual
    if type(node) is yaml.SequenceNode:
        return [plain_value(one, longest) for one in node.value]
    found: dict[str, Any] = {}
    for key, item in node.value:
        if type(key) is not yaml.ScalarNode or key.tag != _STR:
            raise Unusual
        found[key.value] = plain_value(item, longest)
    if len(found) < len(node.value):
        raise Unusual
    return found
