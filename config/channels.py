"""Ways to tell people of alerts, as the settings name them."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from config.written import Key, Written, nearest, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("webhook", "wecom_robot", "mail", "syslog")
GROUPS = ("rule", "actor", "conversation")
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
    "max_age_h": (0, 87_600),
    "per_minute": (1, 6_000),
    "group_s": (0, 86_400),
    "quiet_response": (1, 4),
    "mention_response": (0, 3),
}
ROBOT_PER_MINUTE = 20  # WeCom's own limit of a group robot
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # what a userid of WeCom may be
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")
_DAY = 24 * 60


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One channel. What nobody should read is not written here: MINGJIAN_<NAME>_URL (instead of
    `url`: that of a robot holds its key), _SECRET and _TOKEN (webhook), _PASSWORD (mail); the
    name in capitals, with _ for what is no letter and no digit."""

    kind: str  # webhook | wecom_robot | mail | syslog
    name: str
    url: str = ""
    username: str = ""
    ca_certs: str = ""
    sender: str = ""  # mail: who it is from
    to: tuple[str, ...] = ()  # mail: who it is for
    mention: tuple[str, ...] = ()  # robot: userids that are called …
    mention_response: int = 3  # … from this response on
    language: str = "zh"
    zone: str = "Asia/Shanghai"  # of times that people read, and of the quiet hours
    min_response: int = 2  # alerts below it are not told
    incidents: bool = True  # tell of what may make the record incomplete, too
    max_age_h: int = 0  # hours; alerts of older events are not told; 0: all are
    per_minute: int = ROBOT_PER_MINUTE  # messages
    group_by: tuple[str, ...] = ("rule",)  # what alerts of one message have in common
    group_s: int = 60  # seconds between two messages of one group; what comes between is one
    quiet: str = ""  # "22:00-07:00": alerts wait for the end …
    quiet_response: int = 3  # … below this response

    def secret(self, what: str, environment: Mapping[str, str] = os.environ) -> str:
        """The value of MINGJIAN_<NAME>_<what>, "" without one."""
        return environment.get(f"MINGJIAN_{_variable(self.name)}_{what}", "")

    def address(self) -> str:
        """Where it is: from the environment, else as written."""
        return self.secret("URL") or self.url

    def hours(self) -> tuple[int, int]:
        """The quiet hours in minutes of the day; (0, 0) without."""
        found = _HOURS.fullmatch(self.quiet)
        if not found:
            return 0, 0
        begin, begun, end, ended = (int(part or 0) for part in found.groups())
        return begin * 60 + begun, end * 60 + ended if found[3] else _DAY


def check_channels(
    channels: Sequence[Channel], taken: Iterable[str], written: Written | None = None
) -> None:
    """Refuse a channel that could never tell anybody.

    Args:
        taken: names of targets.

    Raises:
        MingjianError: names the place, what was given and what is allowed.
    """
    written = written or Written("", None)
    variables = {_variable(name) for name in taken}
    for index, channel in enumerate(channels):
        at = ("channels", str(index))
        if channel.kind not in KINDS:
            allowed = ", ".join(KINDS), "、".join(KINDS)
            raise _refused(written, (*at, "kind"), channel.kind, allowed, KINDS)
        if wrong := _wrong_in(channel, variables):
            field, en, zh = wrong
            given = _hidden(channel.url) if field == "url" else getattr(channel, field)
            raise _refused(written, (*at, field), given, (en, zh))
        variables.add(_variable(channel.name))


def _variable(name: str) -> str:
    """A name as it stands in variables; two names that are alike there would share secrets."""
    return re.sub("[^A-Z0-9]", "_", name.upper())


def _hidden(url: str) -> str:
    """An address without what may be a key."""
    return url.partition("?")[0] + "?…" if "?" in url else url


def _refused(
    written: Written, key: Key, given: object, allowed: tuple[str, str], near: Sequence[str] = ()
) -> Exception:
    hint = nearest(str(given), tuple(near)) if near else ("", "")
    return refusal(written.place(key), key, given, allowed, hint)


def _wrong_in(channel: Channel, variables: set[str]) -> tuple[str, str, str] | None:
    """(field, what it may be in English and Chinese) of the first one that cannot work."""
    if not _NAME.fullmatch(channel.name):
        return "name", "1 to 100 of A-Z a-z 0-9 . _ -", "1 到 100 个字符，限 A-Z a-z 0-9 . _ -"
    if _variable(channel.name) in variables:
        return "name", "a name that no other target or channel has", "与其他目标、渠道不同的名字"
    if not _is_address(channel):
        return "url", *_ADDRESSES[channel.kind]
    for field, (low, high) in RANGES.items():
        if not low <= getattr(channel, field) <= high:
            return field, f"{low} to {high}", f"{low} 到 {high}"
    if channel.kind == "wecom_robot" and channel.per_minute > ROBOT_PER_MINUTE:
        most = ROBOT_PER_MINUTE
        return "per_minute", f"1 to {most}: WeCom takes no more", f"1 到 {most}（企业微信的上限）"
    if not set(channel.group_by) <= set(GROUPS):
        return "group_by", f"a list of {', '.join(GROUPS)}", f"列表，可含 {'、'.join(GROUPS)}"
    begin, end = channel.hours()
    if channel.quiet and begin == end:
        return "quiet", "hours like 22:00-07:00", "时段，如 22:00-07:00"
    if channel.language not in ("zh", "en"):
        return "language", "zh or en", "zh 或 en"
    if not _is_zone(channel.zone):
        return "zone", "a time zone like Asia/Shanghai", "时区，如 Asia/Shanghai"
    if channel.ca_certs and not _are_certificates(channel.ca_certs):
        return "ca_certs", "a file of certificates (PEM) that is there", "存在的证书文件（PEM）"
    return _wrong_in_people(channel)


def _wrong_in_people(channel: Channel) -> tuple[str, str, str] | None:
    if not all(map(_USER.fullmatch, channel.mention)):
        return "mention", "a list of userids of the group", "群成员 userid 的列表"
    if channel.mention and channel.kind != "wecom_robot":
        return "mention", "empty: only robots can call somebody", "留空（只有群机器人能提醒成员）"
    if channel.kind != "mail":
        return None
    if not _MAIL.fullmatch(channel.sender):
        example = "mingjian@example.com"
        return "sender", f"an address like {example}", f"邮箱地址，如 {example}"
    if not channel.to or not all(map(_MAIL.fullmatch, channel.to)):
        return "to", "a list of addresses", "邮箱地址列表"
    return None


def _are_certificates(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):  # what is no certificate is an OSError, too
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a KeyError is what "no such zone" is
        return False
    return True


def _is_address(channel: Channel) -> bool:
    try:
        parts = urlsplit(channel.address())
        (parts.hostname or "").encode("idna")  # no name of a host: a ValueError
        fits = parts.scheme in SCHEMES[channel.kind] and bool(parts.hostname)
        fits = fits and not (parts.username or parts.password)
        return fits and parts.port != 0 and not re.search(r"\s", channel.address())
    except ValueError:
        return False
