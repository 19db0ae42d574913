"""What builders of payloads look at, and the small things they share."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import orjson

from ingest.simulate.talk import Slots, pick, table
from ingest.simulate.world import base64ish


class Saying:
    """What a builder may look at: who speaks to whom, when, and the conversation's slots.

    `said` are earlier (speaker's name, text) of the conversation.
    """

    __slots__ = ("external", "names", "peer", "rng", "said", "sender", "slots", "time")

    def __init__(self, rng: Random, slots: Slots, external: bool) -> None:
        self.rng, self.slots, self.external = rng, slots, external
        self.sender = self.peer = ""
        self.names: list[str] = []
        self.time = 0
        self.said: list[tuple[str, str]] = []


@cache
def _pool() -> str:
    """Drawn at the first use: it takes a moment that whoever only loads this need not wait for."""
    return base64ish(Random("sdkfileid"), 1 << 16)


def media(rng: Random) -> str:
    """A made-up sdkfileid."""
    at = int(rng.random() * 65000)
    return f"CtYBMzA2{_pool()[at : at + 120]}"


def md5(rng: Random) -> str:
    """A made-up digest."""
    return f"{rng.getrandbits(128):032x}"


def body(value: dict[str, Any]) -> str:
    """The members of a JSON object, without its braces."""
    return orjson.dumps(value)[1:-1].decode()


def name(s: Saying) -> str:
    """A file's name without its ending."""
    return f"{pick(s.rng, table()['slots']['filename'])}{s.slots['order'][-4:]}"
