"""Ids that people give by their first digits: which are meant when it is not exactly one."""

from __future__ import annotations

from collections.abc import Sequence

from rules.errors import EXIT_USAGE, MingjianError

LISTED = 10  # ids that are named at most; find one more to say that there are others
_SIZES = (12, 16, 24, 32, 48)


def not_one(
    prefix: str,
    fitting: Sequence[str],
    *,
    one: str,
    many: str,
    zh: str,
    see: str,
) -> MingjianError:
    """The error for digits that none of these ids begins with, or more than one.

    Args:
        fitting: the ids that begin so; of very many `LISTED` and one more are enough.
        one, many, zh: what they are ids of, in English of one and of several, and in Chinese.
        see: the command that lists them.
    """
    given = prefix[:64]
    if not fitting:
        return MingjianError(
            f"no {one} begins with '{given}'",
            f"没有编号以“{given}”开头的{zh}",
            fix_en=f"`{see}` shows their ids",
            fix_zh=f"`{see}` 可查看编号",
            exit_code=EXIT_USAGE,
        )
    shown, more = distinct(fitting)[:LISTED], len(fitting) > LISTED
    return MingjianError(
        f"more than one {one} begins with '{given}'",
        f"以“{given}”开头的{zh}不止一条",
        fix_en=f"give more of the id; these {many} begin so: {', '.join(shown)}{', …' * more}",
        fix_zh=f"请多写几位编号；以此开头的有：{'、'.join(shown)}{'、…' * more}",
        exit_code=EXIT_USAGE,
    )


def distinct(ids: Sequence[str], least: int = _SIZES[0]) -> list[str]:
    """Ids cut to as many characters as tell them apart, `least` at least."""
    for size in _SIZES:
        if size >= least and len({one[:size] for one in ids}) == len(set(ids)):
            return [one[:size] for one in ids]
    return list(ids)
