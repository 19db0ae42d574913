"""The door to the archive: what the collector asks of it, and the codes it refuses with.

Two stand behind this door: `ingest.archive.sdk`, the vendor's C library, and
`ingest.archive.simulator`, which is ours and says so.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

PAGE_LIMIT = 1000  # most messages a call may ask for
CHUNK_BYTES = 512 * 1024  # most bytes of media that one call gives
CALLS_PER_MINUTE = 600  # that WeCom allows
KEEP_DAYS = 5  # for which a message can be fetched


class Code(NamedTuple):
    """What a code of the SDK means. `again`: asking again may help."""

    again: bool
    en: str
    zh: str


PARAMETER, NETWORK, PARSING, SYSTEM, KEY_FAILED, FILE_ID = range(10_000, 10_006)
DECRYPTION, KEY_UNKNOWN, KEY_UNREADABLE, ADDRESS, EXPIRED, CERTIFICATE = range(10_006, 10_012)
BUSY, TOO_MANY_CALLS = -1, 45_009  # of WeCom's other interfaces, should they come in a page

CODES: dict[int, Code] = {
    PARAMETER: Code(False, "a parameter is wrong", "参数错误"),
    NETWORK: Code(True, "the network failed", "网络错误"),
    PARSING: Code(True, "the answer could not be read", "数据解析失败"),
    SYSTEM: Code(True, "WeCom's system failed", "系统失败"),
    KEY_FAILED: Code(False, "the key could not be applied", "密钥错误导致加密失败"),
    FILE_ID: Code(False, "the file id is wrong", "文件标识（sdkfileid）错误"),
    DECRYPTION: Code(False, "decryption failed", "解密失败"),
    KEY_UNKNOWN: Code(False, "no private key of that version", "找不到该版本的私钥"),
    KEY_UNREADABLE: Code(False, "the encrypted key could not be read", "解析加密密钥失败"),
    ADDRESS: Code(
        False,
        "this machine's address is not among the trusted ones of the archive",
        "本机地址不在会话存档的可信 IP 之列",
    ),
    EXPIRED: Code(False, "the data has expired", "数据已过期"),
    CERTIFICATE: Code(False, "the certificate is wrong", "证书错误"),
    BUSY: Code(True, "WeCom is busy", "系统繁忙"),
    TOO_MANY_CALLS: Code(True, "too many calls", "调用次数超过限制"),
}
_UNKNOWN = Code(False, "WeCom refuses", "企业微信拒绝了请求")


class ArchiveError(Exception):
    """The archive refused a call.

    `code` is one of `CODES`, or another that WeCom wrote into a page; `doing` names the function.
    """

    def __init__(self, code: int, doing: str, remark: str = "") -> None:
        super().__init__(f"{doing}: {code} {remark}".rstrip())
        self.code, self.doing, self.remark = code, doing, remark
        self.meaning = CODES.get(code, _UNKNOWN)

    @property
    def again(self) -> bool:
        """Whether asking again may help."""
        return self.meaning.again

    def text(self) -> tuple[str, str]:
        """In English and in Chinese; `remark` is the source's own word and may hold no content."""
        remark = f" ({self.remark})" if self.remark else ""
        return (
            f"{self.doing}: {self.meaning.en}, code {self.code}{remark}",
            f"{self.doing}：{self.meaning.zh}，错误码 {self.code}{remark}",
        )


class MediaChunk(NamedTuple):
    """A part of a file, and what to ask for the next one with."""

    data: bytes
    next_index: str
    finished: bool


class ArchiveClient(Protocol):
    """One company's archive. Not for several threads at once. Every call may raise ArchiveError."""

    def get_chat_data(self, seq: int, limit: int, timeout: int) -> bytes:
        """A page as JSON: encrypted messages behind `seq`, at most `limit`.

        Args:
            seq: 0 to 2^64-1; the answer begins with the next one there is.
            limit: 1 to `PAGE_LIMIT`.
            timeout: seconds.
        """

    def decrypt(self, random_key: bytes, encrypt_chat_msg: str) -> bytes:
        """The plaintext of a message. Local: no call over the network.

        Args:
            random_key: what RSA made of the message's `encrypt_random_key`.
        """

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        """The next part of a file; `index` is "" for the first one."""

    def close(self) -> None:
        """Give back what is held."""
