"""SM4 in GCM mode (GB/T 32907-2016, RFC 8998), tag of 16 bytes behind the text."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16


class DoesNotOpen(Exception):
    """Altered, cut short, or sealed with another key, nonce or binding."""


def seal(key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    """`text` encrypted, and `bound` authenticated with it. One key never has a nonce twice."""
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(bound)
    return encryptor.update(text) + encryptor.finalize() + encryptor.tag


def unseal(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    """The text again.

    Raises:
        DoesNotOpen: see there.
    """
    if len(sealed) < TAG_BYTES:
        raise DoesNotOpen
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(bound)
    try:
        return decryptor.update(sealed[:-TAG_BYTES]) + decryptor.finalize()
    except InvalidTag:
        raise DoesNotOpen from None
