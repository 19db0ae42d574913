"""What every unit test can rely on, wherever it runs."""

from __future__ import annotations

import pytest
from hypothesis import settings

from jobs.cli import app

# no test is about time, and a busy machine is no failure
settings.register_profile("mingjian", deadline=None)
settings.load_profile("mingjian")


@pytest.fixture(autouse=True)
def width_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles read COLUMNS when they are made, which is when the tests are collected: from here on
    it is what a test sets that counts."""
    for console in (app.out, app.err):
        monkeypatch.setattr(console, "_width", None)
