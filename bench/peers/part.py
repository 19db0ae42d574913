"""`bench.peers` as a part of `python -m bench`."""

from __future__ import annotations

import importlib
from typing import Any

from rich.table import Table

from bench.peers.__main__ import PEERS, table
from bench.peers.work import make
from bench.setting import Setting

RULES = 1_000
_GOALS = {"Hyperscan bare, joined texts": "bare", "naive PyFlink job": "naive", "rsigma": "rsigma"}


def measure(setting: Setting) -> dict[str, Any]:
    """Every peer beside ours."""
    work = make(setting.folder("peers") / "rules", setting.messages, RULES)
    found = list[dict[str, Any]]()
    for one in PEERS:
        setting.console.print(f"  beside {one} …", style="dim")
        found += importlib.import_module(f"bench.peers.{one}").measure(work, setting.rounds)
    return {"bytes_per_record": sum(map(len, work.records)) / len(work.records), "peers": found}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each way of using a peer."""
    return [table(figures)]


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """Ratios that a goal is set for; of several ways of using a peer, that which is its best."""
    found: dict[str, float] = {}
    for one in figures["peers"]:
        for start, key in _GOALS.items():
            if "ratio" in one and one["name"].startswith(start):
                found[key] = min(one["ratio"], found.get(key, one["ratio"]))
    return found
