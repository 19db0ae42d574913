"""Whether what was taken out of records is stars alone, and is what was committed to where it is
opened."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from reports.standalone.words import Check, Damaged, why
from sinks.ledger.sm3 import sm3

REDACTIONS = "redactions.json"
_HOLES, _OPENED = "redactions", "openings"
_BAD = (KeyError, TypeError, ValueError, AttributeError, RecursionError, IndexError)
_STARS = re.compile("(?:\\*|·|＊|𐄂|\\\\u002a|\\\\ud800\\\\udd02)+".encode())
_SM3_HEX = re.compile("[0-9a-f]{64}")


def redaction_checks(
    files: dict[str, bytes], events: list[dict[str, Any]], openings: bytes = b""
) -> list[Check]:
    """Every check of redactions; none where nothing was taken out.

    Args:
        events: rows of events.jsonl.
        openings: what was taken out, as `mingjian report open` gives it; b"": it is not at hand.
    """
    rows = {row["n"]: row for row in events if row.get("redacted")}
    if not rows and REDACTIONS not in files:
        if openings:
            en, zh = "nothing was taken out of this pack", "本包没有遮盖任何内容"
            return [Check(_OPENED, False, en, zh)]
        return []
    try:
        holes = _holes(json.loads(files[REDACTIONS]), rows)
    except _BAD as error:
        en, zh = why(error)
        if REDACTIONS not in files:
            en, zh = f"{REDACTIONS} is missing", f"缺少 {REDACTIONS}"
        return [Check(_HOLES, False, en, zh)]
    count = f"{len(holes):,}"
    checks = [
        Check(
            _HOLES,
            True,
            f"{count} places in {len(rows)} records are taken out, each committed to",
            f"{len(rows)} 条记录中遮盖 {count} 处，均有承诺值",
        )
    ]
    if openings:
        return [*checks, _opened(holes, rows, openings, sm3(files.get("manifest.json", b"")))]
    en = "the digests of these records can be checked when they are opened (--openings)"
    return [*checks, Check(_OPENED, None, en, "这些记录的摘要须在披露后核对（--openings）")]


def _holes(told: dict[str, Any], rows: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The holes, which lie in redacted records, in order, apart, and filled with stars."""
    ends = dict.fromkeys(rows, 0)
    if told["v"] != 1:
        raise Damaged("it is of another version", "版本不同")
    holes: list[dict[str, Any]] = told["holes"]
    for hole in holes:
        number, at, length = hole["n"], hole["at"], hole["length"]
        if number not in rows:
            raise Damaged(f"record {number} is not a redacted one", f"第 {number} 条并无遮盖")
        if type(at) is not int or type(length) is not int or at < ends[number] or length < 1:
            raise Damaged(f"record {number}: its places are not in order",
                          f"第 {number} 条：遮盖位置次序有误")  # fmt: skip
        filled = base64.b64decode(rows[number]["raw"])[at : at + length]
        if len(filled) != length or not _STARS.fullmatch(filled):
            raise Damaged(f"record {number}: what was taken out is not stars alone",
                          f"第 {number} 条：遮盖处并非全为星号")  # fmt: skip
        if not _SM3_HEX.fullmatch(hole["commitment"]):
            raise Damaged(f"record {number}: a commitment is no digest",
                          f"第 {number} 条：承诺值不是摘要")  # fmt: skip
        ends[number] = at + length
    empty = [number for number, end in ends.items() if not end]
    if empty:
        raise Damaged(f"record {empty[0]} is said to be redacted and has no place",
                      f"第 {empty[0]} 条标为已遮盖，却没有遮盖位置")  # fmt: skip
    return holes


def _opened(
    holes: list[dict[str, Any]], rows: dict[int, dict[str, Any]], openings: bytes, manifest: str
) -> Check:
    """Each opening fits its commitment, and records opened whole have their digest again."""
    try:
        told = json.loads(openings)
        if told["v"] != 1 or told["manifest_sm3"] != manifest:
            raise Damaged("it is of another pack", "不是本包的披露文件")
        raws = {number: bytearray(base64.b64decode(row["raw"])) for number, row in rows.items()}
        left = {number: sum(hole["n"] == number for hole in holes) for number in rows}
        seen = set()
        for one in told["openings"]:
            hole, salt = holes[one["hole"]], bytes.fromhex(one["salt"])
            value, number = base64.b64decode(one["value"], validate=True), hole["n"]
            if one["hole"] in seen or sm3(salt + value) != (hole["commitment"]):
                raise Damaged(f"record {number}: what is shown is not what was committed to",
                              f"第 {number} 条：披露内容与承诺值不符")  # fmt: skip
            seen.add(one["hole"])
            raws[number][hole["at"] : hole["at"] + hole["length"]] = value
            left[number] -= 1
        whole = [number for number, more in left.items() if not more]
        for number in whole:
            row, raw = rows[number], bytes(raws[number])
            found = len(raw), sm3(raw), hashlib.sha256(raw).hexdigest()
            if found != (row["size"], row["sm3"], row["sha256"]):
                raise Damaged(f"record {number}: opened whole, it is not what its digest names",
                              f"第 {number} 条：全部披露后与其摘要不符")  # fmt: skip
    except _BAD as error:
        return Check(_OPENED, False, *why(error))
    return Check(
        _OPENED,
        True,
        f"{len(seen)} of {len(holes)} places fit; {len(whole)} records are whole and have their"
        " digests",
        f"{len(holes)} 处中披露 {len(seen)} 处，均相符；{len(whole)} 条记录已完整，摘要一致",
    )
