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
    """Lexicons and lists of one ruleset.

    `broken`: names whose file is there and cannot be used. A rule that names one cannot be judged;
    for who only looks for errors in rules (`lexicons` or `reference` has a stand-in), it may be
    anything.
    """

    lexicons: Mapping[str, Lexicon]
    reference: Reference = field(default_factory=Reference)
    broken: frozenset[str] = frozenset()

    def lexicon(self, name: str) -> Lexicon:
        """The lexicon. Raises UnknownName, or Refused if its file is broken."""
        if name not in self.lexicons:
            self.refuse_broken(name)
            raise UnknownName("lexicon", name, sorted(self.lexicons))
        return self.lexicons[name]

    def kinds(self) -> dict[str, str]:
        """Names and kinds of the reference lists; broken ones are of the kind that is asked for."""
        lists = self.reference.lists.items()
        return {name: "period" if name in self.broken else one.kind for name, one in lists}

    def has_scene(self, lexicon: Lexicon, scene: str) -> bool:
        """Does the lexicon make a difference for this scene?"""
        return scene in lexicon.scenes or lexicon.name in self.broken

    def list_name(self, name: str) -> str:
        """The name, when there is such a reference list. Raises UnknownName, or Refused if its
        file is broken."""
        if name not in self.reference.lists:
            self.refuse_broken(name)
            raise UnknownName("list", name, sorted(self.reference.lists))
        return name

    def known_values(self, name: str) -> tuple[frozenset[str], str]:
        """What `except NAME` leaves out: values of a lexicon, or the name of a reference list.

        Raises:
            UnknownName: neither is called so.
            Refused: a lexicon without values, or a broken file.
        """
        if name in self.reference.lists:
            return frozenset(), name
        if name not in self.lexicons:
            self.refuse_broken(name)
            raise UnknownName("lexicon", name, sorted({*self.lexicons, *self.reference.lists}))
        return frozenset(_reference_values(self.lexicons[name])), ""

    def refuse_broken(self, name: str) -> None:
        """Raises Refused if the file of that name is broken."""
        if name in self.broken:
            raise Refused(
                f"the file of '{name}' is broken",
                f"“{name}”的文件有错误",
                fix_en="put it right first",
                fix_zh="请先改正那个文件",
                code="MJ215",
            )

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
