"""Loads the rules that judge by the settings on standard input; says in JSON what came of it."""

from __future__ import annotations

import json
import sys
import time

import msgspec

from config.settings import Settings
from jobs.registry import registry_of
from jobs.rules_now import rules_now
from rules.errors import MingjianError
from rules.published import published


def main() -> None:
    """One line on standard output."""
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=Settings)
    try:
        ruleset = rules_now(settings, int(time.time() * 1000))
        kept = published(registry_of(settings))
    except MingjianError as error:
        told: dict[str, object] = {"problem": [error.en, error.zh]}
    else:
        mains = [file.main.ref.name for file in ruleset.files if file.main is not None]
        judge = sum(name in ruleset.detections or name in ruleset.correlations for name in mains)
        told = {
            "rules": judge,
            "waiting": len(mains) - judge,
            "digest": ruleset.digest,
            "published": [one.start for one in kept],
        }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
