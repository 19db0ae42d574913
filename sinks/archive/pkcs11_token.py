"""A token behind PKCS#11: found, logged into once, and opened again when it was lost.

PKCS#11 (OASIS, 2.40) is the interface of hardware security modules: a shared library of the
vendor's that shows tokens in slots. What is awkward about it is kept here:

- Logging in is for the whole process, so all that use a token share one session.
- The library is told nothing about threads, so there is one call at a time.
- It does not survive a fork: a child process is refused, before it can do harm.
- Slots get other numbers when a module starts anew: a token is found by its label or serial number.
- A few wrong PINs lock a token. A PIN that was refused is not tried again by this process, and the
  last try that a token grants is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pkcs11
from pkcs11 import PKCS11Error, Session, Token, TokenFlag

from rules.errors import MingjianError

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library

PIN_VARIABLE = "MINGJIAN_PKCS11_PIN"
_LOCK = threading.RLock()
_Result = TypeVar("_Result")


class TokenAway(MingjianError, OSError):
    """The token does not answer now; it may again. Who can wait, waits."""


class PinRefused(MingjianError):
    """The token does not take the PIN, or it is not tried."""


class _Module(NamedTuple):
    """A loaded library, the process that loaded it, and sessions by label and serial number."""

    lib: Library
    pid: int
    sessions: dict[tuple[str, str], Session]

    def start_anew(self) -> None:
        """What a module forgets when it is unplugged or started anew, it is told again."""
        self.sessions.clear()
        with contextlib.suppress(PKCS11Error):
            self.lib.finalize()
        self.lib.initialize()


_MODULES: dict[str, _Module] = {}
_REFUSED: set[bytes] = set()


class HsmToken:
    """A token that work is done in.

    Args:
        library: the vendor's PKCS#11 library (path).
        label, serial: which token; one of them may be empty.
        pin: the user's PIN.
    """

    def __init__(self, library: str, *, label: str = "", serial: str = "", pin: str) -> None:
        self._library, self._label, self._serial, self._pin = library, label, serial, pin
        self.place = f"{'/'.join(filter(None, (label, serial)))} ({library})"

    def run(self, work: Callable[[Session], _Result]) -> _Result:
        """What `work` makes of a session that is logged in. When the token does not answer, it is
        opened anew, and `work` is done once more from its beginning.

        Raises:
            TokenAway: it does not answer then either, or is not there.
            PinRefused: see there.
            MingjianError: the library cannot be used, or this process was forked.
        """
        _not_forked(self._library)
        with _LOCK:
            module = _loaded(self._library)
            try:
                return work(self._session(module))
            except PKCS11Error:
                pass
            try:
                module.start_anew()
                return work(self._session(module))
            except PKCS11Error as error:
                raise self._away(error) from None

    def _session(self, module: _Module) -> Session:
        named = (self._label, self._serial)
        session = module.sessions.get(named)
        if session is None:
            session = module.sessions[named] = self._log_in(self._find(module))
            return session
        # a search on a lost session leaves something behind that complains later; this does not
        with contextlib.suppress(pkcs11.RandomNoRNG, pkcs11.FunctionNotSupported):
            session.generate_random(64)
        return session

    def _find(self, module: _Module) -> Token:
        there = [one for one in module.lib.get_tokens() if one.label]
        found = [
            one
            for one in there
            if self._label in ("", one.label) and self._serial.encode() in (b"", one.serial)
        ]
        if not found:
            names = sorted(f"{one.label}/{_serial(one)}" for one in there)
            raise pkcs11.NoSuchToken(", ".join(names))
        if len(found) > 1:
            serials = ", ".join(sorted(map(_serial, found)))
            raise MingjianError(
                f"{len(found)} tokens of {self._library} are called {self._label}",
                f"{self._library} 中有 {len(found)} 个令牌都叫 {self._label}",
                fix_en=f"say which by its serial number (keys.serial): {serials}",
                fix_zh=f"请用序列号指明是哪一个（keys.serial）：{serials}",
            )
        return found[0]

    def _log_in(self, token: Token) -> Session:
        # of the process alone, never written down: of a short PIN even a digest is a secret
        known = hashlib.new("sm3", token.serial + b"\0" + self._pin.encode()).digest()
        if not self._pin:
            raise self._refused("is not given", "没有给出")
        if known in _REFUSED:
            raise self._refused(
                "was refused before and is not tried again", "此前已被拒绝，不再尝试"
            )
        if why := not_to_try(token.flags):
            raise self._refused(*why)
        try:
            return token.open(user_pin=self._pin)
        except pkcs11.UserAlreadyLoggedIn:  # by something else in this process
            return token.open()
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            _REFUSED.add(known)
            raise self._refused("is wrong", "不正确") from None
        except pkcs11.PinLocked:
            raise self._refused(*_LOCKED) from None
        except (pkcs11.PinExpired, pkcs11.UserPinNotInitialized):
            raise self._refused("has expired or was never set", "已过期或从未设置") from None

    def _refused(self, en: str, zh: str) -> PinRefused:
        return PinRefused(
            f"the PIN of the token {self.place} {en}",
            f"令牌 {self.place} 的 PIN {zh}",
            fix_en=f"set {PIN_VARIABLE} to the user's PIN, have the token unlocked if it is locked,"
            " and start again",
            fix_zh=f"请将 {PIN_VARIABLE} 设为用户 PIN；若令牌已锁，请先解锁；然后重新启动",
        )

    def _away(self, error: PKCS11Error) -> TokenAway:
        if isinstance(error, pkcs11.NoSuchToken):
            there = str(error)
            return TokenAway(
                f"the token {self.place} is not there; there is {there or 'no token at all'}",
                f"令牌 {self.place} 不存在；现有：{there or '无任何令牌'}",
                fix_en="plug it in or start the module, or correct keys.token and keys.serial",
                fix_zh="请接入令牌或启动密码机，或更正 keys.token 与 keys.serial",
            )
        return TokenAway(
            f"the token {self.place} does not answer: {_words(error)}",
            f"令牌 {self.place} 没有响应：{_words(error)}",
            fix_en="look at the module; it is asked again",
            fix_zh="请检查密码机；之后会再次尝试",
        )


_LOCKED = ("is locked after too many wrong ones", "因多次输错已被锁定")


def not_to_try(flags: int) -> tuple[str, str] | None:
    """Why a token with these flags must not be given a PIN, in English and Chinese."""
    if flags & TokenFlag.USER_PIN_LOCKED:
        return _LOCKED
    if flags & TokenFlag.USER_PIN_FINAL_TRY:
        return (
            "was wrong so often that the next wrong one locks the token: it is not tried; log in"
            " once with the vendor's own tool",
            "已多次输错，再错一次令牌即被锁定，因此不再尝试；请先用厂商工具登录一次",
        )
    return None


def _not_forked(library: str) -> None:
    module = _MODULES.get(library)
    if module is not None and module.pid != os.getpid():
        raise MingjianError(
            f"{library} was loaded before this process was forked, and cannot be used in it",
            f"{library} 在本进程派生之前已加载，不能在派生的进程中使用",
            fix_en="start processes anew instead of forking (multiprocessing: spawn)",
            fix_zh="请重新启动进程，不要派生（multiprocessing：spawn）",
        )


def _loaded(library: str) -> _Module:
    module = _MODULES.get(library)
    if module is None:
        try:
            module = _Module(pkcs11.lib(library), os.getpid(), {})
        except PKCS11Error as error:
            raise MingjianError(
                f"{library} cannot be used as a PKCS#11 library: {_words(error)}",
                f"{library} 无法作为 PKCS#11 库使用：{_words(error)}",
                fix_en="name the vendor's library of this machine's kind (keys.library), and look "
                "at its own settings",
                fix_zh="请填写厂商提供的、适合本机的库（keys.library），并检查其自身配置",
            ) from None
        _MODULES[library] = module
    return module


def _serial(token: Token) -> str:
    return token.serial.decode(errors="replace")


def _words(error: PKCS11Error) -> str:
    return str(error) or type(error).__name__
