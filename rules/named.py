"""What rules may refer to by name: lexicons and reference lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules.fold import fold
from rules.lexicon import Lexicon
from rules.reference import NORMAL, Reference
from rules.refused import Refused, UnknownName


@dataclass(frozen=True)
class Named:
    """Lexicons and lists of one ruleset."""

    lexicons: Mapping[str, Lexicon]
    reference: Reference = field(default_factory=Reference)

    def lexicon(self, name: str) -> Lexicon:
        """The lexicon. Raises UnknownName."""
        if name not in self.lexicons:
            raise UnknownName("lexicon", name, sorted(self.lexicons))
        return self.lexicons[name]

    def kinds(self) -> dict[str, str]:
        """Names and kinds of the reference lists."""
        return {name: one.kind for name, one in self.reference.lists.items()}

    def list_name(self, name: str) -> str:
        """The name, when there is such a reference list. Raises UnknownName."""
        if name not in self.reference.lists:
            raise UnknownName("list", name, sorted(self.reference.lists))
        return name

    def known_values(self, name: str) -> tuple[frozenset[str], str]:
        """What `except NAME` leaves out: values of a lexicon, or the name of a reference list.

        Raises:
            UnknownName: neither is called so.
            Refused: a lexicon without values.
        """
        if name in self.reference.lists:
            return frozenset(), name
        if name not in self.lexicons:
            raise UnknownName("lexicon", name, sorted({*self.lexicons, *self.reference.lists}))
        return frozenset(_reference_values(self.lexicons[name])), ""

    def placeholders(self) -> dict[str, list[str]]:
        """Values of `%name%` (Sigma's expand): those of the reference list."""
        lists = self.reference.lists.items()
        return {name: list(one.values) for name, one in lists if one.kind in NORMAL}


def _reference_values(lexicon: Lexicon) -> Iterator[str]:
    """As detectors report values: folded, without the separators people write."""
    if not lexicon.values:
        raise Refused(
            f"the lexicon '{lexicon.name}' has no values to except",
            f"词库“{lexicon.name}”里没有可供排除的值（values）",
            code="MJ231",
        )
    for value in lexicon.values:
        folded = fold(value).text
        yield folded
        yield folded.replace(" ", "").replace("-", "")
