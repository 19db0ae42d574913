"""The vendor's C library behind the port, by ctypes.

Bound by the interface its users know (docs/ingest-archive.md names what was never tried with the
real library): a slice is made by the caller, filled by the library, read by length, and freed on
every path. The library is loaded by path; it reads no environment but what libcurl reads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.archive.port import PAGE_LIMIT, ArchiveError, MediaChunk
from rules.errors import MingjianError

_TEXT, _NUMBER, _HANDLE = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
# name: (result, arguments)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "NewSdk": (_HANDLE, ()),
    "Init": (_NUMBER, (_HANDLE, _TEXT, _TEXT)),
    "DestroySdk": (None, (_HANDLE,)),
    "GetChatData": (
        _NUMBER,
        (_HANDLE, ctypes.c_ulonglong, ctypes.c_uint, _TEXT, _TEXT, _NUMBER, _HANDLE),
    ),
    "DecryptData": (_NUMBER, (_TEXT, _TEXT, _HANDLE)),
    "GetMediaData": (_NUMBER, (_HANDLE, _TEXT, _TEXT, _TEXT, _TEXT, _NUMBER, _HANDLE)),
    "NewSlice": (_HANDLE, ()),
    "FreeSlice": (None, (_HANDLE,)),
    "GetContentFromSlice": (_HANDLE, (_HANDLE,)),
    "GetSliceLen": (_NUMBER, (_HANDLE,)),
    "NewMediaData": (_HANDLE, ()),
    "FreeMediaData": (None, (_HANDLE,)),
    "GetOutIndexBuf": (_HANDLE, (_HANDLE,)),
    "GetIndexLen": (_NUMBER, (_HANDLE,)),
    "GetData": (_HANDLE, (_HANDLE,)),
    "GetDataLen": (_NUMBER, (_HANDLE,)),
    "IsMediaDataFinish": (_NUMBER, (_HANDLE,)),
}


class SdkClient:
    """The archive of one company through the real SDK.

    Args:
        library: path of `libWeWorkFinanceSdk_C.so`, the one for this machine's processor.
        secret: of the session archive, not of another application.
        proxy, proxy_password: as the SDK wants them ("http://HOST:PORT", "USER:PASSWORD"), or "".

    Raises:
        MingjianError: the library cannot be loaded or is another one.
        ArchiveError: it refuses company or secret.
    """

    def __init__(
        self, library: Path, corpid: str, secret: str, proxy: str = "", proxy_password: str = ""
    ) -> None:
        self._handle = 0
        self._do = _load(library)
        self._proxy, self._proxy_password = proxy.encode(), proxy_password.encode()
        handle = self._do["NewSdk"]()
        if not handle:
            raise ArchiveError(10_003, "NewSdk", "no memory")
        code = self._do["Init"](handle, corpid.encode(), secret.encode())
        if code:
            self._do["DestroySdk"](handle)
            raise ArchiveError(code, "Init")
        self._handle = handle

    def get_chat_data(self, seq: int, limit: int, timeout: int) -> bytes:
        """A page as JSON."""
        if not (0 <= seq < 2**64 and 1 <= limit <= PAGE_LIMIT):
            # C would cut the number off and ask for other messages
            raise ArchiveError(10_000, "GetChatData", "seq or limit out of range")
        with self._slice() as made:
            code = self._do["GetChatData"](
                self._handle, seq, limit, self._proxy, self._proxy_password, timeout, made
            )
            if code:
                raise ArchiveError(code, "GetChatData")
            return self._content(made)

    def decrypt(self, random_key: bytes, encrypt_chat_msg: str) -> bytes:
        """The plaintext of a message."""
        if b"\0" in random_key or "\0" in encrypt_chat_msg:  # C would stop reading there
            raise ArchiveError(10_006, "DecryptData")
        with self._slice() as made:
            code = self._do["DecryptData"](random_key, encrypt_chat_msg.encode(), made)
            if code:
                raise ArchiveError(code, "DecryptData")
            return self._content(made)

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        """The next part of a file."""
        made = self._do["NewMediaData"]()
        if not made:
            raise ArchiveError(10_003, "NewMediaData", "no memory")
        try:
            code = self._do["GetMediaData"](
                self._handle,
                index.encode(),
                file_id.encode(),
                self._proxy,
                self._proxy_password,
                timeout,
                made,
            )
            if code:
                raise ArchiveError(code, "GetMediaData")
            data = self._bytes("GetData", "GetDataLen", made)
            following = self._bytes("GetOutIndexBuf", "GetIndexLen", made)
            finished = bool(self._do["IsMediaDataFinish"](made))
        finally:
            self._do["FreeMediaData"](made)
        return MediaChunk(data, following.rstrip(b"\0").decode("ascii", "replace"), finished)

    def close(self) -> None:
        """Destroy the SDK's handle; a second time does nothing."""
        if self._handle:
            self._do["DestroySdk"](self._handle)
            self._handle = 0

    @contextmanager
    def _slice(self) -> Iterator[int]:
        made = self._do["NewSlice"]()
        if not made:
            raise ArchiveError(10_003, "NewSlice", "no memory")
        try:
            yield made
        finally:
            self._do["FreeSlice"](made)

    def _content(self, made: int) -> bytes:
        return self._bytes("GetContentFromSlice", "GetSliceLen", made)

    def _bytes(self, start: str, length: str, of: int) -> bytes:
        """A copy: the library's own memory goes with the slice."""
        at, size = self._do[start](of), self._do[length](of)
        return ctypes.string_at(at, size) if at and size > 0 else b""


def _load(library: Path) -> dict[str, Callable[..., Any]]:
    if not library.is_file():
        raise MingjianError(
            f"ingest.archive.library is {library}, and there is no such file",
            f"ingest.archive.library 的值是 {library}，而该文件不存在",
            fix_en="download the SDK for Linux from WeCom's page on the session archive",
            fix_zh="请从企业微信“会话内容存档”文档页下载 Linux 版 SDK",
        )
    try:
        loaded = ctypes.CDLL(str(library.resolve()))
    except OSError as error:
        raise MingjianError(
            f"{library} cannot be loaded: {error}",
            f"{library} 无法加载：{error}",
            fix_en="take the SDK for this processor (x86 or arm) and this system's C library",
            fix_zh="请使用与本机处理器（x86 或 arm）和 C 运行库相符的 SDK",
        ) from None
    bound: dict[str, Callable[..., Any]] = {}
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise MingjianError(
                f"{library} has no function {name}: it is not the C library of the archive",
                f"{library} 中没有函数 {name}：它不是会话存档的 C 语言库",
                fix_en="the file is called libWeWorkFinanceSdk_C.so",
                fix_zh="文件名应为 libWeWorkFinanceSdk_C.so",
            ) from None
        function.restype, function.argtypes = result, arguments
        bound[name] = function
    return bound
