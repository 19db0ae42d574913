"""YAML text -> nodes with marks, without aliases.

libyaml reads a rule file some eight times as fast as PyYAML's own parser. What libyaml does not
take, PyYAML reads again, for its sentences are those that `rules.yaml_hints` explains.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver


class _WithoutAliases:
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


_Quick: Any = None
if yaml.__with_libyaml__:  # else PyYAML was built without it
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _Libyaml(_WithoutAliases, Composer, CParser, Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    _Quick = _Libyaml


def nodes(text: str) -> list[yaml.Node]:
    """The documents of a text.

    Raises:
        yaml.YAMLError: it is no YAML.
        RecursionError: it is nested too deeply.
    """
    if _Quick is not None:
        try:
            return _composed(_Quick(text))
        except (yaml.YAMLError, UnicodeError):
            pass
    return _composed(_Plain(text))


def spans(text: str) -> list[yaml.Node]:
    """The documents, with exact places where nodes end; [] if it is no YAML."""
    try:
        return _composed(_Plain(text))
    except (yaml.YAMLError, RecursionError):
        return []


def _composed(loader: Any) -> list[yaml.Node]:
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
