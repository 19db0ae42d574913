"""Whether what was taken out of records is fillers alone, and is what was committed to where it is
opened."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from typing import Any, NamedTuple

from reports.standalone.words import OPENINGS, Check, Damaged, counted, why
from sinks.ledger.sm3 import sm3

REDACTIONS = "redactions.json"
FORM = 2  # of redactions.json and of openings
_HOLES = "redactions"
_BAD = (KeyError, TypeError, ValueError, AttributeError, RecursionError, IndexError,
        OverflowError)  # fmt: skip
# A thousand at a time: without a bound, matching keeps something of each star
_STARS = re.compile("(?:\\*|·|＊|𐄂|\\\\\\\\u002a|\\\\u002a|\\\\ud800\\\\udd02){1,1000}".encode())
_SM3_HEX = re.compile("[0-9a-f]{64}")
_SALT, _HOLE, _RECORD = 32, b"mingjian hole 2\n", b"mingjian record 2\n"


def hole_commitment(salt: bytes, number: int, at: int, value: bytes) -> str:
    """The commitment to what was taken out of a record: SM3 over a tag, the salt (32 bytes), the
    record's number in the pack, the place and the length (8 bytes each, big endian), the bytes."""
    if len(salt) != _SALT:
        raise ValueError("a salt has 32 bytes")
    place = b"".join(one.to_bytes(8, "big") for one in (number, at, len(value)))
    return sm3(_HOLE + salt + place + value)


def record_commitment(salt: bytes, number: int, sm3_hex: str, sha256_hex: str) -> str:
    """The commitment to the digests of a record as it stood: SM3 over a tag, the salt, the record's
    number (8 bytes), its SM3 and its SHA-256."""
    if len(salt) != _SALT:
        raise ValueError("a salt has 32 bytes")
    digests = bytes.fromhex(sm3_hex) + bytes.fromhex(sha256_hex)
    return sm3(_RECORD + salt + number.to_bytes(8, "big") + digests)


class Opened(NamedTuple):
    """What openings that fit come to: the proofs of the ledger that come with them, the SM3 in hex
    of each record that they make whole, by its number, and what shows that the ledger goes on from
    an earlier head (None: nothing does)."""

    proofs: list[dict[str, Any]]
    digests: dict[int, str]
    extends: Any = None


UNOPENED = Opened([], {})


def redaction_checks(
    files: dict[str, bytes], events: list[dict[str, Any]], openings: bytes = b""
) -> tuple[list[Check], Opened]:
    """Every check of redactions, none where nothing was taken out; and what was opened.

    Args:
        events: rows of events.jsonl.
        openings: what was taken out, as `mingjian report open` gives it; b"": it is not at hand.
    """
    rows = {row["n"]: row for row in events if row.get("redacted")}
    if not rows and REDACTIONS not in files:
        if openings:
            en, zh = "nothing was taken out of this pack", "本包没有遮盖任何内容"
            return [Check(OPENINGS, False, en, zh)], UNOPENED
        return [], UNOPENED
    try:
        raws = {number: base64.b64decode(row["raw"]) for number, row in rows.items()}
        holes = _holes(json.loads(files[REDACTIONS]), raws)
    except _BAD as error:
        en, zh = why(error)
        if REDACTIONS not in files:
            en, zh = f"{REDACTIONS} is missing", f"缺少 {REDACTIONS}"
        return [Check(_HOLES, False, en, zh)], UNOPENED
    count = len(holes)
    places, among = counted(count, "place"), counted(len(rows), "record")
    checks = [
        Check(
            _HOLES,
            True,
            f"{places} in {among} {'is' if count == 1 else 'are'} taken out, each committed to",
            f"{len(rows)} 条记录中遮盖 {count:,} 处，均有承诺值",
        )
    ]
    if openings:
        manifest = sm3(files.get("manifest.json", b""))
        check, opened = _opened(holes, rows, raws, openings, manifest)
        return [*checks, check], opened
    some = ", ".join(f"#{number}" for number in sorted(rows)[:20])
    en = f"what these records were is the signer's word until they are opened (--openings): {some}"
    zh = f"下列记录的原貌在披露前仅由签名者陈述（--openings）：{some}"
    return [*checks, Check(OPENINGS, None, en, zh)], UNOPENED


