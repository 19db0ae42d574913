"""The keeper: the job is there once, and goes on from the newest checkpoint that can be read."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from config.settings import load
from jobs import keep
from jobs.detect import Report
from jobs.keep import Keeper, Seen
from jobs.kept_state import state_folder
from rules.errors import EXIT_USAGE, MingjianError


class Cluster:
    """Answers in order what is given, then ends the keeper; remembers what was submitted."""

    def __init__(self, settings, seen, answers=()):
        self.stop = threading.Event()
        self._seen, self._answers = list(seen), list(answers)
        self.submitted: list[str] = []
        self.keeper = Keeper(settings, stop=self.stop, submit=self._submit, look=self._look)

    def _look(self):
        if len(self._seen) == 1:
            self.stop.set()
        return self._seen.pop(0)

    def _submit(self, settings):
        self.submitted.append(settings.flink.restore)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return Report("j1", "RUNNING")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A cluster's, with a folder for checkpoints; the keeper looks without waiting."""
    monkeypatch.setattr(keep, "LOOK_S", 0)
    monkeypatch.setattr(keep, "_FIRST_WAIT_S", 0)
    told = (f"flink.checkpoint_dir={tmp_path}", "flink.restore=latest")
    return load("cluster", overrides=told)


def checkpoint(folder, job, number, at):
    """An empty checkpoint written at `at` (seconds)."""
    settings = load("cluster", overrides=(f"flink.checkpoint_dir={folder}",))
    place = Path(state_folder(settings)) / job / f"chk-{number}"
    place.mkdir(parents=True)
    (place / "_metadata").write_bytes(b"x")
    os.utime(place / "_metadata", (at, at))
    return place


def test_a_job_that_lives_is_left_alone(settings):
    cluster = Cluster(settings, [Seen("j1", 0, 1), Seen("j1", 1, 2), Seen("j1", 1, 3)])
    cluster.keeper.run()
    assert cluster.submitted == []


def test_without_a_checkpoint_it_begins_anew(settings):
    cluster = Cluster(settings, [None, Seen(""), Seen("j1")])
    cluster.keeper.run()
    assert cluster.submitted == [""]


def test_it_goes_on_from_the_newest_checkpoint_of_any_job(settings, tmp_path):
    checkpoint(tmp_path, "old", 9, 100)
    newest = checkpoint(tmp_path, "new", 2, 200)
    checkpoint(tmp_path, "new", 1, 150)
    cluster = Cluster(settings, [Seen(""), Seen("j2")])
    cluster.keeper.run()
    assert cluster.submitted == [str(newest)]


def test_another_tenants_checkpoint_is_not_taken(settings, tmp_path):
    """The positions in it are those of other topics, and the windows other people's."""
    checkpoint(tmp_path, "a", 1, 100)
    other = msgspec.structs.replace(settings, tenant="other")
    cluster = Cluster(other, [Seen(""), Seen("j2")])
    cluster.keeper.run()
    assert cluster.submitted == [""]


def test_a_named_place_serves_until_there_is_a_checkpoint(settings, tmp_path):
    named = str(tmp_path / "elsewhere")
    flink = msgspec.structs.replace(settings.flink, restore=named)
    settings = msgspec.structs.replace(settings, flink=flink)
    cluster = Cluster(settings, [Seen(""), Seen("j2")])
    cluster.keeper.run()
    assert cluster.submitted == [named]
    newest = checkpoint(tmp_path, "new", 2, 200)
    cluster = Cluster(settings, [Seen(""), Seen("j2")])
    cluster.keeper.run()
    assert cluster.submitted == [str(newest)]


def test_a_checkpoint_that_cannot_be_read_is_passed_over(settings, tmp_path):
    older, newest = checkpoint(tmp_path, "a", 1, 100), checkpoint(tmp_path, "a", 2, 200)
    broken = MingjianError("Failed to rollback to checkpoint/savepoint", "无法恢复")
    cluster = Cluster(settings, [Seen(""), Seen(""), Seen("j2")], [broken])
    cluster.keeper.run()
    assert cluster.submitted == [str(newest), str(older)]


def test_a_broken_checkpoint_is_passed_over_in_a_folder_that_is_named_relatively(
    settings, tmp_path, monkeypatch
):
    """As in the cluster profile; Flink tells of it by its whole path."""
    monkeypatch.chdir(tmp_path)
    older, newest = checkpoint(tmp_path, "a", 1, 100), checkpoint(tmp_path, "a", 2, 200)
    flink = msgspec.structs.replace(settings.flink, checkpoint_dir=".")
    monkeypatch.setattr(keep.progress, "cancel", lambda _url, _job: None)
    trouble = {"restored": f"file:{newest}", "problem": "java.io.EOFException"}
    looks = [*(Seen("j1", restarts, 0, **trouble) for restarts in range(1, 4)), Seen(""), Seen("j")]
    cluster = Cluster(msgspec.structs.replace(settings, flink=flink), looks)
    cluster.keeper.run()
    assert cluster.submitted == [str(older)]


