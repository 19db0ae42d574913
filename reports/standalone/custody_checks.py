"""Whether the custody chain of a pack is whole; if not, which of its lines is the damaged one."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from reports.standalone.words import Check, counted
from sinks.ledger.canonical import canonical
from sinks.ledger.sm3 import sm3

_CHAIN = "custody chain"
_NO_LINK_BEFORE = "0" * 64
_NO_LINK = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)


class _Link(NamedTuple):
    """What a line says its number is and what the SM3 of the line before it; its own SM3."""

    number: Any
    before: Any
    sm3: str


def custody_check(lines: list[bytes], stated: Any, as_listed: Collection[str]) -> Check:
    """The check of the chain.

    Args:
        lines: of custody.jsonl.
        stated: what the inner manifest says of its end; None: it cannot be read.
        as_listed: which of custody.jsonl and inner-manifest.json are as the outer manifest lists
            them, so that one can be told from the other where they differ.
    """
    found = [_link(line) for line in lines]
    end = stated.get("head_sm3") if isinstance(stated, dict) else None
    before = _NO_LINK_BEFORE
    for number, one in enumerate(found, 1):
        if one is None:
            return _broken(f"line {number} is damaged", f"第 {number} 行已损坏")
        following = found[number] if number < len(found) else None
        if one.number != number:
            if following is not None and following.number == number + 1:
                return _altered_line(number)
            return _broken(
                f"broken at line {number}: one was removed or moved there",
                f"在第 {number} 行断开：此处有行被删除或调换",
            )
        if one.before != before:
            if number == 1:
                return _altered_line(1)
            # the line behind it, or the stated end, bears witness to it: then the one before is it
            witness = following.before if following is not None else end
            if following is None and number < len(found):
                witness = None
            if witness is None:
                return _broken(f"line {number - 1} or line {number} was altered",
                               f"第 {number - 1} 行或第 {number} 行被改动")  # fmt: skip
            return _altered_line(number - 1 if witness == one.sm3 else number)
        before = one.sm3
    count = len(lines)
    if lines and stated == {"lines": count, "head_sm3": before}:
        return Check(_CHAIN, True, f"{counted(count, 'line')}, unbroken", f"{count} 行，次序完整")
    return _chain_end(count, stated, as_listed)


def _link(raw: bytes) -> _Link | None:
    """None for what is no line of such a chain."""
    try:
        entry = json.loads(raw)
        if canonical(entry) != raw:
            return None
        return _Link(entry["n"], entry["prev"], sm3(raw))
    except _NO_LINK:
        return None


def _chain_end(count: int, stated: Any, as_listed: Collection[str]) -> Check:
    """The lines are bound to each other, and the end is another than the inner manifest states."""
    en, zh = "its end is not the one stated", "末端与内层清单所载不一致"
    told = stated.get("lines") if isinstance(stated, dict) else None
    if type(told) is int and told != count:
        en += f": there are {counted(count, 'line')}, not {told}"
        zh += f"：现有 {count} 行，应为 {told} 行"
    elif count and "custody.jsonl" in as_listed and "inner-manifest.json" not in as_listed:
        en += ": inner-manifest.json was altered, the lines were not"
        zh += "：被改动的是 inner-manifest.json，各行未改动"
    elif count and "custody.jsonl" not in as_listed and "inner-manifest.json" in as_listed:
        en += f": line {count}, the last, was altered"
        zh += f"：末行（第 {count} 行）被改动"
    elif count:
        en += f": line {count}, the last, or inner-manifest.json was altered"
        zh += f"：末行（第 {count} 行）或 inner-manifest.json 被改动"
    return _broken(en, zh)


def _altered_line(number: int) -> Check:
    return _broken(f"line {number} was altered", f"第 {number} 行被改动")


def _broken(en: str, zh: str) -> Check:
    return Check(_CHAIN, False, en, zh)
