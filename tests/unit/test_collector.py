"""A TaskManager's process runs one job after the other; what one had loaded must not stay."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from udfs.collector import rest


class Loaded:
    """Refers to itself, as rules do by way of their functions."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_is_loaded_is_left_alone_and_let_go_by_the_next_job() -> None:
    loaded = Loaded()
    seen = weakref.ref(loaded)
    rest()
    assert gc.get_freeze_count() > 0
    del loaded
    rest()
    assert seen() is None
