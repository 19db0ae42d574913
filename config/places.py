"""Where an archive keeps its segments and its index: what of a target's settings goes together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlsplit

if TYPE_CHECKING:
    from config.settings import Target

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._-]{1,100}(?:/[A-Za-z0-9._-]{1,100}){0,7})?")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_TLS_MODES = ("disable", "prefer", "require", "verify-full")
_Wrong = tuple[str, str, str]
# (field, what it is when it says nothing)
_OF_S3 = {
    "s3_endpoint": "",
    "s3_bucket": "",
    "s3_prefix": "mingjian",
    "s3_region": "us-east-1",
    "s3_style": "path",
}
_OF_ARCHIVE = {"objects": "file", **_OF_S3, "index": "sqlite", "index_url": ""}


def wrong_place(target: Target) -> _Wrong | None:
    """(field, what it may be in English and Chinese) of the first one that cannot work; None."""
    if target.kind != "archive":
        return _spare(target, _OF_ARCHIVE, ("kind is not archive", "kind 不是 archive"))
    return _wrong_objects(target) or _wrong_index(target) or _wrong_trust(target)


def _wrong_objects(target: Target) -> _Wrong | None:
    if target.objects != "s3":
        return _spare(target, _OF_S3, ("objects is not s3", "objects 不是 s3"))
    if not _is_endpoint(target.s3_endpoint):
        return "s3_endpoint", "http://HOST:PORT or https://HOST", "http://主机:端口 或 https://主机"
    if not _BUCKET.fullmatch(target.s3_bucket):
        return (
            "s3_bucket",
            "the name of a bucket: 3 to 63 of a-z 0-9 . -",
            "存储桶名称：3 到 63 个字符，限 a-z 0-9 . -",
        )
    if not _PREFIX.fullmatch(target.s3_prefix):
        return (
            "s3_prefix",
            "empty, or parts of A-Z a-z 0-9 . _ - with / between",
            "留空，或由 / 分隔的若干段，限 A-Z a-z 0-9 . _ -",
        )
    if not _REGION.fullmatch(target.s3_region):
        return "s3_region", "the name of a region, such as us-east-1", "区域名称，如 us-east-1"
    return None


def _wrong_index(target: Target) -> _Wrong | None:
    if target.index != "postgres":
        return _spare(target, {"index_url": ""}, ("index is not postgres", "index 不是 postgres"))
    if not _is_postgres(target.index_url):
        modes = ", ".join(_TLS_MODES)
        return (
            "index_url",
            "postgresql://HOST:PORT/DATABASE, without user and password; behind it ?sslmode= and "
            f"one of {modes}, or nothing",
            f"postgresql://主机:端口/数据库，不含用户名和密码；其后可接 ?sslmode=（{modes} 之一）",
        )
    if not target.username:
        return "username", "a name, because index is postgres", "用户名（index 为 postgres 时必填）"
    return None


def _wrong_trust(target: Target) -> _Wrong | None:
    tls = target.s3_endpoint.startswith("https:") or target.index == "postgres"
    if target.ca_certs and not tls:
        return (
            "ca_certs",
            "empty, because neither objects nor index are behind TLS",
            "留空（objects 和 index 均未使用 TLS）",
        )
    return None


def _spare(target: Target, fields: dict[str, str], why: tuple[str, str]) -> _Wrong | None:
    for name, unsaid in fields.items():
        if getattr(target, name) != unsaid:
            what = (unsaid, unsaid) if unsaid else ("empty", "留空")
            return name, f"{what[0]}, because {why[0]}", f"{what[1]}（{why[1]}）"
    return None


def _is_endpoint(text: str) -> bool:
    url = _url(text, ("http", "https"))
    return url is not None and url.path in {"", "/"} and not url.query


def _is_postgres(text: str) -> bool:
    url = _url(text, ("postgresql",))
    if url is None or not re.fullmatch(r"/[A-Za-z0-9_.-]{1,63}", url.path):
        return False
    options = parse_qsl(url.query, keep_blank_values=True)
    return options == [] or (
        len(options) == 1 and options[0][0] == "sslmode" and options[0][1] in _TLS_MODES
    )


def _url(text: str, schemes: tuple[str, ...]) -> SplitResult | None:
    """The parts of a URL that names a host and nobody's password; None: it is none."""
    try:
        url = urlsplit(text)
        fits = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    odd = "@" in url.netloc or re.search(r"[^\w.:-]", url.hostname or "") or url.fragment
    return url if fits and not odd and not re.search(r"\s", text) else None
