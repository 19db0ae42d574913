"""Wallet addresses: Bitcoin (Base58Check; Bech32, BIP 173; Bech32m, BIP 350), TRON (Base58Check)
and Ethereum (0x and 40 hex digits; EIP-55 checks by capitals).

All but Ethereum's have check digits of 30 bits or more. An Ethereum address in one case has none,
so a word about wallets must be near by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from rules.detectors.found import NEGATIVE_DISTANCE, Detector, Found, is_other_number, near
from rules.detectors.keccak import keccak_256

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE58 = {char: value for value, char in enumerate(_BASE58)}
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE32 = {char: value for value, char in enumerate(_BECH32)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CHECK, _BECH32M_CHECK = 1, 0x2BC830A3
_PREFIX = (3, 3, 0, 2, 3)  # "bc" of Bitcoin's main network, spread out as BIP 173 says
_CHECKSUM32 = 6
_HASHED = 25  # bytes: version, 20 of the hash, 4 of the checksum
_VERSIONS = {"1": 0x00, "3": 0x05, "T": 0x41}
_candidates = re.compile(
    r"(?<![0-9A-Za-z_])(?:(?P<base58>[13][1-9A-HJ-NP-Za-km-z]{24,33}|T[1-9A-HJ-NP-Za-km-z]{33})"
    r"|(?P<bech32>bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71})"
    r"|(?P<hex>0[xX][0-9a-fA-F]{40}))(?![0-9A-Za-z_])"
).finditer
_keyword = re.compile(
    r"钱包|地址|币|链上|链接收|收款|转账|充值|合约|usdt|trc ?-?20|erc ?-?20"
    r"|btc|eth|trx|wallet|address",
    re.I,
)


def is_base58_address(text: str) -> bool:
    """Bitcoin (1…, 3…) or TRON (T…): version, length and the double SHA-256 checksum."""
    number = 0
    for char in text:
        number = number * 58 + _VALUE58[char]
    if number.bit_length() > 8 * _HASHED:
        return False
    raw = number.to_bytes(_HASHED, "big")
    zeros = _HASHED - len(raw.lstrip(b"\0"))
    ones = len(text) - len(text.lstrip("1"))  # each leading zero byte is written as one "1"
    return (
        raw[0] == _VERSIONS[text[0]]
        and zeros == ones
        and sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]
    )


def is_bech32_address(text: str) -> bool:
    """Bitcoin's bc1…, in one case: witness version 0 by Bech32, 1 to 16 by Bech32m."""
    values = [_VALUE32[char] for char in text.lower()[3:]]
    check = 1
    for value in (*_PREFIX, *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    version, program = values[0], values[1:-_CHECKSUM32]
    size, spare = divmod(5 * len(program), 8)
    if version == 0:
        return check == _BECH32_CHECK and size in (20, 32) and _padded(program, spare)
    return (
        check == _BECH32M_CHECK
        and version <= 16  # noqa: PLR2004 (BIP 141)
        and 2 <= size <= 40  # noqa: PLR2004 (BIP 141)
        and _padded(program, spare)
    )


def _padded(program: list[int], spare: int) -> bool:
    """Are the bits beyond whole bytes fewer than five, and all zero?"""
    return spare < 5 and program[-1] & ((1 << spare) - 1) == 0  # noqa: PLR2004 (bits a character)


def is_eip55(digits: str) -> bool:
    """Do the capitals of 40 hex digits agree with the hash of their lower case?"""
    marks = keccak_256(digits.lower().encode()).hex()
    return all(
        char.isdigit() or char.isupper() == (int(mark, 16) >= 8)  # noqa: PLR2004 (the top bit)
        for char, mark in zip(digits, marks[:40], strict=True)
    )


def find(text: str) -> Iterator[Found]:
    """85 checked with a keyword near by, 75 checked; 60 for an Ethereum address in one case, with
    a keyword. `text` keeps its capitals; `value` is in lower case."""
    for match in _candidates(text):
        start, end = match.span()
        value = match[0]
        tiers = (85, 75)
        if match["base58"]:
            valid = is_base58_address(value)
        elif match["bech32"]:
            valid = is_bech32_address(value)
        elif value[2:] in (value[2:].lower(), value[2:].upper()):
            before = text[max(0, start - NEGATIVE_DISTANCE) : start].lower()
            valid, tiers = not is_other_number(before, len(before), _keyword), (60, 0)
        else:
            valid = is_eip55(value[2:])
        if valid:
            confidence = tiers[0] if near(_keyword, text, start, end) else tiers[1]
            if confidence:
                yield Found(start, end, value.lower(), confidence)


DETECTOR = Detector(
    name="wallet_address",
    title_zh="加密货币钱包地址",
    title_en="cryptocurrency wallet address",
    find=find,
    prefilter=r"[13][1-9a-z]{24}|t[1-9a-z]{33}|bc1[02-9a-z]{11}|0x[0-9a-f]{40}",
    cased=True,
)
