"""The standalone cluster from our server module runs, with its slots, and answers."""

from __future__ import annotations

import requests


def test_two_single_slot_task_managers_are_registered(flink_cluster):
    overview = requests.get(f"{flink_cluster.address}/overview", timeout=60).json()
    assert (overview["taskmanagers"], overview["slots-total"]) == (2, 2)
    assert overview["flink-version"] == "2.3.0"
