"""The custody chain: who did what with the evidence, each line bound to the one before."""

from __future__ import annotations

from typing import Any

from rules.alert import sm3_raw
from sinks.archive.custody import GENESIS, chained


class Custody:
    """Builds custody.jsonl.

    Every line is canonical JSON with its number `n` and `prev`, the SM3 of the line before it
    (64 zeros for the first), so that removing, moving or altering a line shows.
    """

    def __init__(self, at: int, who: str, tool: str) -> None:
        self._fixed = {"at": at, "who": who, "tool": tool}
        self.lines: list[bytes] = []

    def add(self, action: str, why: str, **details: Any) -> None:
        """Append one deed; `why` is the ticket or reason given."""
        previous = sm3_raw(self.lines[-1]) if self.lines else GENESIS
        fields = {**self._fixed, "action": action, "why": why, "details": details}
        self.lines.append(chained(len(self.lines) + 1, previous, fields))


def head(lines: tuple[bytes, ...]) -> dict[str, Any]:
    """What the inner manifest says of the chain, so that its end cannot be cut off."""
    return {"lines": len(lines), "head_sm3": sm3_raw(lines[-1]) if lines else GENESIS}
