"""Charts of a report as SVG with real text, which the PDF keeps sharp and searchable."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rules.alert import sm3_raw

_INK, _GRID, _FONT = "#38445a", "#dde2e9", "Noto Sans CJK SC"
LEVEL_COLOURS = {"0": "#aab4c2", "1": "#48617f", "2": "#c25b0a", "3": "#a3211b"}
_WIDTH, _DAYS_HEIGHT, _ROW_HEIGHT = 6.75, 2.1, 0.24  # inches
_FEW_LABELS = 16
_SHORTHAND = re.compile(r"font: (?:(\d+) )?([\d.]+)px ([^;]*)")


def per_day(
    title: str, days: Sequence[str], series: Mapping[str, Sequence[int]], labels: Mapping[str, str]
) -> str:
    """Stacked bars, one for each day.

    Args:
        title: what the chart shows, for who cannot see it.
        days: "2026-11-01", in order.
        series: level -> count on each day; the first is drawn lowest.
        labels: level -> name.
    """
    figure, axes = _drawing(_DAYS_HEIGHT)
    below = [0] * len(days)
    for level, counts in series.items():
        axes.bar(range(len(days)), counts, bottom=below, width=0.72, color=LEVEL_COLOURS[level],
                 label=labels[level])  # fmt: skip
        below = [one + more for one, more in zip(below, counts, strict=True)]
    step = 1 if len(days) <= _FEW_LABELS else 2
    places = list(range(0, len(days), step))
    axes.set_xticks(places, [str(int(days[at][8:])) for at in places])
    axes.set_xlim(-0.6, len(days) - 0.4)
    _counts(axes.yaxis, max(below, default=0))
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.22), ncols=len(series), frameon=False,
                handlelength=1, handleheight=1, fontsize=7.5)  # fmt: skip
    return _svg(figure, title)


def ranking(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """Bars that lie, the first on top, each with its name and its number.

    Args:
        title: what the chart shows, for who cannot see it.
        rows: (name, count).
    """
    figure, axes = _drawing(max(1, len(rows)) * _ROW_HEIGHT + 0.15)
    places = list(range(len(rows)))
    axes.barh(places, [count for _, count in rows], height=0.6, color=LEVEL_COLOURS["1"])
    axes.set_yticks(places, [name for name, _ in rows])
    axes.invert_yaxis()
    axes.xaxis.set_visible(False)
    most = max((count for _, count in rows), default=1) or 1
    axes.set_xlim(0, most * 1.1)
    for at, (_, count) in enumerate(rows):
        axes.text(count + most * 0.012, at, f"{count:,}", va="center", fontsize=7.5, color=_INK)
    axes.spines["bottom"].set_visible(False)
    return _svg(figure, title)


def _drawing(height: float) -> tuple[Any, Any]:
    # Imported here: it needs a moment to load, and only reports with charts use it.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a font it cannot measure is no news
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["font.family"] = [_FONT, "sans-serif"]
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#9aa6b8")
    axes.tick_params(length=0, labelsize=7.5, labelcolor=_INK)
    axes.set_axisbelow(True)
    return figure, axes


def _counts(axis: Any, most: int) -> None:
    """Marks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axis.set_major_locator(MaxNLocator(nbins=min(5, max(1, most)), integer=True))


def _svg(figure: Any, title: str) -> str:
    """The drawing; equal drawings give equal text."""
    import matplotlib as mpl  # noqa: PLC0415

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": sm3_raw(title.encode())}):
        figure.savefig(buffer, format="svg", transparent=True,
                       metadata={"Date": None, "Creator": None})  # fmt: skip
    text = buffer.getvalue()
    head, _, rest = text[text.index("<svg") :].partition(">")
    return f"{head}><title>{escape(title)}</title>{_SHORTHAND.sub(_long_font, rest)}"


def _long_font(found: re.Match[str]) -> str:
    """The font of a text by its parts: the shorthand is not understood by what draws the PDF."""
    weight, size, _ = found.groups()
    told = f"font-size: {size}px; font-family: {_FONT}"
    return f"font-weight: {weight}; {told}" if weight else told
