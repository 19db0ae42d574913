"""Personal WeChat ids: wxid_…, or an id or mobile number after a word for WeChat.

An id has 6 to 20 characters, begins with a letter and holds letters, digits, "_" and "-"
(WeChat's own rule for account names). 企业微信 is the company's own channel and not meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.detectors.found import Detector, Found

WORDS = r"微信|薇信|威信|徽信|v信|微x|vx|wx|weixin|wechat|加v|私v"
_own = re.compile(r"(?<![0-9a-z_])wxid_[0-9a-z]{8,22}(?![0-9a-z_])").finditer
_named = re.compile(
    rf"(?<![0-9a-z_])(?<!企业)(?:{WORDS})(?P<sign>(?:帐号|账号|同号|号|id|是|为|叫|就是|[ :：=>])*)"
    r"(?P<value>[a-z][-_0-9a-z]{5,19}|1[3-9][0-9]{9})(?![-_0-9a-z])"
).finditer
_marked = re.compile(r"[0-9_-]").search
_strong = re.compile(r"[:：=号是为叫]|id").search
# Words that follow "WeChat" in plain text and are no ids.
_no_id = re.compile(
    r"official|accounts?|wechat|weixin|payment|mini-?program|channels?|android|iphone|wallet"
    r"|global|friends|moments|version"
).fullmatch


def find(text: str) -> Iterator[Found]:
    """85 wxid_…; 75 an id with a digit, "_" or "-", or a mobile number; 60 letters only.

    The span covers the id only.
    """
    own = []
    for match in _own(text):
        own.append(match.span())
        yield Found(match.start(), match.end(), match[0], 85)
    for match in _named(text):
        value, start = match["value"], match.start("value")
        if _no_id(value) or any(first <= start < last for first, last in own):
            continue
        if _marked(value):
            yield Found(start, match.end(), value, 75)
        elif _strong(match["sign"]):
            yield Found(start, match.end(), value, 60)


DETECTOR = Detector(
    name="wechat_id",
    title_zh="个人微信号",
    title_en="personal WeChat id",
    find=find,
    prefilter=(
        rf"wxid_[0-9a-z]{{8}}|(?:{WORDS})(?:帐|账|同|号|id|是|为|叫|就|[ :：=>])*"
        r"(?:[a-z][-_0-9a-z]{5}|1[3-9][0-9]{9})"
    ),
)
