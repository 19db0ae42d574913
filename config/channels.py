"""Ways to tell people of alerts, as the settings name them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from config.written import Key, Written, nearest, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("webhook", "wecom_robot", "mail", "syslog")
SCHEMES = {
    "webhook": ("https", "http"),
    "wecom_robot": ("https", "http"),
    "mail": ("smtps", "smtp"),
    "syslog": ("syslog+tls", "syslog+tcp", "syslog"),
}
_ADDRESSES = {
    "webhook": ("https://HOST/PATH", "https://主机/路径"),
    "wecom_robot": (
        "the address that the group shows for its robot",
        "群聊中机器人的 Webhook 地址",
    ),
    "mail": ("smtps://HOST:PORT or smtp://HOST:PORT", "smtps://主机:端口 或 smtp://主机:端口"),
    "syslog": (
        "syslog+tls://HOST:PORT, syslog+tcp://… or syslog://… (UDP)",
        "syslog+tls://主机:端口、syslog+tcp://… 或 syslog://…（UDP）",
    ),
}
RANGES = {
    "min_response": (0, 3),
    "per_minute": (1, 6_000),
    "group_s": (0, 86_400),
    "quiet_response": (0, 4),
}
ROBOT_PER_MINUTE = 20  # WeCom's own limit of a group robot
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel. What nobody should read is not written here: MINGJIAN_<NAME>_URL (instead of
    `url`: that of a robot holds its key), _SECRET (a webhook's signature), _PASSWORD (mail); the
    name in capitals, with _ for what is no letter and no digit."""

    kind: str  # webhook | wecom_robot | mail | syslog
    name: str
    url: str = ""
    username: str = ""
    ca_certs: str = ""
    sender: str = ""  # mail: who it is from
    to: tuple[str, ...] = ()  # mail: who it is for
    language: str = "zh"
    min_response: int = 2  # alerts below it are not told
    per_minute: int = ROBOT_PER_MINUTE  # messages
    group_s: int = 60  # seconds between two messages about one rule; what comes between is one
    quiet: str = ""  # "22:00-07:00", Shanghai time: alerts wait for the end …
    quiet_response: int = 3  # … below this response

    def secret(self, what: str, environment: Mapping[str, str] = os.environ) -> str:
        """The value of MINGJIAN_<NAME>_<what>, "" without one."""
        return environment.get(f"MINGJIAN_{re.sub('[^A-Z0-9]', '_', self.name.upper())}_{what}", "")

    def address(self) -> str:
        """Where it is: from the environment, else as written."""
        return self.secret("URL") or self.url

    def hours(self) -> tuple[int, int]:
        """The quiet hours in minutes of the day; (0, 0) without."""
        found = _HOURS.fullmatch(self.quiet)
        if not found:
            return 0, 0
        begin, begun, end, ended = map(int, found.groups())
        return begin * 60 + begun, end * 60 + ended


def check_channels(
    channels: Sequence[Channel], taken: Iterable[str], written: Written | None = None
) -> None:
    """Refuse a channel that could never tell anybody.

    Args:
        taken: names of targets.

    Raises:
        MingjianError: names the place, what was given and what is allowed.
    """
    written, names = written or Written("", None), set(taken)
    for index, channel in enumerate(channels):
        at = ("channels", str(index))
        if channel.kind not in KINDS:
            allowed = ", ".join(KINDS), "、".join(KINDS)
            raise _refused(written, (*at, "kind"), channel.kind, allowed, KINDS)
        if wrong := _wrong_in(channel, names):
            field, en, zh = wrong
            raise _refused(written, (*at, field), getattr(channel, field), (en, zh))
        names.add(channel.name)


def _refused(
    written: Written, key: Key, given: object, allowed: tuple[str, str], near: Sequence[str] = ()
) -> Exception:
    hint = nearest(str(given), tuple(near)) if near else ("", "")
    return refusal(written.place(key), key, given, allowed, hint)


def _wrong_in(channel: Channel, names: set[str]) -> tuple[str, str, str] | None:
    """(field, what it may be in English and Chinese) of the first one that cannot work."""
    if not _NAME.fullmatch(channel.name):
        return "name", "1 to 100 of A-Z a-z 0-9 . _ -", "1 到 100 个字符，限 A-Z a-z 0-9 . _ -"
    if channel.name in names:
        return "name", "a name that no other target or channel has", "与其他目标、渠道不同的名字"
    if not _is_address(channel):
        return "url", *_ADDRESSES[channel.kind]
    for field, (low, high) in RANGES.items():
        if not low <= getattr(channel, field) <= high:
            return field, f"{low} to {high}", f"{low} 到 {high}"
    if channel.kind == "wecom_robot" and channel.per_minute > ROBOT_PER_MINUTE:
        most = ROBOT_PER_MINUTE
        return "per_minute", f"1 to {most}: WeCom takes no more", f"1 到 {most}（企业微信的上限）"
    if channel.quiet and not _HOURS.fullmatch(channel.quiet):
        return "quiet", "hours like 22:00-07:00", "时段，如 22:00-07:00"
    if channel.language not in ("zh", "en"):
        return "language", "zh or en", "zh 或 en"
    if channel.ca_certs and not os.path.isfile(channel.ca_certs):
        return "ca_certs", "a file of certificates that is there", "存在的证书文件"
    if channel.kind == "mail":
        if not _MAIL.fullmatch(channel.sender):
            return (
                "sender",
                "an address like mingjian@example.com",
                "邮箱地址，如 mingjian@example.com",
            )
        if not channel.to or not all(map(_MAIL.fullmatch, channel.to)):
            return "to", "a list of addresses", "邮箱地址列表"
    return None


def _is_address(channel: Channel) -> bool:
    try:
        parts = urlsplit(channel.address())
        fits = parts.scheme in SCHEMES[channel.kind] and bool(parts.hostname)
        return fits and parts.port != 0 and not re.search(r"\s", channel.address())
    except ValueError:
        return False
