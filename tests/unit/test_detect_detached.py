"""A submission that Flink forgets: nobody may wait for it for ever."""

from __future__ import annotations

import pytest

from config.settings import load
from jobs import detect
from jobs.progress import Snapshot
from rules.errors import MingjianError
from udfs.ahead import keep_compiled


class Client:
    def get_job_id(self):
        return "j1"


@pytest.fixture
def settings(monkeypatch):
    """A cluster that takes a job, and a clock that is seconds on whenever it is read."""
    clock = iter(range(0, 100_000, 5))
    monkeypatch.setattr(detect.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(detect, "_POLL_SECONDS", 0)
    monkeypatch.setattr(detect, "check_ends", lambda _: None)
    monkeypatch.setattr(detect, "_put_together", lambda *_: (_Env(), None, None))
    monkeypatch.setattr(detect, "_submitted", lambda *_: Client())
    return load("cluster")


class _Env:
    rest_url = "http://127.0.0.1:1"


def looks(monkeypatch, *found):
    answers = iter(found)
    monkeypatch.setattr(detect.JobMonitor, "look", lambda _: next(answers, None))


def test_a_job_that_flink_does_not_know_any_more_is_told(settings, monkeypatch):
    """The JobManager took it, died, and came back without it."""
    looks(monkeypatch, Snapshot("CREATED"))
    with pytest.raises(MingjianError, match="tells nothing of job j1"):
        detect.run(settings, detached=True)


def test_a_job_of_which_it_tells_again_is_waited_for(settings, monkeypatch):
    running = Snapshot("RUNNING", 5, counters={"records": 5})
    looks(monkeypatch, Snapshot("CREATED"), None, running)
    assert detect.run(settings, detached=True).state == "RUNNING"


def test_a_missing_java_is_not_told_before_what_is_wrong_with_the_rules(
    tmp_path, monkeypatch
) -> None:
    """Java starts beside the reading of rules; what the author can mend comes first."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setattr(detect, "check_ends", lambda _: None)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yaml").write_text("title: [\n", encoding="utf-8")
    settings = load(
        "embedded",
        None,
        (
            f"rules.path={tmp_path}/rules",
            f"rules.registry={tmp_path}/rulesets",
            f"data_dir={tmp_path}/data",
            f"keys_dir={tmp_path}/keys",
        ),
    )
    with pytest.raises(MingjianError, match=r"bad\.yaml"):
        detect.run(settings)


def test_patterns_that_cannot_be_compiled_beside_are_told(monkeypatch, caplog) -> None:
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr("udfs.ahead.compile_timeline", fails)
    keep_compiled(None)
    assert "MemoryError" in caplog.text
