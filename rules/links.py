"""URLs inside Chinese text, and one canonical form for URLs that lead to the same place.

Canonical form: RFC 3986 §6.2.2 (case, percent-encoding, dot segments), default port and fragment
dropped, host in punycode, tracking parameters dropped, query sorted, no slash at the end of a path.
Nothing here raises on a malformed URL: it is returned as it came.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Parameters that say how a link travelled, not where it leads. A name ending in * is a prefix.
TRACKING = (
    "utm_*", "share_*", "sharer_*", "spm", "scm", "from", "isappinstalled", "scene", "ascene",
    "srcid", "fbclid", "gclid", "msclkid", "bd_vid", "clicktime", "enterid", "sessionid",
    "mpshare", "timestamp_share", "wx_header", "weibo_id", "_wv", "_t_t_t", "hmsr", "hmpl", "hmcu",
    "hmkw", "hmci", "ivk_sa", "ncid", "yclid", "mc_cid", "mc_eid", "vd_source", "share", "shareid",
)  # fmt: skip
# The same for one site only, where the name is common and means something elsewhere.
TRACKING_BY_HOST = {
    "mp.weixin.qq.com": (
        "chksm", "devicetype", "version", "lang", "nettype", "exportkey", "pass_ticket", "subscene",
        "fontgear", "key", "uin", "abtest_cookie", "session_us", "countrycode", "winzoom",
        "clickpos", "realreporttime", "rd2werd", "poc_token", "exptype", "expsessionid", "xtrack",
    ),
}  # fmt: skip

_TLD = "中国|公司|网络|网址|在线|中文网|集团|商城|商店|网店|手机|信息|企业|我爱你|[a-zA-Z]{2,63}"
_CHARS = r"A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|{}"
# Both bound the work on hostile text; no browser opens a longer URL, nobody types more of them.
_LONGEST = 4096
MOST = 500
_URL = re.compile(
    r"(?:https?://|(?<![A-Za-z0-9._\-@/])www\.)"
    # an international host may stand only directly after the scheme and must end in a known domain
    rf"(?:(?:[A-Za-z0-9-]{{1,63}}\.)*[\u4e00-\u9fff][\w-]{{0,62}}\.(?:[\w-]{{1,63}}\.){{0,4}}?"
    rf"(?:{_TLD})(?![A-Za-z0-9]))?[{_CHARS}]{{0,{_LONGEST}}}+",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?<=[A-Za-z0-9])https?://", re.IGNORECASE)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,;:!?'*|"
_PARTS = re.compile(
    r"(https?)://(?:([^/?#@]*)@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::([^/?#]*))?([^?#]*)(?:\?([^#]*))?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}|%|[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST = re.compile(r"[\w.\-。．｡]+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PORTS = {"http": "80", "https": "443"}


class Link(NamedTuple):
    """A URL as written, and its canonical form."""

    url: str
    canonical: str


def may_contain(text: str) -> bool:
    """Cheap test before `extract`: false means there is certainly no URL."""
    return "://" in text or "ww." in text or "WW." in text


def extract(text: str) -> list[Link]:
    """The http, https and www URLs of `text` in order, each canonical form once.

    A text with more than `MOST` URLs is read up to that many.
    """
    links: dict[str, Link] = {}
    position = 0
    for _ in range(MOST):
        match = _URL.search(text, position)
        if match is None:
            break
        url = _trim(match[0])
        position = match.start() + max(len(url), 4)
        target = canonical(url)
        if _has_host(url) and target not in links:
            links[target] = Link(url, target)
    return list(links.values())


@lru_cache(maxsize=1 << 12)  # a link that matters here is sent many times
def canonical(url: str) -> str:
    """The canonical form of an http or https URL (`www.` counts as http); others as they came."""
    url = url.strip()
    written = f"http://{url}" if url[:4].lower() == "www." else url
    parts = _PARTS.match(written)
    if parts is None or not parts[3]:
        return url
    scheme, user, host, port, path, query = parts.groups()
    scheme, host = scheme.lower(), _host(host)
    authority = f"{_percent(user)}@{host}" if user else host
    if port and port.lstrip("0") != _PORTS[scheme]:
        authority = f"{authority}:{_percent(port)}"
    query = _query(query, host) if query else ""
    return f"{scheme}://{authority}{_path(path)}{'?' if query else ''}{query}"


def _has_host(url: str) -> bool:
    parts = _PARTS.match(f"http://{url}" if url[:4].lower() == "www." else url)
    return parts is not None and any(char.isalnum() for char in parts[3])


def _trim(url: str) -> str:
    """Cut what belongs to the sentence: a URL glued on, an unbalanced bracket, punctuation."""
    glued = _GLUED.search(url, 8)
    if glued and "?" not in url[: glued.start()] and "#" not in url[: glued.start()]:
        url = url[: glued.start()]
    if any(char in url for char in _BRACKETS):
        opened: dict[str, int] = {}
        for index, char in enumerate(url):
            if char in "([{":
                opened[char] = opened.get(char, 0) + 1
            elif char in _BRACKETS:
                left = opened.get(_BRACKETS[char], 0)
                if not left:
                    url = url[:index]
                    break
                opened[_BRACKETS[char]] = left - 1
    return url.rstrip(_TRAILING)


def _host(host: str) -> str:
    host = _decode_percent(host).lower().rstrip(".")
    if host.isascii() or not _HOST.fullmatch(host):
        return _percent(_percent(host).lower())  # %41 of a host that is none stands for a, too
    try:
        return _percent(host.encode("idna").decode("ascii").lower().rstrip("."))
    except UnicodeError:
        return _percent(host)


def _decode_percent(text: str) -> str:
    if "%" not in text:
        return text
    data = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda match: bytes([int(match[1], 16)]),
        text.encode("utf-8", "replace"),
    )
    decoded = data.decode("utf-8", "replace")
    return decoded if decoded.isprintable() and not set(decoded) & set("/?#@%:[]\\ ") else text


def _percent(text: str) -> str:
    """RFC 3986 §6.2.2.1 and §6.2.2.2: upper-case hex, no encoded unreserved, the rest encoded."""
    return _PERCENT.sub(_percent_one, text)


def _percent_one(match: re.Match[str]) -> str:
    found = match[0]
    if found == "%":
        return "%25"
    if found[0] == "%":
        char = chr(int(found[1:], 16))
        return char if char in _UNRESERVED else found.upper()
    return "".join(f"%{byte:02X}" for byte in found.encode("utf-8", "replace"))


def _path(path: str) -> str:
    path = _percent(path)
    if "/." in path:
        kept: list[str] = []
        for segment in path.split("/")[1:]:
            if segment == "..":
                kept[-1:] = []
            elif segment != ".":
                kept.append(segment)
        path = "/" + "/".join(kept)
    return path.rstrip("/") or "/"


def _query(query: str, host: str) -> str:
    dropped = TRACKING_BY_HOST.get(host, ())
    pairs = []
    for pair in query.split("&"):
        name = _percent(pair.partition("=")[0])
        if pair and not _is_tracking(name.lower()) and name.lower() not in dropped:
            pairs.append((name, _percent(pair)))
    return "&".join(pair for _, pair in sorted(pairs))


_EXACT = frozenset(name for name in TRACKING if not name.endswith("*"))
_PREFIXES = tuple(name[:-1] for name in TRACKING if name.endswith("*"))


def _is_tracking(name: str) -> bool:
    return name in _EXACT or name.startswith(_PREFIXES)
