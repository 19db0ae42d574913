"""The tenant's keys, as the settings say where they are."""

from __future__ import annotations

import os
import time
from pathlib import Path

from config.settings import Settings
from sinks.archive.key_ring import KeyRing
from sinks.archive.keys import TenantKeys
from sinks.archive.keystore import FILE, PASSPHRASE_VARIABLE, Keystore


def tenant_keys(settings: Settings, *, create: bool = False) -> TenantKeys:
    """The tenant's keys. With keys in a token, a key store that is there as well opens what it
    wrapped before.

    Args:
        create: make the first version where there is none; for who writes.

    Raises:
        MingjianError: see `Keystore`, `Pkcs11Keys` and `KeyRing`.
    """
    if settings.keys.kind == "keystore":
        return open_keystore(settings, create=create)
    earlier = None
    if (Path(settings.keys_dir) / FILE).exists():
        earlier = open_keystore(settings)
    later = _in_token(settings, after=earlier.current() if earlier else 0, create=create)
    return KeyRing(earlier, later) if earlier else later


def open_keystore(settings: Settings, *, create: bool = False) -> Keystore:
    """The tenant's key store. Raises MingjianError: see `Keystore`."""
    passphrase = os.environ.get(PASSPHRASE_VARIABLE, "")
    return Keystore(settings.keys_dir, settings.tenant, passphrase, at=_now(), create=create)


def _in_token(settings: Settings, *, after: int, create: bool) -> TenantKeys:
    # 80 ms, for those alone who have keys in a token
    from sinks.archive.pkcs11_keys import Pkcs11Keys  # noqa: PLC0415
    from sinks.archive.pkcs11_token import PIN_VARIABLE, HsmToken  # noqa: PLC0415

    keys, pin = settings.keys, os.environ.get(PIN_VARIABLE, "")
    token = HsmToken(keys.library, label=keys.token, serial=keys.serial, pin=pin)
    return Pkcs11Keys(token, settings.tenant, after=after, at=_now(), create=create)


def _now() -> int:
    return time.time_ns() // 1_000_000
