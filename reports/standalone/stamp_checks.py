"""Whether time stamps of authorities prove that the ledger was there."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

from reports.standalone.words import Check, Damaged, why
from sinks.ledger.certificates import pem_certificates
from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.proofs import extends
from sinks.ledger.sm3 import sm3
from sinks.ledger.stamp_check import check_stamp
from sinks.ledger.unproven import Unproven

STAMPS = "timestamps.json"
MOST_STAMPS = 100  # of one pack: a stamp of each authority for its newest heads
_STAMP = "time stamp"
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
    return [_one(files, row, note) for row in rows]


def _one(files: dict[str, bytes], row: Any, note: Note) -> Check:
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
        query, response, roots = (files[row[key]] for key in ("query", "response", "roots"))
        proven = check_stamp(
            head.text(), query, response, roots, signed_at=head.at, now=int(time.time() * 1000)
        )
    except Unproven as error:
        missing = error.code == "no_openssl"
        return Check(name, None if missing else False, error.en, error.zh)
    except _BROKEN as error:
        en, zh = why(error)
        return Check(name, False, en, zh)
    moment = datetime.fromtimestamp(proven.at / 1000, timezone.utc)  # noqa: UP017 - Python 3.9
    at = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    trusted = ", ".join(sm3(one)[:16] for one in pem_certificates(roots))
    return Check(
        name,
        True,
        f"{head.size} entries were there at {at}, says {proven.authority}; whether you trust it,"
        f" compare its root certificate (SM3 begins {trusted})",
        f"{proven.authority} 证明 {head.size} 条在 {at} 已经存在；是否信任该机构，"
        f"请核对其根证书（SM3 开头 {trusted}）",
    )
