"""What the verifier says to people, in Chinese and in English: outcomes, damage, the verdict."""

from __future__ import annotations

import binascii
import json
import os
import re
import zipfile
import zlib
from typing import NamedTuple

TRUST, OPENINGS = "key trust", "openings"
_NAMES = {
    "archive": "压缩包",
    "signature": "签名",
    TRUST: "公钥核对",
    "openssl": "OpenSSL 复核",
    "PDF attachments": "PDF 附件",
    "custody chain": "保管链",
    "records": "原始记录",
    "alert members": "告警记录",
    "completeness": "完整性声明",
    "asked for": "检索范围",
    "rule": "规则",
    "redactions": "遮盖",
    OPENINGS: "披露核对",
    "media": "文件内容",
    "figures": "统计数字",
    "ledger head": "账本签名头",
    "ledger entries": "账本条目",
    "ledger gaps": "未登入账本",
    "ledger extends": "账本延续",
    "time stamp": "可信时间戳",
}


def counted(number: int, one: str, more: str = "") -> str:
    """English for a number of things: "1 file", "2 files", "1,000 files"; `more` where it is not
    `one` with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


INSIDE, _INSIDE_ZH = "inner: ", "内层清单："  # a file as the inner manifest lists it


class Check(NamedTuple):
    """Outcome of one check: `ok` is True, False, or None for "could not be judged here"."""

    name: str
    ok: bool | None
    en: str
    zh: str

    def title(self, language: str) -> str:
        """The name for people; file names stay as they are."""
        if language != "zh":
            return self.name
        if self.name.startswith(INSIDE):
            return _INSIDE_ZH + self.name[len(INSIDE) :]
        what, gap, whose = self.name.partition(" (")
        return _NAMES.get(what, what) + gap + whose


class Outcome(NamedTuple):
    """All checks of a pack in reading order, and the fingerprint of its key ("" if unusable)."""

    checks: list[Check]
    key: str

    @property
    def whole(self) -> bool:
        """No check of the pack itself failed: whose key it is and what is given with it aside."""
        own = [one for one in self.checks if one.name not in (TRUST, OPENINGS)]
        return bool(own) and all(one.ok is not False for one in own)

    @property
    def openings_fit(self) -> bool:
        """Nothing is given with it that says what was taken out and does not fit."""
        return all(one.ok is not False for one in self.checks if one.name == OPENINGS)

    @property
    def key_known(self) -> bool | None:
        """Whether the key is the expected one; None when nobody said which one to expect."""
        return next((check.ok for check in self.checks if check.name == TRUST), None)

    @property
    def passed(self) -> bool:
        """No check failed. Without a fingerprint to compare, this says nothing of who signed."""
        return self.whole and self.key_known is not False and self.openings_fit

    def verdict(self, language: str) -> str:
        """One sentence; it says so when nobody knows whose key it is."""
        key = self.key
        if not self.whole:
            en = "verification FAILED; do not rely on this pack"
            zh = "校验未通过，此证据包不可采信"
        elif not self.openings_fit:
            en = "verification FAILED: the pack is whole, the openings given with it do not fit it"
            zh = "校验未通过：证据包完整，但所给的披露文件与之不符"
        elif self.key_known:
            en = f"the pack is whole and unaltered, signed by the key you expect, {key}"
            zh = f"证据包完整，未见改动；签名公钥与预期一致：{key}"
        elif self.key_known is None:
            en = (
                "the pack is whole and unaltered, signed by a key that is not known here: compare "
                f"the fingerprint {key} with the one the issuer gives you another way"
            )
            zh = (
                "证据包完整，未见改动，但签名公钥在此未知：请将公钥指纹 "
                f"{key} 与制作单位另行提供的指纹比对"
            )
        else:
            en = (
                "verification FAILED: the pack is whole, but signed by ANOTHER key than the one "
                f"expected: {key}; do not rely on it unless the issuer confirms this fingerprint"
            )
            zh = (
                "校验未通过：证据包完整，但签名公钥不是预期的公钥，而是 "
                f"{key}；除非制作单位确认此指纹，否则不可采信"
            )
        return zh if language == "zh" else en


NO_FINGERPRINT = "a fingerprint is 64 digits, 0 to 9 and a to f", "指纹为 64 位十六进制数字"


def fingerprint_in(text: str) -> str:
    """The digits of a fingerprint as people write it, with blanks or colons; "" if it is none."""
    digits = re.sub(r"[\s:]", "", text).lower()
    return digits if re.fullmatch("[0-9a-f]{64}", digits) else ""


def shown(text: str) -> str:
    """Text from a pack for a screen: what is no visible character as its code, so that nothing in
    a pack moves the cursor or hides."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


