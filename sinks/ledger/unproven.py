"""What a proof says when it does not hold. Standard library only: it travels in packs."""

from __future__ import annotations


class Unproven(ValueError):
    """Something that was to prove itself does not.

    Args:
        code: what it is, for programs; the same in every version.
        en, zh: the same for people, without a full stop.
    """

    def __init__(self, code: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.code, self.en, self.zh = code, en, zh
