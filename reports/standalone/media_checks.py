"""Whether the files in a pack are those that its messages carried."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from reports.standalone.words import Check, Damaged, counted, why
from sinks.ledger.sm3 import sm3

_MD5 = re.compile("[0-9a-f]{32}")
_MD5_IN = re.compile(b"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
MEDIA, MEDIA_HEAD = "media.json", "media-"
_FILES = "media"
_ODD = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def media_checks(files: dict[str, bytes], events: list[dict[str, Any]]) -> list[Check]:
    """Every check of the files that messages carried; none where the pack names none.

    Args:
        events: rows of events.jsonl.
    """
    contents = {name for name in files if name.startswith(MEDIA_HEAD)}
    if MEDIA not in files and not contents:
        return []
    try:
        rows = json.loads(files[MEDIA])["files"]
        raws = {row["n"]: base64.b64decode(row["raw"]) for row in events}
        named = [row for row in rows if row["file"]]
        if sorted(row["file"] for row in named) != sorted(contents):
            raise Damaged("it does not name the files that are here", "所载文件与包内文件不符")
        carried = {number: _digests_in(raws[number]) for number in {row["n"] for row in named}}
        odd = [trouble for row in named if (trouble := _other(row, files, carried))]
    except _ODD as error:
        en, zh = why(error)
        if MEDIA not in files:
            en, zh = f"{MEDIA} is missing", f"缺少 {MEDIA}"
        return [Check(_FILES, False, en, zh)]
    if odd:
        odd.sort(key=lambda one: one[0] is None)
        en, zh = "; ".join(one for _, one, _ in odd), "；".join(one for _, _, one in odd)
        return [Check(_FILES, odd[0][0], en, zh)]
    fit = "fits the md5 in its message" if len(named) == 1 else "fit the md5 in their messages"
    en = f"{counted(len(named), 'file')} {fit}"
    zh = f"{len(named)} 个文件与消息所载 md5 一致"
    if left := len(rows) - len(named):
        en, zh = (
            f"{en}; {left} {'is' if left == 1 else 'are'} named and not in the pack",
            f"{zh}；另有 {left} 个仅载明、未收录",
        )
    return [Check(_FILES, True, en, zh)]


def _digests_in(raw: bytes) -> set[bytes]:
    """Whatever may be an md5 in a record, found in one reading of it."""
    return set(_MD5_IN.findall(raw.lower()))


def _other(
    row: dict[str, Any], files: dict[str, bytes], carried: dict[int, set[bytes]]
) -> tuple[bool | None, str, str] | None:
    """What does not fit; None for its first part where WeCom itself may be wrong."""
    name, number = row["file"], row["n"]
    data, stated = files[name], str(row["md5"])
    if sm3(data) != row["sm3"]:
        return False, f"{name} is not the content that was stored", f"{name} 不是归档所存的内容"
    if stated and not _MD5.fullmatch(stated):
        return False, f"{name}: its md5 is none", f"{name}：md5 无效"
    if not stated:
        return None, f"{name}: its message states no md5", f"{name}：消息未载明 md5"
    if stated.encode() not in carried[number]:
        return False, f"record {number} does not carry {name}", f"第 {number} 条消息并不携带 {name}"
    if hashlib.md5(data).hexdigest() != stated:  # noqa: S324 - WeCom's own check, not our proof
        return None, f"{name} is not what the md5 of WeCom says", f"{name} 与企业微信所记 md5 不符"
    return None
