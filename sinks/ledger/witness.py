"""A signed head as a few lines for print: what stands in yesterday's paper nobody takes back.

    明鉴见证 Mingjian witness
    账本 Ledger: mingjian/acme/ledger  校验 check 29a2
    条数 Entries: 1,234,567  校验 check 0d96
    时间 Time: 2026-07-29 15:30:00 Asia/Shanghai = 2026-07-29 07:30:00 UTC  校验 check 5ec3
    根 Root, SM3:
    R1  1ac2 1d83 5cf5 e8df  c4fc
    R2  8e51 1948 31e8 1a8f  6956
    R3  2bba c8f7 2ca3 fefb  54d8
    R4  7ed1 f035 eb42 1ce2  173b

The last group of a line checks it: CRC-16/CCITT (as in `binascii.crc_hqx`) over what the line
states, begun with the number of the line. One wrong digit, two neighbours swapped and two lines
swapped are always found, anything else all but once in 65,536 times. A check group is against
misprints, not against people: what is compared with the ledger is the root.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rules.errors import EXIT_FINDINGS, MingjianError
from rules.zone import SHANGHAI, SHANGHAI_AHEAD_MS
from sinks.ledger.checkpoint import Checkpoint
from sinks.ledger.proofs import HASH_BYTES
from sinks.ledger.reader import LedgerReader

LINES = 4  # of the root
MAX_TYPED = 2_000  # characters; a witness has some 400

_LINE_BYTES = HASH_BYTES // LINES
_GROUP = 4  # hex digits
_LEDGER, _ENTRIES, _TIME = 1, 2, 3  # numbers of lines, as the check groups begin; then the root's
_CHECK = "校验 check"
_MISREAD = str.maketrans("oli", "011")  # letters for digits; none of them is a hex digit
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL = "(?:{0}:?{1}|{0}|{1})[:,.]?"
_HEX = "[0-9a-foli]*"
_PARTS = re.compile(
    ".*?"
    + _LABEL.format("账本", "ledger")
    + f"(?P<name>.*?)(?:校验|check)+:?(?P<name_check>{_HEX})"
    + _LABEL.format("条数", "entries")
    + f"(?P<size>.*?)(?:校验|check)+:?(?P<size_check>{_HEX})"
    + _LABEL.format("时间", "time")
    + f"(?P<time>.*?)(?:校验|check)+:?(?P<time_check>{_HEX})"
    + _LABEL.format("根", "root")
    + "[,:]?(?:sm3)?:?(?P<root>r[1li].*)"
)


class Witness(NamedTuple):
    """What was printed. `at` is UTC ms, cut to the second; `origin` in lower case, without
    spaces."""

    origin: str
    size: int
    root: bytes
    at: int


class Comparison(NamedTuple):
    """How a ledger stands to what was printed: SAME, DIFFERS, SHORTER or OTHER."""

    outcome: str
    en: str
    zh: str


SAME, DIFFERS, SHORTER, OTHER = "same", "differs", "shorter", "other"


def witness_text(head: Checkpoint) -> str:
    """The lines to print of a head; lines end with a line feed."""
    told = _told(head.origin), str(head.size), _clock(head.at)
    checks = [f"{_CHECK} {_check(number, one)}" for number, one in enumerate(told, _LEDGER)]
    here = datetime.fromtimestamp(head.at // 1000, SHANGHAI)
    rows = [
        "明鉴见证 Mingjian witness",
        f"账本 Ledger: {head.origin}  {checks[0]}",
        f"条数 Entries: {head.size:,}  {checks[1]}",
        f"时间 Time: {here:%Y-%m-%d %H:%M:%S} {SHANGHAI.key} = "
        f"{here.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {checks[2]}",
        "根 Root, SM3:",
    ]
    for line in range(LINES):
        digits = head.root[line * _LINE_BYTES : (line + 1) * _LINE_BYTES].hex()
        groups = [digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP)]
        rows.append(f"R{line + 1}  {' '.join(groups)}  {_check(_TIME + 1 + line, digits)}")
    return "\n".join(rows) + "\n"


def read_witness(text: str) -> Witness:
    """What somebody typed from paper, or copied. Line breaks, spaces, capitals, full-width
    characters and the letters o, l, i for digits are taken as they come; of each label one language
    is enough.

    Raises:
        MingjianError: a part is missing, or lines that do not fit their check group, by name.
    """
    folded = unicodedata.normalize("NFKC", text[:MAX_TYPED]).lower()
    found = _PARTS.fullmatch("".join(folded.split()))
    if not found:
        raise _no_witness()
    bad: list[tuple[str, str]] = []
    size = re.sub(r"[^0-9]", "", found["size"].translate(_MISREAD))
    moment = re.sub(r"[^0-9]", "", found["time"])
    at, stated = _moment(moment)
    rows = (
        (_LEDGER, "Ledger", "账本", found["name"], found["name_check"]),
        (_ENTRIES, "Entries", "条数", size, found["size_check"]),
        (_TIME, "Time", "时间", stated, found["time_check"]),
    )
    for number, en, zh, value, check in rows:
        if not value or check.translate(_MISREAD) != _check(number, value):
            bad.append((en, zh))
    root = ""
    for line, typed in enumerate(_root_lines(found["root"])):
        digits, check = typed[:-_GROUP], typed[-_GROUP:]
        fits = len(digits) == 2 * _LINE_BYTES and check == _check(_TIME + 1 + line, digits)
        if not fits:
            bad.append((f"R{line + 1}", f"R{line + 1}"))
        root += digits
    if bad:
        raise _misread(bad)
    return Witness(found["name"], int(size), bytes.fromhex(root), at)


def is_of(witness: Witness, head: Checkpoint) -> bool:
    """Whether this head was printed; of its time the seconds are."""
    told = _told(head.origin), head.size, head.root, head.at // 1000 * 1000
    return told == (witness.origin, witness.size, witness.root, witness.at)


def compare(witness: Witness, reader: LedgerReader) -> Comparison:
    """Whether a ledger has what was printed.

    Raises:
        LedgerDamaged: it cannot say.
    """
    origin = reader.note.checkpoint.origin
    if witness.origin != _told(origin):
        return Comparison(
            OTHER,
            f"the witness is of the ledger {witness.origin}, and this one is {origin}",
            f"见证属于账本 {witness.origin}，而此账本是 {origin}",
        )
    if witness.size > reader.size:
        return Comparison(
            SHORTER,
            f"{witness.size:,} entries were printed, and the ledger has {reader.size:,} that are "
            "signed: it was rolled back",
            f"印出时有 {witness.size:,} 条，账本中已签名的只有 {reader.size:,} 条：账本被回退",
        )
    if reader.root(witness.size) != witness.root:
        return Comparison(
            DIFFERS,
            f"the first {witness.size:,} entries are not those that were printed: some were "
            "altered, removed or put in",
            f"前 {witness.size:,} 条与印出时不同：有条目被改动、删除或插入",
        )
    return Comparison(
        SAME,
        f"the first {witness.size:,} entries are those that were printed, unchanged",
        f"前 {witness.size:,} 条与印出时一致，未被改动",
    )


def _check(number: int, stated: str) -> str:
    return f"{binascii.crc_hqx(stated.encode(), number):04x}"


def _told(origin: str) -> str:
    """A ledger's name as it is after it was typed."""
    return "".join(unicodedata.normalize("NFKC", origin).lower().split())


