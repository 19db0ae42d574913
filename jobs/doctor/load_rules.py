"""Loads the rules of the settings that standard input gives, and says in JSON what came of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from config.settings import Rules
from rules.errors import MingjianError
from rules.ruleset import RuleTimeline, load_ruleset


def main() -> None:
    """One line on standard output."""
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Rules)
    try:
        whole = load_ruleset(given.path, packs=given.packs)
        awake = whole.awake(given.feeds)
        root = Path(given.registry)
        names = [one.name for one in root.iterdir()] if root.is_dir() else []
        published = sorted(int(name) for name in names if name.isdecimal())
        if published:  # those have to load, too
            RuleTimeline.load(given.path, given.registry, given.packs, given.feeds)
    except MingjianError as error:
        told: dict[str, object] = {"problem": [error.en, error.zh]}
    else:
        mains = [file.main.ref.name for file in whole.files if file.main is not None]
        judge = sum(name in awake.detections or name in awake.correlations for name in mains)
        told = {
            "rules": judge,
            "waiting": len(mains) - judge,
            "digest": whole.digest,
            "published": published,
        }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
