"""What a `correlation` section may not say; the loaders add file and line."""

from __future__ import annotations

from rules.refused import Refused


class WrongCorrelation(Refused):
    """A part of a correlation that cannot be used; `at` is its key path in the section.

    `ours` is True when the path begins in the rule's `mingjian` section instead.
    """

    def __init__(
        self,
        at: tuple[str, ...],
        en: str,
        zh: str,
        *,
        fix_en: str = "",
        fix_zh: str = "",
        code: str = "",
        ours: bool = False,
        offset: int | None = None,
    ) -> None:
        super().__init__(en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code, offset=offset)
        self.at, self.ours = at, ours

    def place(self) -> tuple[str, ...]:
        """The key path in the rule document."""
        return ("mingjian" if self.ours else "correlation", *self.at)
