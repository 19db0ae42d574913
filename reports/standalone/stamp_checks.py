"""Whether time stamps of authorities prove that the ledger was there."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

from reports.standalone.contents import too_long
from reports.standalone.words import Check, Damaged, why
from sinks.ledger.checkpoint import Checkpoint, Note, read_note
from sinks.ledger.proofs import extends
from sinks.ledger.sm3 import sm3
from sinks.ledger.stamp_chain import NOT_HERE
from sinks.ledger.stamp_check import IN_FUTURE, MAX_ROOTS_BYTES, Proven, check_stamp
from sinks.ledger.unproven import Unproven

STAMPS = "timestamps.json"
MOST_STAMPS = 100  # of one pack: a stamp of each authority for its newest heads
MAX_STAMP = 1 << 16  # bytes of a query or an answer; these have some 100, and some 5,000
_STAMP = "time stamp"
_Parts = tuple[Checkpoint, bytes, bytes, bytes]  # head, query, response, roots
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def stamp_checks(files: dict[str, bytes], note: Note) -> list[Check]:
    """A check for each time stamp; none when the pack has none.

    Args:
        note: the ledger's head in the pack, which is signed as it should be.
    """
    if STAMPS not in files:
        return []
    try:
        told = json.loads(files[STAMPS])
        rows = list(told["stamps"])
        if told["v"] != 1 or not rows:
            raise Damaged("it is of another version, or empty", "版本不同，或为空")
        if len(rows) > MOST_STAMPS:  # each is given to openssl
            raise Damaged(
                f"it has more than {MOST_STAMPS} time stamps", f"时间戳超过 {MOST_STAMPS} 个"
            )
    except _BROKEN as error:
        en, zh = why(error)
        return [Check(_STAMP, False, f"{STAMPS} is damaged: {en}", f"{STAMPS} 已损坏：{zh}")]
    known: dict[_Parts, Proven | Unproven] = {}  # openssl is asked once, however many rows ask it
    return [_one(files, row, note, known) for row in rows]


def _one(
    files: dict[str, bytes], row: Any, note: Note, known: dict[_Parts, Proven | Unproven]
) -> Check:
    try:
        name = f"{_STAMP} ({row['authority']})"
    except _BROKEN:
        name = _STAMP
    try:
        head = read_note(row["head"].encode()).checkpoint
        now, path = note.checkpoint, [bytes.fromhex(one) for one in row["path"]]
        if head.origin != now.origin or not extends(head.size, head.root, now.size, now.root, path):
            raise Damaged("it is of a head that this ledger does not go on from",
                          "所盖的签名头不是本账本的前身")  # fmt: skip
        parts = (head, _part(files, row["query"]), _part(files, row["response"]),
                 _part(files, row["roots"], MAX_ROOTS_BYTES))  # fmt: skip
        if parts not in known:
            known[parts] = _proven(parts)
        proven = known[parts]
    except _BROKEN as error:
        en, zh = why(error)
        return Check(name, False, en, zh)
    if isinstance(proven, Unproven):
        missing = proven.code in NOT_HERE
        return Check(name, None if missing else False, proven.en, proven.zh)
    return Check(name, *_said(head, proven))


def _part(files: dict[str, bytes], name: str, most: int = MAX_STAMP) -> bytes:
    if len(files[name]) > most:
        en, zh = too_long(most)
        raise Damaged(f"{name} is {en}", f"{name} {zh}")
    return files[name]


def _proven(parts: _Parts) -> Proven | Unproven:
    head, query, response, roots = parts
    now = int(time.time() * 1000)
    try:
        return check_stamp(head.text(), query, response, roots, signed_at=head.at, now=now)
    except Unproven as error:
        return error


def _said(head: Checkpoint, proven: Proven) -> tuple[bool, str, str]:
    moment = datetime.fromtimestamp(proven.at / 1000, timezone.utc)  # noqa: UP017 - Python 3.9
    at = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    root, holds = sm3(proven.root)[:16], IN_FUTURE not in [one.code for one in proven.remarks]
    if holds:
        en = (f"{head.size} entries were there at {at}, says {proven.authority}; whether you trust"
              f" it, compare its root certificate (SM3 begins {root})")  # fmt: skip
        zh = (f"{proven.authority} 证明 {head.size} 条在 {at} 已经存在；是否信任该机构，"
              f"请核对其根证书（SM3 开头 {root}）")  # fmt: skip
    else:
        en = f"{proven.authority} says {at}, which nobody can know unless the clock here is wrong"
        zh = f"{proven.authority} 所载时间为 {at}，除非本机时钟有误，否则不可能"
    en = "; ".join((en, *(one.en for one in proven.remarks)))
    return holds, en, "；".join((zh, *(one.zh for one in proven.remarks)))
