"""The timeline drawing: one axis, a dot a record, above who wrote in, below who wrote out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from reports.case import Item
from rules.zone import SHANGHAI, SHANGHAI_AHEAD_MS

WIDTH, MIDDLE = 680.0, 46.0  # px of the drawing
_LEFT, _RIGHT = 20.0, 20.0
_HOUR, _DAY = 3600, 86_400
_STEPS = [60, 300, 600, 900, 1800, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY,
          7 * _DAY, 14 * _DAY, 30 * _DAY, 91 * _DAY, 365 * _DAY]  # fmt: skip
_MOST_TICKS = 9
_AHEAD_S = SHANGHAI_AHEAD_MS // 1000


def axis(items: Sequence[Item]) -> dict[str, Any]:
    """Positions for the drawing: {"ticks": [{x, label}], "dots": [{x, y, kind}]}; {} if empty."""
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
    form = "%H:%M" if step < _DAY else "%m-%d" if step < 30 * _DAY else "%Y-%m"
    ticks = [
        {
            "x": round(_LEFT + (at - start) * scale, 1),
            "label": dt.datetime.fromtimestamp(at, SHANGHAI).strftime(form),
        }
        for at in range(start, end + 1, step)
    ]
    dots: list[dict[str, Any]] = []
    levels: dict[tuple[int, str], int] = {}
    for item in sorted(items, key=lambda one: one.role == "member"):  # members drawn on top
        x = round(_LEFT + (item.message.time / 1000 - start) * scale, 1)
        if item.message.kind == "event":
            side = "deed"
        else:
            side = "in" if item.message.sender_kind in ("customer", "bot") else "out"
        slot = (int(x // 9), side)
        level = levels[slot] = levels.get(slot, -1) + 1
        away = 11.0 + 8.0 * min(level, 3)
        y = MIDDLE if side == "deed" else MIDDLE - away if side == "in" else MIDDLE + away
        dots.append({"x": x, "y": round(y, 1), "kind": item.role, "side": side})
    return {"ticks": ticks, "dots": dots, "width": WIDTH, "middle": MIDDLE}
