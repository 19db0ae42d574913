"""Flink's own hash spreads the buckets over the tasks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from config.settings import load
from jobs.flink import MAX_PARALLELISM, prepare_process
from rules.batches import NAMES


@pytest.mark.parametrize("tasks", [1, 2, 4, 8, 16])
def test_every_task_has_as_many_buckets(tasks: int, tmp_path: Path) -> None:
    prepare_process(load("embedded", None, (f"data_dir={tmp_path}", f"keys_dir={tmp_path}/keys")))
    from pyflink.java_gateway import get_gateway  # noqa: PLC0415

    jvm = get_gateway().jvm
    assigned: Counter[int] = Counter()
    for name in NAMES:
        key = jvm.org.apache.flink.types.Row(1)
        key.setField(0, name)
        keyed = jvm.org.apache.flink.runtime.state.KeyGroupRangeAssignment
        assigned[keyed.assignKeyToParallelOperator(key, MAX_PARALLELISM, tasks)] += 1
    assert set(assigned.values()) == {len(NAMES) // tasks}
    assert len(assigned) == tasks
