"""A span of the past, as the commands that judge it again are given it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from config.settings import Settings
from jobs.cli.alert_list import milliseconds, when
from jobs.cli.app import say
from jobs.reconcile import Span
from rules.errors import EXIT_USAGE, MingjianError
from rules.spans import parse_span

# what is so recent may be on its way through the job and the deliverer
SETTLES_MS = 120_000

FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="从何时起（北京时间），如 2026-11-20T09:00"
        " · from (Beijing time), e.g. 2026-11-20T09:00",
    ),
]
ToOption = Annotated[str, typer.Option("--to", help="到何时止（含） · until, inclusive")]
RulesetOption = Annotated[
    str,
    typer.Option(
        "--ruleset",
        metavar="DIGEST",
        help="用这一规则集判定（摘要或其开头），而不是当时的"
        " · judge by this ruleset (its digest, or the beginning of it), not by that of then",
    ),
]
LookbackOption = Annotated[
    str,
    typer.Option(
        "--lookback",
        metavar="TIME",
        help="起点之前多读多久，供更早开始的窗口使用"
        " · how much before it is read, for windows that began earlier",
    ),
]
MarginOption = Annotated[
    str,
    typer.Option(
        "--margin",
        metavar="TIME",
        help="消息最多晚到多久仍能找到 · how late a message may have come and still be found",
    ),
]


def span_of(settings: Settings, begin: str, end: str, lookback: str, margin: str) -> Span:
    """The span that is asked for.

    Raises:
        MingjianError: it has no beginning or ends before it, or is not over.
    """
    newest = int(time.time() * 1000) - SETTLES_MS - settings.flink.allowed_lateness_ms
    first, last = milliseconds(begin), milliseconds(end, end=True)
    if last > newest:
        raise _wrong(
            f"--to is {when(last)}: what is so recent may still be on its way",
            f"--to 为 {when(last)}：太近，内容可能尚在途中",
            f"ask for what is before {when(newest)}, or leave --to out",
            f"请指定 {when(newest)} 之前的时间，或省略 --to",
        )
    if first > (last or newest):
        raise _wrong(
            f"the span ends before it begins: --from is {when(first)}",
            f"时间段的终点早于起点：--from 为 {when(first)}",
            "put --from before --to",
            "请让 --from 早于 --to",
        )
    return Span(first, last or newest, _length("--lookback", lookback), _length("--margin", margin))


def last_span(settings: Settings, length: str, lookback: str, margin: str) -> Span:
    """The newest span of that length that is settled."""
    whole = span_of(settings, "", "", lookback, margin)
    return whole._replace(begin=whole.end - _length("--last", length))


def _length(option: str, text: str) -> int:
    length = parse_span(text, "d")
    if length is None:
        raise _wrong(
            f"{option}: '{text}' is not a length of time",
            f"{option}：“{text}”不是时长",
            "write 90m, 49h or 7d",
            "请写 90m、49h 或 7d",
        )
    return length


def _wrong(en: str, zh: str, fix_en: str, fix_zh: str) -> MingjianError:
    return MingjianError(en, zh, fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE)


def shown(span: Span) -> str:
    """The span for a person."""
    return f"{when(span.begin)} – {when(span.end)}" + say(" (Beijing time)", "（北京时间）")