class Damaged(ValueError):
    """Something in a pack that is not as it must be, said for people."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


# what sm2.py says of a key or a signature -> the same in Chinese
_SM2 = {
    "not a public key in PEM": "不是 PEM 格式的公钥",
    "not an SM2 public key": "不是 SM2 公钥",
    "not a point of the SM2 curve": "不是 SM2 曲线上的点",
    "not a DER sequence": "不是 DER 序列",
    "not a positive DER integer in shortest form": "不是最短形式的正 DER 整数",
    "not two DER integers": "不是两个 DER 整数",
}
_BY_KIND = (
    (RecursionError, "it is nested without end", "嵌套层数过多"),
    (UnicodeDecodeError, "it is not UTF-8 text", "不是 UTF-8 文本"),
    (binascii.Error, "its base64 is damaged", "base64 内容已损坏"),
    (zlib.error, "its compressed bytes are damaged", "压缩数据已损坏"),
    (zipfile.BadZipFile, "its bytes are damaged", "内容已损坏"),
    (EOFError, "its end is missing", "末尾缺失"),
    (NotImplementedError, "packed in an unknown way", "压缩方式不受支持"),
    (RuntimeError, "it is encrypted", "已加密"),
)  # fmt: skip


def why(error: Exception) -> tuple[str, str]:
    """(English, Chinese): what an error means, without the names Python gives to errors."""
    if isinstance(error, Damaged):
        return error.en, error.zh
    if isinstance(error, json.JSONDecodeError):
        line, column = error.lineno, error.colno
        if not error.doc:
            return "it is empty", "内容为空"
        return (
            f"it is not JSON (line {line}, character {column})",
            f"不是 JSON（第 {line} 行第 {column} 个字符）",
        )
    if isinstance(error, KeyError):
        return f'the entry "{error.args[0]}" is missing', f"缺少“{error.args[0]}”一项"
    if str(error) in _SM2:
        return str(error), _SM2[str(error)]
    for kind, en, zh in _BY_KIND:
        if isinstance(error, kind):
            return en, zh
    return "it is not built as such a file is", "结构与此类文件不符"


PACK = ("", "")
OPENED = (", given with --openings", "（由 --openings 给出）")
GIVEN = (", given with --given", "（由 --given 给出）")


def unreadable(path: str, what: tuple[str, str] = PACK) -> tuple[str, str] | None:
    """(English, Chinese): why the file at `path` cannot be read at all; None when it can.

    Args:
        what: how it was named, of a file beside the pack.
    """
    en, zh = what
    try:
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        return f"there is no file {path}{en}", f"没有文件 {path}{zh}"
    except IsADirectoryError:
        return f"{path}{en} is a folder, not a file", f"{path}{zh} 是目录，不是文件"
    except PermissionError:
        return f"you may not read {path}{en}", f"没有读取 {path}{zh} 的权限"
    except (OSError, ValueError):
        return f"{path}{en} cannot be read", f"无法读取 {path}{zh}"
    return None


def language(chosen: str | None, place: str | None) -> str:
    """ "zh" or "en": what was chosen, else the environment, else the system's locale `place`."""
    names = ("MINGJIAN_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")
    found = chosen or next((os.environ[name] for name in names if os.environ.get(name)), place)
    return "zh" if (found or "").lower().startswith(("zh", "chinese")) else "en"
