"""How much is measured, and where what is measured is written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from bench.workload import POOL, SEED

HOME = Path("var/bench").resolve()


class Setting(NamedTuple):
    """What the parts of a run share.

    Args:
        home: a folder for what is written meanwhile, emptied before a run.
        messages: of each workload of the core and of the peers; `job_messages` of a job.
        rounds: how often each thing is measured, all in turn.
        pool: simulated messages that workloads are drawn from.
        sigma: a clone of a repository of Sigma rules; None leaves that workload out.
        counts: how many keyword rules are compared.
    """

    home: Path = HOME / "run"
    messages: int = 40_000
    job_messages: int = 800_000
    rounds: int = 5
    seed: int = SEED
    pool: int = POOL
    sigma: Path | None = None
    counts: tuple[int, ...] = (10, 100, 1_000, 10_000)
    words: int = 10_000
    quick: bool = False
    console: Console = Console(quiet=True)

    def folder(self, name: str) -> Path:
        """A folder of a part."""
        found = self.home / name
        found.mkdir(parents=True, exist_ok=True)
        return found

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "messages": self.messages,
            "job_messages": self.job_messages,
            "rounds": self.rounds,
            "seed": self.seed,
            "pool": self.pool,
            "quick": self.quick,
        }


QUICK = Setting(messages=10_000, job_messages=100_000, rounds=3, pool=20_000, quick=True)