def test_the_settings_of_a_submission_are_read_by_nobody_else(settings, tmp_path, monkeypatch):
    """Addresses in them may hold passwords."""
    seen = []

    def answers(command, **_):
        file = Path(command[-1])
        seen.append((file.stat().st_mode & 0o777, load(path=file).flink.restore))
        return subprocess.CompletedProcess(
            command, 0, '{"job_id": "j1", "state": "RUNNING", "beginning": null}', ""
        )

    monkeypatch.setattr(keep.subprocess, "run", answers)
    old = tmp_path / "keep" / "settings.yaml"
    old.parent.mkdir()
    old.write_text("left by an earlier version, for everybody to read")
    keep.submit_apart(msgspec.structs.replace(settings, data_dir=str(tmp_path)))
    assert seen == [(0o600, "latest")]
    assert list(old.parent.iterdir()) == []


def test_another_failure_does_not_cost_the_checkpoint(settings, tmp_path):
    newest = checkpoint(tmp_path, "a", 2, 200)
    slots = MingjianError("the Flink cluster has 1 free slots, the job needs 2", "槽位不足")
    cluster = Cluster(settings, [Seen(""), Seen(""), Seen("j2")], [slots])
    cluster.keeper.run()
    assert cluster.submitted == [str(newest), str(newest)]


def test_wrong_settings_are_told_at_once(settings):
    wrong = MingjianError("no rules", "没有规则", exit_code=EXIT_USAGE)
    cluster = Cluster(settings, [Seen(""), Seen("j1")], [wrong])
    with pytest.raises(MingjianError, match="no rules"):
        cluster.keeper.run()


def test_a_job_that_fails_again_and_again_at_its_state_goes_back_further(
    settings, tmp_path, monkeypatch
):
    older, newest = checkpoint(tmp_path, "a", 1, 100), checkpoint(tmp_path, "a", 2, 200)
    cancelled = []
    monkeypatch.setattr(keep.progress, "cancel", lambda _url, job: cancelled.append(job))
    trouble = {"restored": f"file:{newest}", "problem": "java.io.EOFException"}
    cluster = Cluster(
        settings,
        [
            *(Seen("j1", restarts, 0, **trouble) for restarts in range(1, 4)),
            Seen(""),
            Seen("j2"),
        ],
    )
    cluster.keeper.run()
    assert cancelled == ["j1"]
    assert cluster.submitted == [str(older)]


def test_a_job_that_hangs_begins_anew_from_its_newest_checkpoint(settings, tmp_path, monkeypatch):
    newest = checkpoint(tmp_path, "a", 2, 200)
    cancelled = []
    monkeypatch.setattr(keep.progress, "cancel", lambda _url, job: cancelled.append(job))
    hangs = Seen("j1", 0, 5, expired=2)
    looks = [Seen("j1", 0, 5, expired=1), hangs, hangs, Seen(""), Seen("j2")]
    cluster = Cluster(settings, looks)
    cluster.keeper.run()
    assert cancelled == ["j1"]
    assert cluster.submitted == [str(newest)]


def test_a_job_that_could_not_be_asked_to_end_is_asked_again(settings, monkeypatch):
    asked = []

    def cancel(_url, job):
        asked.append(job)
        if len(asked) == 1:
            raise OSError("no answer")

    monkeypatch.setattr(keep.progress, "cancel", cancel)
    hangs = Seen("j1", 0, 5, expired=2)
    Cluster(settings, [hangs, hangs, hangs]).keeper.run()
    assert asked == ["j1", "j1"]


@pytest.mark.parametrize(
    "looks",
    [
        # checkpoints come between the failures
        [Seen("j1", n, n, "file:/x", "EOFException") for n in range(1, 9)],
        # what fails is not the state
        [Seen("j1", n, 0, "file:/x", "KafkaException: no broker") for n in range(1, 9)],
    ],
)
def test_other_failures_are_flinks_to_mend(settings, looks, monkeypatch):
    monkeypatch.setattr(keep.progress, "cancel", pytest.fail)
    Cluster(settings, looks).keeper.run()


def test_an_embedded_job_cannot_be_kept():
    with pytest.raises(MingjianError, match="rest_url"):
        Keeper(load("embedded"), stop=threading.Event())
