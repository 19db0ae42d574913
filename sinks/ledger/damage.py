"""Damaged places of a ledger, for people."""

from __future__ import annotations

from typing import NamedTuple


class Damage(NamedTuple):
    """One damaged place. `leaf` is the number of the entry, -1 where it is not one entry."""

    place: str
    leaf: int
    en: str
    zh: str


def altered_entry(leaf: int, place: str) -> Damage:
    """An entry is not what was signed."""
    return Damage(place, leaf, "the entry was altered or is missing", "该条目被改动或缺失")


def cut_off(leaf: int, end: int, place: str) -> Damage:
    """An entry was altered so that those behind it, in front of `end`, cannot be told apart."""
    return Damage(
        place,
        leaf,
        f"the entry was altered, and those behind it up to {end - 1} cannot be told apart",
        f"该条目被改动，其后至 {end - 1} 的条目无法分辨",
    )


def altered_hashes(place: str, leaf: int) -> Damage:
    """A tile of hashes is not what follows from the entries; `leaf`: of one entry alone."""
    en, zh = "the stored hash was altered; the entry is as it was", "所存哈希被改动，条目未变"
    if leaf < 0:
        en, zh = "hashes are missing or altered; the entries are as they were", "哈希缺失或被改动"
    return Damage(place, leaf, en, zh)


def leading_nowhere(place: str) -> Damage:
    """Hashes above entries of which not all were looked at."""
    en, zh = (
        "its hashes, or those above, do not lead to the signed root",
        "其哈希或上层哈希推不出签名的根哈希",
    )
    return Damage(place, -1, en, zh)


def altered_both(leaf: int, place: str) -> Damage:
    """An entry and its hash, neither of which is what was signed."""
    en, zh = (
        "entry and hash differ, and neither is what was signed",
        "条目与哈希不一致，均与签名不符",
    )
    return Damage(place, leaf, en, zh)
