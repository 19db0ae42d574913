"""Masks personal data and secrets inside free text, so that alerts and logs can be read by people.

Detection runs on the folded text (`rules.fold`), so separators, full-width digits and zero-width
characters do not help; what is replaced is the original span. When in doubt more is masked: every
run of eleven digits or more, and every long code of letters and digits, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rules.detectors import DETECTORS
from rules.fold import fold
from rules.variants_digits import CHINESE, digit_view

_STARS = "******"
_long_number = re.compile(
    r"[0-9](?:[ \-._/]{0,2}[0-9]){10,}x?"
    r"|(?<![0-9a-z])(?=(?:[a-z]*[0-9]){8})[0-9a-z]{15,}"  # codes of letters and digits
    # a mobile number in its three groups, whatever stands between them
    r"|(?<![0-9])1[3-9][0-9][^0-9a-z\u4e00-\u9fff]{0,4}[0-9]{4}[^0-9a-z\u4e00-\u9fff]{0,4}[0-9]{4}"
    r"|(?<![0-9])1[3-9][0-9][一丨][0-9]{4}[一丨][0-9]{4}"
    r"|[零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]{11,}"
).finditer
_email = re.compile(
    r"[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}",
).finditer
# Wider than the detector of credentials: whatever stands after such a word is hidden.
_secret = re.compile(
    r"(?:密码|口令|password|passwd|pwd|secret|token|api[ _-]?key|access[ _-]?key)"
    r"[\"']?(?:是|为|:|：|=| |\"|'){1,4}([!-~]{4,})"
).finditer
# What `may_hold` looks for. Without one of `_some` only a number in Chinese digits is hidden.
_some = re.compile(r"[0-9a-z@码令]").search
_anything = re.compile(
    r"[!-~]{6}|[0-9a-z_](?:[ -]{0,2}[0-9a-z_]){5}|@"  # codes, ids, secrets with a known form
    r"|密码|口令|passw|pwd|secret|token|key"  # secrets of any form
    r"|[a-z][ ·•.-]{0,2}[0-9a-z]{4}"  # number plates
    r"|[0-9](?:[ \-._/]{0,2}[0-9]){10}|[0-9]{4}[^0-9a-z\u4e00-\u9fff]{0,4}[0-9]{4}"
    r"|[0-9]{4}[一丨][0-9]{4}"
).search
_eleven_digits = re.compile(f"[0-9{CHINESE}](?:[ -]{{0,2}}[0-9{CHINESE}]){{10}}").search
_six_digits = re.compile(r"[0-9](?:[ -]{0,2}[0-9]){5}").search
# detectors that find what has no six digits in a row
_WITHOUT_DIGITS = frozenset(("credential", "wechat_id", "cn_plate", "wallet_address"))
_key_end = re.compile(r"-----end [a-z ]{0,20}private key-----")
_rest = re.compile(r"[!-~]*")
_not_digits = re.compile(r"[^0-9a-z]")
_control = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_customer_id = re.compile(r"w[mob][A-Za-z0-9_-]{16,}").fullmatch
_SURNAMES = frozenset(
    re.findall("..", "欧阳司马上官诸葛司徒东方独孤南宫夏侯皇甫尉迟公孙慕容长孙宇文令狐端木百里西门")
)


class Piece(NamedTuple):
    """`text[start:end]` of the original is shown as `shown`. Offsets are code points."""

    start: int
    end: int
    shown: str


def mask(text: str) -> str:
    """`text` with identity and card numbers, mobiles, e-mail addresses, company codes, WeChat ids,
    secrets and all other numbers of eleven digits or more masked in place."""
    return masked(text).text


def excerpt(text: str, start: int, end: int, width: int = 40) -> str:
    """The masked surroundings of `text[start:end]` on one line, at most `width` code points.

    Masking comes before cutting, so a number that stands at the edge is not half shown.
    """
    pieces, _, shown = masked(text)
    first, last = _moved(pieces, start, after=False), _moved(pieces, end, after=True)
    room = max(0, width - (last - first))
    begin = max(0, min(first - room // 2, len(shown) - width))
    stop = min(len(shown), begin + width)
    cut = shown[begin:stop]
    if begin > 0:
        cut = "…" + cut[1:]
    if stop < len(shown):
        cut = cut[:-1] + "…"
    return cut


def hide(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with everything but blanks inside the spans as stars, of the same length."""
    chars = list(text)
    for start, end in spans:
        chars[start:end] = ["*" if not char.isspace() else char for char in chars[start:end]]
    return "".join(chars)


def one_line(text: str) -> str:
    """`text` without control characters and line breaks, safe to show in a terminal."""
    return text if text.isprintable() else _control.sub(" ", text)


def mask_name(name: str) -> str:
    """张三 -> 张*, 欧阳娜娜 -> 欧阳**, John Smith -> J*** S***."""
    if name.isascii():
        return " ".join(word[0] + "***" for word in name.split())
    kept = 2 if name[:2] in _SURNAMES and len(name) > 2 else 1  # noqa: PLR2004
    return name[:kept] + "*" * (len(name) - kept) if len(name) > 1 else "*"


