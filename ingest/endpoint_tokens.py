"""Who may send over HTTP: tokens, each with the name of a source."""

from __future__ import annotations

import hashlib
import hmac
import re

from rules.errors import EXIT_USAGE, MingjianError

VARIABLE = "MINGJIAN_INGEST_TOKEN"
DEFAULT_SOURCE = "http"
_SHORTEST = 16
_ENTRY = re.compile(r"(?:([A-Za-z0-9][A-Za-z0-9_-]{0,63}):)?([\x21-\x2b\x2d-\x7e]+)")


class Tokens:
    """The tokens of the environment: `TOKEN` or `SOURCE:TOKEN`, several with commas.

    One source may have several, so that a new one is given out before the old one goes.

    Raises:
        MingjianError: none, or one that is too short to be a secret. It is never quoted.
    """

    def __init__(self, written: str) -> None:
        self._sources: list[tuple[bytes, str]] = []
        entries = [one.strip() for one in written.split(",") if one.strip()]
        if not entries:
            raise _refused(f"{VARIABLE} is not set", f"未设置 {VARIABLE}")
        for number, entry in enumerate(entries, 1):
            found = _ENTRY.fullmatch(entry)
            if not found:
                raise _refused(
                    f"{VARIABLE}: entry {number} is neither TOKEN nor SOURCE:TOKEN",
                    f"{VARIABLE}：第 {number} 项既不是 令牌 也不是 来源:令牌",
                )
            if len(found[2]) < _SHORTEST:
                raise _refused(
                    f"{VARIABLE}: token {number} has fewer than {_SHORTEST} characters",
                    f"{VARIABLE}：第 {number} 项的令牌不足 {_SHORTEST} 个字符",
                )
            self._sources.append((_digest(found[2].encode()), found[1] or DEFAULT_SOURCE))

    @property
    def sources(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(source for _, source in self._sources))

    def source(self, authorization: str) -> str:
        """The source of an Authorization header; "" when its token is none of ours.

        Every token is compared, and digests of one length are: the time that takes tells nothing.
        """
        scheme, _, given = authorization.partition(" ")
        digest = _digest(given.strip().encode("utf-8", "surrogateescape"))
        found = ""
        for known, source in self._sources:
            if hmac.compare_digest(known, digest):
                found = source
        return found if scheme.lower() == "bearer" else ""


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _refused(en: str, zh: str) -> MingjianError:
    return MingjianError(
        en,
        zh,
        fix_en="set it to TOKEN, or SOURCE:TOKEN,SOURCE:TOKEN; make one: openssl rand -hex 32",
        fix_zh="请设为 令牌，或 来源:令牌,来源:令牌；可用 openssl rand -hex 32 生成",
        exit_code=EXIT_USAGE,
    )
