"""A tenant's keys in a token behind PKCS#11: they are made there and never leave it.

A version is an AES-256 key `mingjian/<tenant>/<version>` (its label), sensitive and not
extractable; its id is when it was made (UTC ms, 8 bytes). It wraps with AES-GCM in the token:

    nonce (12, random) | wrapped key | tag (16)

What the wrapped key belongs to is the additional data, so it opens for that alone.
"""

from __future__ import annotations

import secrets
from typing import Any

import pkcs11
from pkcs11 import (
    Attribute,
    GCMParams,
    KeyType,
    Mechanism,
    MechanismFlag,
    ObjectClass,
    PKCS11Error,
    Session,
)

from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused, Wrapped
from sinks.archive.pkcs11_token import HsmToken
from sinks.sm4 import NONCE_BYTES

_AES_BITS = 256
_KIND: dict[Attribute, Any] = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.AES,
}
_PROBE = bytes(16)


class Pkcs11Keys:
    """The keys of a tenant in a token. The first one is made when the first key is wrapped.

    Args:
        token: where they are.
        tenant: whose keys.
        after: versions of this token begin behind this number; those up to it are elsewhere.
        at: UTC ms, when the first version has to be made.
        create: make it when there is none.

    Raises:
        TokenAway, PinRefused, MingjianError: see `HsmToken.run`; the token cannot do AES-GCM, or
            has a version twice.
    """

    def __init__(
        self, token: HsmToken, tenant: str, *, after: int = 0, at: int = 0, create: bool = True
    ) -> None:
        self.tenant, self.place = tenant, f"PKCS#11 {token.place}"
        self._token, self._after, self._at, self._create = token, after, at, create
        self._session: Session | None = None
        self._keys: dict[int, Any] = {}  # of that session; key objects carry mixins without types
        token.run(self._newest)

    def current(self) -> int:
        """See `TenantKeys`; the number before the first one while there is none."""
        return max(self._token.run(self._newest), default=self._after)

    def versions(self) -> tuple[int, ...]:
        """See `TenantKeys`."""
        return tuple(sorted(self._token.run(self._newest)))

    def wrap(self, key: bytes, bound: bytes) -> Wrapped:
        """See `TenantKeys`. A version that another process made a moment ago counts.

        Raises:
            TokenAway: the token does not answer.
            KeyMissing: a version that was there is gone.
        """

        def wrapped(session: Session) -> Wrapped:
            keys = self._newest(session)
            if not keys:
                if not self._create:
                    raise self._none_yet()
                self._make(session, self._after + 1, self._at)
            version, nonce = max(keys), secrets.token_bytes(NONCE_BYTES)
            return Wrapped(version, nonce + _encrypted(keys[version], nonce, key, bound))

        return self._token.run(wrapped)

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """See `TenantKeys`. Raises TokenAway: the token does not answer."""
        nonce, body = wrapped.body[:NONCE_BYTES], wrapped.body[NONCE_BYTES:]

        def unwrapped(session: Session) -> bytes:
            key = self._listed(session).get(wrapped.version) or self._one(session, wrapped.version)
            if key is None:
                raise KeyMissing(self.tenant, wrapped.version, self.place)
            try:
                return _decrypted(key, nonce, body, bound)
            except PKCS11Error:
                _probe(key)  # modules name the reason as they please; so ask what still works
                what = bound.decode(errors="replace")
                raise KeyRefused(what, wrapped.version) from None

        return self._token.run(unwrapped)

    def rotate(self, at: int) -> int:
        """See `TenantKeys`. Who wraps in other processes does so with it from their next key on.

        Raises:
            TokenAway: the token does not answer, or does not make the key.
            MingjianError: another process made the same version at the same time.
        """

        def rotated(session: Session) -> int:
            version = max(self._newest(session), default=self._after) + 1
            self._make(session, version, at)
            return version

        return self._token.run(rotated)

    def _make(self, session: Session, version: int, at: int) -> None:
        with session.token.open(rw=True) as writing:  # logged in, because `session` is
            made = writing.generate_key(
                KeyType.AES,
                _AES_BITS,
                label=self._label(version),
                id=at.to_bytes(8, "big"),
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                },
            )
            if len(self._labelled(writing, version)) > 1:
                made.destroy()
                raise MingjianError(
                    f"version {version} of the key was made twice at the same time in {self.place}",
                    f"{self.place} 中同时两次生成了第 {version} 版密钥",
                    fix_en="do it again",
                    fix_zh="请重做一次",
                )
        self._newest(session)

    def _newest(self, session: Session) -> dict[int, Any]:
        """The versions, also those made since they were listed."""
        keys = self._listed(session)
        while key := self._one(session, version := max(keys, default=self._after) + 1):
            keys[version] = key
        return keys

    def _listed(self, session: Session) -> dict[int, Any]:
        """The versions when this session was opened.

        Raises:
            KeyMissing: one that was there before is gone.
        """
        if session is self._session:
            return self._keys
        if Mechanism.AES_GCM not in session.token.slot.get_mechanisms():
            raise MingjianError(
                f"{self.place} cannot do AES-GCM, which wraps keys",
                f"{self.place} 不支持封装密钥所用的 AES-GCM",
                fix_en="use a module with CKM_AES_GCM, or keys.kind: keystore",
                fix_zh="请使用支持 CKM_AES_GCM 的密码机，或设 keys.kind: keystore",
            )
        found: dict[int, Any] = {}
        for key in list[Any](session.get_objects(_KIND)):
            version = self._version(key.label)
            if version in found:
                raise self._twice(version)
            if version:
                found[version] = key
        if lost := self._keys.keys() - found.keys():
            raise KeyMissing(self.tenant, min(lost), self.place)
        self._session, self._keys = session, found
        return found

    def _one(self, session: Session, version: int) -> Any:
        found = self._labelled(session, version)
        if len(found) > 1:
            raise self._twice(version)
        return found[0] if found else None

    def _labelled(self, session: Session, version: int) -> list[Any]:
        return list(session.get_objects({**_KIND, Attribute.LABEL: self._label(version)}))

    def _label(self, version: int) -> str:
        return f"mingjian/{self.tenant}/{version}"

    def _version(self, label: str | None) -> int:
        """The version that a label names; 0 for what is none of ours."""
        digits = (label or "").removeprefix(self._label(0)[:-1])
        version = int(digits) if digits.isdecimal() else 0
        return version if label == self._label(version) else 0

    def _twice(self, version: int) -> MingjianError:
        return MingjianError(
            f"{self.place} has two keys {self._label(version)}",
            f"{self.place} 中有两把名为 {self._label(version)} 的密钥",
            fix_en="find out which one is right, and give the other another label",
            fix_zh="请查明哪一把正确，并给另一把改名",
        )

    def _none_yet(self) -> MingjianError:
        return MingjianError(
            f"there is no key of tenant {self.tenant} in {self.place} yet",
            f"{self.place} 中还没有租户 {self.tenant} 的密钥",
            fix_en="`mingjian deliver` makes it with the first message it archives",
            fix_zh="`mingjian deliver` 归档第一条消息时会生成",
        )


def _encrypted(key: Any, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    bind = GCMParams(nonce, bound)
    return bytes(key.encrypt(text, mechanism=Mechanism.AES_GCM, mechanism_param=bind))


def _decrypted(key: Any, nonce: bytes, body: bytes, bound: bytes) -> bytes:
    bind = GCMParams(nonce, bound)
    return bytes(key.decrypt(body, mechanism=Mechanism.AES_GCM, mechanism_param=bind))


def _probe(key: Any) -> None:
    """Raises PKCS11Error: the token does not work with this key now, whatever it is given."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    if _decrypted(key, nonce, _encrypted(key, nonce, _PROBE, _PROBE), _PROBE) != _PROBE:
        raise pkcs11.FunctionFailed
