"""Rounds of a peer and of ours in turn, and what is said of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from bench.peers.work import Round, Work, ours

ROUNDS = 3


def in_turn(
    work: Work,
    once: Callable[[], Round],
    *,
    name: str,
    version: str,
    expresses: str,
    rounds: int = ROUNDS,
    beside: Callable[[Work], Round] = ours,
) -> dict[str, Any]:
    """`rounds` of ours and of a peer, one after the other, so that both bear the same other load.

    Returns:
        What `told` says of the rounds. `ratios` are of ours to the peer, round by round: above 1
        ours judges more messages a second.
    """
    of_ours, of_peer = list[Round](), list[Round]()
    for _ in range(rounds):
        of_ours.append(beside(work))
        of_peer.append(once())
    return told(work, of_ours, of_peer, name=name, version=version, expresses=expresses)


def told(
    work: Work,
    of_ours: list[Round],
    of_peer: list[Round],
    *,
    name: str,
    version: str,
    expresses: str,
) -> dict[str, Any]:
    """The figures of some rounds, as JSON has them."""
    count = len(work.records)
    seconds = [one.seconds for one in of_peer]
    own = [one.seconds for one in of_ours]
    ratios = sorted(peer / our for peer, our in zip(seconds, own, strict=True))
    by_message = of_peer[0].touched >= 0  # all that the peer can tell
    hits, expected = (
        {one.touched if by_message else one.hits for one in rounds} for rounds in (of_peer, of_ours)
    )
    return {
        "name": name,
        "version": version,
        "messages": count,
        "rules": len(work.rules),
        "seconds": seconds,
        "wall": [one.wall for one in of_peer],
        "per_second": count / statistics.median(seconds),
        "hits": max(hits),
        "hits_are": "messages" if by_message else "pairs of message and rule",
        "same_hits": hits == expected,
        "ours_seconds": own,
        "ours_per_second": count / statistics.median(own),
        "ours_hits": max(expected),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "expresses": expresses,
    }


def missing(name: str, why: object) -> dict[str, Any]:
    """What is said of a peer that is not to be had."""
    return {"name": name, "missing": " ".join(str(why).split())}
