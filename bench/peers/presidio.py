"""Microsoft Presidio's analyser for numbers that identify somebody, beside our detectors.

In an environment of its own under var/bench/tools, some 400 MB, for it brings spaCy. No model of a
language is loaded (its `NoOpNlpEngine`): names of persons and places are what it finds besides.
It runs five recognisers (card, phone of China, wallet, e-mail, IBAN), ours all twelve detectors;
hits are counted of the three kinds that both know.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bench.peers.metered import Missing, metered
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.rsigma import TOOLS
from bench.peers.work import Round, Work, ours, planted
from bench.workload import SEED, compiled_of, rule_text
from rules.detectors import DETECTORS
from rules.detectors.checks import luhn
from rules.ruleset import RuleTimeline

NAME = "Presidio"
VERSION = "2.2.366"
EXPRESSES = (
    "patterns with check digits and context words for kinds of many countries, names by models of "
    "a language; a digit beside a Chinese character is no start of a number to it; no rules"
)
COMMON = ("bank_card", "cn_mobile", "wallet_address")
_MOST = 5_000  # messages: it takes a tenth of a millisecond and more
_WALLETS = (  # the first ever, and the example of BIP 173
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
)
_SCRIPT = Path(__file__).parent / "presidio_texts.py"


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Over texts that are decoded already, beside ours from bytes to hits."""
    try:
        python = installed()
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
            some = make(Path(name) / "rules", work.quiet[:_MOST])
            texts = Path(name) / "texts.json"
            texts.write_text(json.dumps(some.texts()), encoding="utf-8")
            once = partial(_once, [python, "-P", str(_SCRIPT), str(texts)])
            return [
                in_turn(
                    some,
                    once,
                    name=NAME,
                    version=VERSION,
                    expresses=EXPRESSES,
                    rounds=rounds,
                    beside=partial(ours, counted=tuple(map(_name, COMMON))),
                )
            ]
    except Missing as why:
        return [missing(NAME, why)]


def make(folder: Path, quiet: list[bytes]) -> Work:
    """The messages, of which some say a number of a kind that both know; a rule for each detector
    of ours."""
    folder.mkdir(parents=True)
    for kind in DETECTORS:
        text = rule_text(_name(kind), f"words: {{text|detect: {kind}}}")
        (folder / f"{_name(kind)}.yaml").write_text(text, encoding="utf-8")
    timeline = RuleTimeline.load(str(folder))
    random = Random(SEED)
    cards = [_card(random) for _ in range(50)]
    mobiles = [f"138{random.randrange(10**8):08d}" for _ in range(50)]
    numbers = [*cards, *mobiles, *_WALLETS * 25]
    records = planted(quiet, numbers)
    return Work(quiet, records, [(kind,) for kind in DETECTORS], timeline, compiled_of(timeline))


def _name(kind: str) -> str:
    return f"bench_{kind}"


def _card(random: Random) -> str:
    """A credit card of sixteen digits with a right last one."""
    first = f"622575{random.randrange(10**9):09d}"
    return next(first + last for last in "0123456789" if luhn(first + last))


def installed() -> str:
    """Path of the Python that has it.

    Raises:
        Missing: it could not be installed.
    """
    folder = TOOLS / f"presidio-{VERSION}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "-q", f"presidio-analyzer=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                why = (done.stdout + done.stderr).strip().splitlines()[-1:]
                raise Missing(f"{Path(command[0]).name}: {' '.join(why)}")
        complete.touch()
    return str(python)


def _once(command: list[str]) -> Round:
    # PYTHONPATH would bring our own packages into its environment
    hits, seconds = metered(["env", "-u", "PYTHONPATH", *command]).printed.split()[-2:]
    return Round(float(seconds), int(hits))
