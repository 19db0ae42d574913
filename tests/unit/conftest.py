"""What every unit test can rely on, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from jobs.cli import app
from udfs import collector

# no test is about time, and a busy machine is no failure
settings.register_profile("mingjian", deadline=None)
settings.load_profile("mingjian")


@pytest.fixture(scope="session", autouse=True)
def no_rest() -> Iterator[None]:
    """A function that is opened has Python look through all that the process has loaded, once in
    the life of a worker. Here thousands are opened beside all that the tests have loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collector, "rest", lambda: None)
        yield


@pytest.fixture(autouse=True)
def width_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles read COLUMNS when they are made, which is when the tests are collected: from here on
    it is what a test sets that counts."""
    for console in (app.out, app.err):
        monkeypatch.setattr(console, "_width", None)