@lru_cache(maxsize=1 << 12)  # the same people are named again and again
def mask_id(identifier: str) -> str:
    """Employees' ids stay readable, customers' (wm…, wo…) are shortened, numbers masked."""
    if _customer_id(identifier):
        return f"{identifier[:6]}…{identifier[-4:]}"
    return mask(identifier)


def _keep(first: int, last: int, stars: str = "****") -> Callable[[str], str]:
    """Show only the first and last characters, separators left out."""

    def show(value: str) -> str:
        bare = _not_digits.sub("", value)
        return bare[:first] + stars + bare[len(bare) - last :]

    return show


_SHOW: dict[str, Callable[[str], str]] = {
    "cn_resident_id": _keep(6, 4, "********"),
    "bank_card": _keep(4, 4, " **** "),
    "cn_mobile": lambda value: _keep(3, 4)(_not_digits.sub("", value)[-11:]),
    "uscc": _keep(4, 2, "************"),
    "credential": lambda value: _STARS,
    "wechat_id": lambda value: "wxid_****" if value.startswith("wxid_") else value[:2] + "****",
    "cn_passport": _keep(2, 2),
    "cn_travel_permit": _keep(2, 2),
    "cn_plate": lambda value: value[:2] + "****" + value[-1],
    "hk_id": _keep(2, 0),
    "tw_id": _keep(2, 2),
    "wallet_address": _keep(6, 4, _STARS),
}


class Masked(NamedTuple):
    """A text without what is to be hidden: what was replaced, the text, and that on one line."""

    pieces: tuple[Piece, ...]
    text: str
    line: str


@lru_cache(maxsize=16)  # a text is shown whole, and once more for each of its hits
def masked(text: str) -> Masked:
    """`text` masked (`mask`)."""
    pieces = replaced(text)
    shown = _apply(text, pieces) if pieces else text
    return Masked(pieces, shown, one_line(shown))


def replaced(text: str) -> tuple[Piece, ...]:
    """What to replace, in order and without overlaps, as spans of the original."""
    folded = fold(text)
    if not may_hold(folded.text):
        return ()
    flat = digit_view(folded.text)
    spans: list[Piece] = []
    numbers = _six_digits(flat) is not None
    for name, detector in DETECTORS.items():
        if not numbers and name not in _WITHOUT_DIGITS:
            continue
        hidden = 0  # all before is part of a secret
        for found in detector.look(folded) if detector.cased else detector.find(flat):
            if found.start < hidden:
                continue
            end = found.end
            if name == "credential":
                end = hidden = _secret_end(flat, found.end)
            spans.append(Piece(found.start, end, _SHOW[name](flat[found.start : found.end])))
    spans += [Piece(*m.span(1), _STARS) for m in _secret(flat)]
    for match in _email(flat):
        _, _, domain = match[0].partition("@")
        spans.append(Piece(*match.span(), f"{match[0][0]}***@{domain}"))
    rest = flat
    for span in spans:
        rest = rest[: span.start] + "\n" * (span.end - span.start) + rest[span.end :]
    for match in _long_number(rest):
        spans.append(Piece(*match.span(), _keep(3, 4)(match[0])))
    return tuple(Piece(*folded.origin(a, b), shown) for a, b, shown in _joined(spans))


def may_hold(folded: str) -> bool:
    """Whether anything in a folded text may be hidden: a few cheap looks that most texts end with.

    No to a text in which one of the detectors or patterns here finds something would be a leak;
    yes to any other costs time.
    """
    if _some(folded) is not None and _anything(folded) is not None:
        return True
    return _eleven_digits(folded) is not None


def _secret_end(flat: str, end: int) -> int:
    """To the end of the key block, or of the characters that stand together."""
    if flat.endswith("private key-----", 0, end):
        block = _key_end.search(flat, end)
        return block.end() if block else len(flat)
    rest = _rest.match(flat, end)
    return rest.end() if rest else end


def _joined(spans: list[Piece]) -> list[Piece]:
    """Overlapping spans become one: the longer one's mask, or stars where neither covers both.

    Of two masks of the same span the stars win: a password may look like a mobile number.
    """
    joined: list[Piece] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.shown != _STARS)):
        if not joined or span.start >= joined[-1].end:
            joined.append(span)
        elif span.end > joined[-1].end:
            joined[-1] = Piece(joined[-1].start, span.end, _STARS)
    return joined


def _apply(text: str, pieces: Sequence[Piece]) -> str:
    out, done = [], 0
    for piece in pieces:
        out += [text[done : piece.start], piece.shown]
        done = piece.end
    return "".join([*out, text[done:]])


def _moved(pieces: Sequence[Piece], position: int, *, after: bool) -> int:
    """Where a place of the original lies in the masked text; inside a mask: before or after it."""
    shift = 0
    for piece in pieces:
        if position <= piece.start:
            break
        size = len(piece.shown)
        if position < piece.end:
            return piece.start + shift + (size if after else 0)
        shift += size - (piece.end - piece.start)
    return position + shift
