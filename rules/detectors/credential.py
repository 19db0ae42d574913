"""Passwords, access keys, tokens and private keys.

A keyword alone ("请重置密码") is nothing: there must be a value that looks like a secret. Values
with a format of their own (cloud keys, access tokens, JSON web tokens) need no keyword.
Folding has made everything lower case, so formats are recognised without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found

_SHORTEST = 6
_formats = re.compile(
    r"(?<![0-9a-z])(?:"
    r"-----begin [a-z ]{0,20}private key-----"
    r"|akid[0-9a-z]{13,40}"  # Tencent Cloud
    r"|ltai[0-9a-z]{12,30}"  # Alibaba Cloud
    r"|a[ks]ia[0-9a-z]{16}(?![0-9a-z])"  # Amazon Web Services
    r"|gh[pousr]_[0-9a-z]{36}|github_pat_[0-9a-z_]{30,}|glpat-[0-9a-z_-]{20}"
    r"|sk-[0-9a-z_-]{20,}"
    r"|xox[abprs]-[0-9a-z-]{10,}"
    r"|eyj[0-9a-z_-]{10,1024}\.eyj[0-9a-z_-]{10,2048}\.[0-9a-z_-]{10,}"  # JSON web token
    r")"
)
_VALUE = r"""["'“‘「]?(?P<value>[!#-&(-+\--:=?@A-Z\[-~]{4,128})"""
_keywords = re.compile(
    r"(?P<key>密码|口令|passcode|passwords?|passwd|pwd|secret|token|"
    r"(?:api|access|secret|private)[ _-]?key(?:[ _-]?(?:id|secret))?)"
    r"(?P<link>(?:已|都|就|还|统一)?(?:改|重置|设置?|更新|修改|初始化)?(?:成|为|是|叫)?"
    r"|[ \"']{0,2}| is)"
    r"(?P<sign>[ ]{0,2}(?:[:：=]|=>)?)[ ]{0,2}" + _VALUE
)
# What documents write in the place of a value, and words that are not values.
_placeholder = re.compile(
    r"[*x.#?_-]+|[<{\[$%].*|your.*|my[-_]?(?:password|token|secret)|https?:.*|www\..*"
    r"|none|null|nil|true|false|undefined|string|required|optional|invalid|incorrect|expired"
    r"|passwords?|secret|token|change[-_]?me|example|placeholder|reset|error|failed|wrong|missing"
    r"|[0-9]+[-~][0-9]+"
).fullmatch
_letter = re.compile(r"[a-z]").search
_digit = re.compile(r"[0-9]").search
_symbol = re.compile(r"[^0-9a-z]").search
_CHINESE_KEYS = ("密码", "口令")


def find(text: str) -> Iterator[Found]:
    """85 for values with a format of their own, 75 for a keyword followed by a value.

    The span covers the value only.
    """
    done = 0
    for match in _formats.finditer(text):
        if match[0].startswith("-----") or (_letter(match[0][4:]) and _digit(match[0])):
            yield Found(match.start(), match.end(), match[0], 85)
            done = match.end()
    for match in _keywords.finditer(text):
        value = match["value"].rstrip(".,;:)]}'\"")
        start = match.start("value")
        if start >= done and _is_secret(value, match["key"], match["link"], match["sign"]):
            yield Found(start, start + len(value), value, 75)


def _is_secret(value: str, key: str, link: str, sign: str) -> bool:
    """Does this look like a secret, given how it is introduced?"""
    if len(value) < _SHORTEST or _placeholder(value):
        return False
    kinds = sum(1 for kind in (_letter, _digit, _symbol) if kind(value))
    said = bool(sign.strip()) or link.strip(" \"'") != ""  # 「是」, ":" or "=" stands between
    if key in _CHINESE_KEYS:
        # 密码123456 needs no sign; a plain word does: 密码: letmein
        return kinds > 1 or (said or value.isdigit())
    return said and (kinds > 1 or "=" in sign or ":" in sign or "：" in sign)


DETECTOR = Detector(
    name="credential",
    title_zh="口令与密钥",
    title_en="password, key or token",
    find=find,
    prefilter=(
        r"密码|口令|passcode|password|passwd|pwd|secret|token|(?:api|access|private)[ _-]?key"
        r"|private key|akid|ltai|a[ks]ia[0-9a-z]|gh[pousr]_|github_pat_|glpat-|sk-|xox[abprs]-|eyj"
    ),
)