def _clock(at: int) -> str:
    """The digits of a time in UTC, which its check group is of."""
    return f"{_EPOCH + timedelta(seconds=at // 1000):%Y%m%d%H%M%S}"


def _moment(digits: str) -> tuple[int, str]:
    """(UTC ms, the digits of UTC) of a line with both times; (0, "") when they do not fit."""
    here, there = digits[: len(digits) // 2], digits[len(digits) // 2 :]
    try:
        read = [datetime.strptime(one, "%Y%m%d%H%M%S").replace(tzinfo=UTC) for one in (here, there)]
    except ValueError:
        return 0, ""
    local, at = ((one - _EPOCH) // timedelta(milliseconds=1) for one in read)
    return (at, there) if local - at == SHANGHAI_AHEAD_MS else (0, "")


def _root_lines(typed: str) -> list[str]:
    """The digits behind R1 to R4; too few or many where something is missing."""
    plain = re.sub(r"[^0-9a-fr]", "", typed.translate(_MISREAD))
    found = {int(one[0]): one[1:] for one in plain.split("r") if one and one[0] in "1234"}
    return [found.get(line + 1, "") for line in range(LINES)]


def _no_witness() -> MingjianError:
    return MingjianError(
        "this is not a whole witness of a ledger",
        "这不是一份完整的账本见证",
        fix_en="type it as it is printed: the lines Ledger, Entries, Time and Root with their "
        "labels and check groups, then R1 to R4",
        fix_zh="请按印出的样子录入：账本、条数、时间、根各行（含标签与校验组），以及 R1 至 R4",
        exit_code=EXIT_FINDINGS,
    )


def _misread(bad: list[tuple[str, str]]) -> MingjianError:
    en, zh = (", ".join(one[0] for one in bad), "、".join(one[1] for one in bad))
    return MingjianError(
        f"these lines of the witness do not fit their check group: {en}",
        f"见证的以下各行与其校验组不符：{zh}",
        fix_en="compare them with the paper, digit by digit",
        fix_zh="请与印刷件逐位核对",
        exit_code=EXIT_FINDINGS,
    )