def _holes(told: dict[str, Any], raws: dict[int, bytes]) -> list[dict[str, Any]]:
    """The holes, which lie in redacted records, in order, apart, and filled."""
    ends = dict.fromkeys(raws, 0)
    if told["v"] != FORM:
        raise Damaged("it is of another version", "版本不同")
    holes: list[dict[str, Any]] = told["holes"]
    for hole in holes:
        number, at, length = hole["n"], hole["at"], hole["length"]
        if type(number) is not int or number not in raws:
            raise Damaged(f"record {number} is not a redacted one", f"第 {number} 条并无遮盖")
        if type(at) is not int or type(length) is not int or at < ends[number] or length < 1:
            raise Damaged(f"record {number}: its places are not in order",
                          f"第 {number} 条：遮盖位置次序有误")  # fmt: skip
        filled = raws[number][at : at + length]
        if len(filled) != length or not _is_filler(filled):
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


def _is_filler(filled: bytes) -> bool:
    """Whether it is stars alone, in the ways a star is written, or nines alone."""
    place = 0
    while place < len(filled) and (stars := _STARS.match(filled, place)):
        place = stars.end()
    return bool(filled) and (place == len(filled) or not filled.strip(b"9"))


def _opened(
    holes: list[dict[str, Any]],
    rows: dict[int, dict[str, Any]],
    raws: dict[int, bytes],
    openings: bytes,
    manifest: str,
) -> tuple[Check, Opened]:
    """Each opening fits its commitment, and records opened whole have the digests committed to."""
    try:
        told = json.loads(openings)
        if told["v"] != FORM or told["manifest_sm3"] != manifest:
            raise Damaged("it is of another pack", "不是本包的披露文件")
        whole = {number: bytearray(raw) for number, raw in raws.items()}
        left = Counter(hole["n"] for hole in holes)
        seen: set[int] = set()
        for one in told["openings"]:
            which, number = one["hole"], one["n"]
            if type(which) is not int or not 0 <= which < len(holes) or which in seen:
                raise Damaged("a place is not one of this pack's, or is there twice",
                              "有的位置不属于本包，或重复出现")  # fmt: skip
            hole = holes[which]
            value = base64.b64decode(one["value"], validate=True)
            fits = len(value) == hole["length"] and number == hole["n"]
            if not fits or hole["commitment"] != (
                hole_commitment(bytes.fromhex(one["salt"]), hole["n"], hole["at"], value)
            ):
                raise Damaged(f"record {hole['n']}: what is shown is not what was committed to",
                              f"第 {hole['n']} 条：披露内容与承诺值不符")  # fmt: skip
            seen.add(which)
            whole[hole["n"]][hole["at"] : hole["at"] + hole["length"]] = value
            left[hole["n"]] -= 1
        if not seen:
            raise Damaged("it opens nothing", "其中没有披露任何内容")
        salts = {one["n"]: bytes.fromhex(one["salt"]) for one in told["records"]}
        proofs = {(one["of"], one["id"]): one for one in told["proofs"]}
        opened = Opened(
            list(proofs.values()),
            {n: sm3(bytes(whole[n])) for n, more in left.items() if not more},
            told.get("extends"),
        )
        for number, digest in opened.digests.items():
            sha256 = hashlib.sha256(whole[number]).hexdigest()
            found = record_commitment(salts[number], number, digest, sha256)
            if found != rows[number]["digest"]:
                raise Damaged(f"record {number}: opened whole, it is not what was committed to",
                              f"第 {number} 条：全部披露后与其承诺的摘要不符")  # fmt: skip
    except _BAD as error:
        return Check(OPENINGS, False, *why(error)), UNOPENED
    done = len(opened.digests)
    whole_en = "is whole and has its digest" if done == 1 else "are whole and have their digests"
    fit = "fits" if len(seen) == 1 else "fit"
    check = Check(
        OPENINGS,
        True,
        f"{len(seen)} of {counted(len(holes), 'place')} {fit};"
        f" {counted(done, 'record')} {whole_en}",
        f"{len(holes)} 处中披露 {len(seen)} 处，均相符；{done} 条记录已完整，摘要一致",
    )
    return check, opened
