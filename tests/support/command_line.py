"""The whole command line, for tests that call it in their own process."""

from __future__ import annotations

from jobs.cli.every import assembled

app = assembled()
