"""Putting the job together while other threads of the process do as they like."""

from __future__ import annotations

import threading
import time

from pyflink.java_gateway import get_gateway

from jobs import detect
from jobs.flink import Environment
from tests.support.flows import embedded, write_files


def test_what_other_threads_ask_of_java_does_not_disturb_the_planner(tmp_path, monkeypatch):
    """Flink's planner leaves things in the thread of Java it ran in. A call went over whatever
    connection was free, and each is a thread of Java: one that another thread of ours took in
    between (Python's collector, which frees what Java holds, runs in any) moved the planner to
    where it had left nothing, and the job ended with a NullPointerException."""
    settings = embedded(tmp_path)
    write_files(tmp_path / "messages", [[]])
    made = detect.environment
    asking: list[threading.Thread] = []

    def environment(*arguments: object, **options: object) -> Environment:
        env = made(*arguments, **options)
        sleep = get_gateway().jvm.java.lang.Thread.sleep
        asking.append(threading.Thread(target=sleep, args=(8000,)))
        asking[-1].start()
        time.sleep(1)  # it has its connection
        return env

    monkeypatch.setattr(detect, "environment", environment)
    try:
        assert detect.run(settings).state == "FINISHED"
    finally:
        asking[0].join()
