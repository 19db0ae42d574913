"""Time-stamping authorities that the ledger's heads are shown to, as the settings name them."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from config.written import Key, Written, nearest, refusal

HASHES = ("sm3", "sha256")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One authority (RFC 3161). The password is not written here: MINGJIAN_<NAME>_PASSWORD, the
    name in capitals, with _ for what is no letter and no digit."""

    name: str
    url: str
    ca_file: str  # certificates its stamps have to lead to, PEM
    hash: str = "sm3"  # many public authorities take only sha256
    username: str = ""
    ca_certs: str = ""  # of its server, for TLS with an authority of its own

    def password(self, environment: Mapping[str, str] = os.environ) -> str:
        """The value of MINGJIAN_<NAME>_PASSWORD, "" without one."""
        return environment.get(f"MINGJIAN_{_variable(self.name)}_PASSWORD", "")


class Stamps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who stamps the newest signed head, and how often."""

    every_minutes: int = 60
    authorities: tuple[Authority, ...] = ()


def check_stamps(stamps: Stamps, taken: Iterable[str], written: Written | None = None) -> None:
    """Refuse an authority that could never stamp anything.

    Args:
        taken: names of targets and channels, whose passwords are named alike.

    Raises:
        MingjianError: names the place, what was given and what is allowed.
    """
    written = written or Written("", None)
    variables = {_variable(name) for name in taken}
    for index, authority in enumerate(stamps.authorities):
        if wrong := _wrong_in(authority, variables):
            field, en, zh = wrong
            key: Key = ("stamps", "authorities", str(index), field)
            given = getattr(authority, field)
            hint = nearest(given, HASHES) if field == "hash" else ("", "")
            raise refusal(written.place(key), key, given, (en, zh), hint)
        variables.add(_variable(authority.name))


def _wrong_in(authority: Authority, variables: set[str]) -> tuple[str, str, str] | None:
    """(field, what it may be in English and Chinese) of the first one that cannot work."""
    if not _NAME.fullmatch(authority.name):
        chars = "A-Z a-z 0-9 . _ -"
        return (
            "name",
            f"1 to 100 of {chars}, a letter or digit first",
            f"1 到 100 个字符，限 {chars}，首字符为字母或数字",
        )
    if _variable(authority.name) in variables:
        return (
            "name",
            "a name that no other authority, target or channel has",
            "与其他时间戳机构、目标、渠道不同的名字",
        )
    if not _is_address(authority.url):
        return (
            "url",
            "https://HOST/PATH or http://HOST/PATH, without password",
            "https://主机/路径 或 http://主机/路径，不含密码",
        )
    if authority.hash not in HASHES:
        return "hash", ", ".join(HASHES), "、".join(HASHES)
    if not _are_certificates(authority.ca_file):
        return "ca_file", "a file of certificates (PEM) that is there", "存在的证书文件（PEM）"
    tls = authority.url.startswith("https:")
    for field in ("username", "ca_certs"):
        if getattr(authority, field) and not tls:
            return field, "empty, because the url is without TLS", "留空（url 未使用 TLS）"
    if authority.ca_certs and not _are_certificates(authority.ca_certs):
        return "ca_certs", "a file of certificates (PEM) that is there", "存在的证书文件（PEM）"
    return None


def _variable(name: str) -> str:
    return re.sub("[^A-Z0-9]", "_", name.upper())


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        (url.hostname or "").encode("idna")  # no name of a host: a ValueError
        fits = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
        return fits and not (url.username or url.password or re.search(r"\s", text))
    except ValueError:
        return False


def _are_certificates(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):  # what is no certificate is an OSError, too
        return False
    return True
