"""The names of all disguises that a hit may carry, as docs/text.md lists them."""

from __future__ import annotations

from rules import fold, variants_lattice
from rules.items import SPLIT

VARIANT_NAMES = tuple(sorted({*fold.VARIANTS, *variants_lattice.NAMES, "chinese_digit", SPLIT}))
