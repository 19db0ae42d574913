"""The timeline drawing: one axis, a dot a record, below what stands on the right of a conversation,
above what stands on the left."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from reports.case import Item
from rules.message import Message
from rules.zone import SHANGHAI, SHANGHAI_AHEAD_MS

WIDTH, MIDDLE = 680.0, 42.0  # px of the drawing
DOT = 4.6  # radius of the largest dots
LABEL_HEIGHT = 9.5  # of the labels, which stand below all dots
_NEAREST, _APART, _LEVELS = 11.0, 8.0, 4  # dots of one moment, from the axis outwards
_LABELS = MIDDLE + _NEAREST + _APART * (_LEVELS - 1) + DOT + 2.0 + LABEL_HEIGHT
_HEIGHT = _LABELS + 4.0
_LEFT, _RIGHT = 32.0, 32.0  # half the width of a label, and a little
_HOUR, _DAY = 3600, 86_400
_STEPS = [60, 300, 600, 900, 1800, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY,
          7 * _DAY, 14 * _DAY, 30 * _DAY, 91 * _DAY, 365 * _DAY]  # fmt: skip
_MOST_TICKS = 9
_AHEAD_S = SHANGHAI_AHEAD_MS // 1000


def axis(items: Sequence[Item], right: Callable[[Message], bool]) -> dict[str, Any]:
    """Positions for the drawing: {"ticks": [{x, label}], "dots": [{x, y, kind}]}; {} if empty.

    Args:
        right: whether a message stands on the right of its conversation.
    """
    if not items:
        return {}
    first = min(item.message.time for item in items) / 1000
    last = max(item.message.time for item in items) / 1000
    span = max(last - first, 60.0)
    step = next((s for s in _STEPS if span / s <= _MOST_TICKS - 1), _STEPS[-1])
    start = (int(first) + _AHEAD_S) // step * step - _AHEAD_S
    end = start + step
    while end < last:
        end += step
    scale = (WIDTH - _LEFT - _RIGHT) / (end - start)
    ticks = [
        {
            "x": round(_LEFT + (at - start) * scale, 1),
            "label": _label(at, step, several=end - start >= _DAY),
        }
        for at in range(start, end + 1, step)
    ]
    dots: list[dict[str, Any]] = []
    levels: dict[tuple[int, str], int] = {}
    for item in sorted(items, key=lambda one: one.role == "member"):  # members drawn on top
        x = round(_LEFT + (item.message.time / 1000 - start) * scale, 1)
        side = "out" if right(item.message) else "in"
        if item.message.kind == "event":
            side = "deed"
        slot = (int(x // 9), side)
        level = levels[slot] = levels.get(slot, -1) + 1
        away = _NEAREST + _APART * min(level, _LEVELS - 1)
        y = MIDDLE if side == "deed" else MIDDLE - away if side == "in" else MIDDLE + away
        dots.append({"x": x, "y": round(y, 1), "kind": item.role, "side": side})
    return {"ticks": ticks, "dots": dots, "width": WIDTH, "middle": MIDDLE,
            "height": _HEIGHT, "labels": _LABELS}  # fmt: skip


def _label(at: int, step: int, *, several: bool) -> str:
    """A moment of the axis; where hours of several days are on it, with the day."""
    form = "%m-%d %H:%M" if several else "%H:%M"
    if step >= _DAY:
        form = "%m-%d" if step < 30 * _DAY else "%Y-%m"
    return dt.datetime.fromtimestamp(at, SHANGHAI).strftime(form)
