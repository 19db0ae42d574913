"""Sees to it that the cluster has the detection job once, and that it goes on where it was.

Flink restarts tasks that fail. What it cannot do without a store for its coordinator is bring back
the job after the JobManager died, or go back beyond a checkpoint that cannot be read. This does
both: it submits the job wherever the cluster has none, from the newest checkpoint that can be read.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
import yaml

from config.settings import Rules, Settings
from jobs import detect, progress
from jobs.flink import python_path
from jobs.kept_state import LATEST, checkpoints
from jobs.registry import pin
from rules.errors import EXIT_USAGE, MingjianError

LOOK_S = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_RESTARTS = 3  # so many failures without a checkpoint between them, and the state is given up
_EXPIRED = 2  # so many checkpoints in a row that were not done in time: something hangs
# words of Flink's errors when state cannot be read back
_UNREADABLE = ("restor", "rollback", "state handle", "checkpoint", "savepoint", "eofexception")
log = structlog.get_logger("keep")
Submit = Callable[[Settings], detect.Report]


class Seen(NamedTuple):
    """One look at the cluster. `job` is "" when no job of ours lives there."""

    job: str
    restarts: int = 0
    completed: int = 0  # checkpoints since the job was submitted
    restored: str = ""  # the checkpoint that it last began from
    problem: str = ""
    expired: int = 0  # checkpoints that were not done in time, since the last that was


class Keeper:
    """Looks and acts until `stop` is set.

    Args:
        submit: runs the job and returns when it runs (`jobs.detect.run`, detached).
        look: what the cluster has; None while it does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        stop: threading.Event,
        submit: Submit | None = None,
        look: Callable[[], Seen | None] | None = None,
    ) -> None:
        if not settings.flink.rest_url:
            raise MingjianError(
                "only the job of a cluster can be kept: flink.rest_url is empty",
                "只有集群上的作业可以看护：flink.rest_url 为空",
                exit_code=EXIT_USAGE,
                fix_en="use --profile cluster; an embedded job ends with its command",
                fix_zh="请用 --profile cluster；嵌入式作业随命令结束",
            )
        self._settings, self._stop = settings, stop
        self._submit = submit or _submitter()
        self._look = look or (lambda: look_at(settings))
        self._given_up: set[Path] = set()  # checkpoints that could not be read
        self._cancelled: set[str] = set()
        self._away = False
        # (restarts, completed checkpoints) when there was a checkpoint last
        self._failures = (0, 0)

    def run(self) -> None:
        """Keep the job until `stop` is set. What cannot be mended by waiting is raised."""
        wait = _FIRST_WAIT_S
        while not self._stop.is_set():
            seen = self._look()
            if seen is None:
                self._say_away(True)
            else:
                self._say_away(False)
                if not seen.job:
                    wait = self._bring(wait)
                    continue
                wait = _FIRST_WAIT_S
                self._judge(seen)
            self._stop.wait(LOOK_S)

    def _bring(self, wait: float) -> float:
        """Submit the job; how long to wait before the next try, when there has to be one."""
        start = self._start()
        began = time.monotonic()
        log.info("job_missing", action="submit", restore=str(start or "nothing"))
        flink = msgspec.structs.replace(self._settings.flink, restore=str(start or ""))
        try:
            report = self._submit(msgspec.structs.replace(self._settings, flink=flink))
        except Exception as error:  # a keeper that ends keeps nothing
            known = error if isinstance(error, MingjianError) else None
            if known is not None and known.exit_code == EXIT_USAGE:
                raise
            why = known.en if known else type(error).__name__
            log.error("submit_failed", why=why, restore=str(start or "nothing"))
            if known and start is not None and _unreadable(why):
                self._give_up(start)
                return wait
            self._stop.wait(wait)
            return min(wait * 2, _LONGEST_WAIT_S)
        self._failures = (0, 0)
        log.info("job_runs", job=report.job_id, took_s=round(time.monotonic() - began, 1))
        return _FIRST_WAIT_S

    def _start(self) -> Path | str | None:
        """The newest checkpoint that is not known to be broken; what the settings name, if that is
        a place of its own; None when there is nothing."""
        wanted = self._settings.flink.restore
        found = [one for one in checkpoints(self._settings) if one not in self._given_up]
        if found:
            return found[0]
        return wanted if wanted and wanted != LATEST else None

    def _judge(self, seen: Seen) -> None:
        """A job that hangs has to begin anew, and one that fails again and again at reading its
        state has to go back further."""
        if seen.expired >= _EXPIRED:
            log.error("job_hangs", job=seen.job, expired_checkpoints=seen.expired, action="anew")
            self._cancel(seen.job)
            return
        restarts, completed = self._failures
        if seen.completed > completed or seen.restarts < restarts:
            self._failures = (seen.restarts, seen.completed)
        elif seen.restarts - restarts >= _RESTARTS and _unreadable(seen.problem):
            broken = Path(seen.restored.removeprefix("file://").removeprefix("file:"))
            log.error("state_unreadable", job=seen.job, checkpoint=str(broken), why=seen.problem)
            self._give_up(broken)
            self._cancel(seen.job)

    def _cancel(self, job: str) -> None:
        """End the job, once: until it has ended it is still seen."""
        if job not in self._cancelled:
            with contextlib.suppress(OSError):  # it has ended, or is asked again by the next look
                progress.cancel(self._settings.flink.rest_url, job)
                self._cancelled.add(job)

    def _give_up(self, checkpoint: Path | str) -> None:
        self._given_up.add(Path(checkpoint).resolve())
        log.warning("checkpoint_given_up", checkpoint=str(checkpoint), action="an older one")

    def _say_away(self, away: bool) -> None:
        if away != self._away:
            self._away = away
            if away:
                log.warning("cluster_away", url=self._settings.flink.rest_url)
            else:
                log.info("cluster_back", url=self._settings.flink.rest_url)


def look_at(settings: Settings) -> Seen | None:
    """What Flink's REST interface tells of the tenant's job; None when it does not answer."""
    url = settings.flink.rest_url
    try:
        found = progress.running(url, detect.job_name(settings))
        if not found:
            return Seen("")
        told = progress.read(f"{url}/jobs/{found[0]}/checkpoints")
        metric = progress.read(f"{url}/jobs/{found[0]}/metrics?get=numRestarts")
        restarts = int(metric[0]["value"]) if metric else 0
        latest = (told.get("latest") or {}).get("restored") or {}
        problem = progress.JobMonitor(url, found[0]).problem() if restarts else ""
        return Seen(
            job=found[0],
            restarts=restarts,
            completed=int(told["counts"]["completed"]),
            restored=str(latest.get("external_path") or ""),
            problem=problem,
            expired=_expired(told.get("history") or []),
        )
    except (OSError, ValueError, LookupError):
        return None


def _expired(history: list[dict[str, Any]]) -> int:
    """How many of the newest finished checkpoints were not done in time; newest first."""
    count = 0
    for one in history:
        if one["status"] == "IN_PROGRESS":
            continue
        if one["status"] != "FAILED" or "expired" not in (one.get("failure_message") or ""):
            break
        count += 1
    return count


def _submitter() -> Submit:
    """Submits with the same rules for as long as it lives, whatever becomes of the files: messages
    since the last checkpoint are judged again. New rules are published."""
    rules: list[Rules] = []

    def submit(settings: Settings) -> detect.Report:
        if not rules:
            rules.append(pin(settings).rules)
        return submit_apart(msgspec.structs.replace(settings, rules=rules[0]))

    return submit


def submit_apart(settings: Settings) -> detect.Report:
    """Submit from a process of its own, and wait until the job runs.

    Flink's planner counts the operators of all queries of a process, and their state is kept under
    these numbers: a second submission from one process would not find the state of the first.

    Raises:
        MingjianError: what the other process said.
    """
    file = _written(settings)
    command = [sys.executable, "-m", "jobs.cli.main", "detect", "--detach", "--output", "json"]
    done = subprocess.run(
        [*command, "--config", str(file)],
        env={**os.environ, "PYTHONPATH": python_path(), "MINGJIAN_LANG": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    file.unlink(missing_ok=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no word"]
        first = next((line for line in said if line.startswith("✗")), said[-1])
        why = first.removeprefix("✗").strip()
        raise MingjianError(why, why, exit_code=done.returncode)
    answer = json.loads(done.stdout)
    if begun := answer["beginning"]:
        read_from, short = begun["read_from"], begun["short_sighted"]
        since = _moment(read_from) if read_from else "the beginning"
        log.warning("begun_without_state", reads_from=since, short_sighted_rules=short)
    return detect.Report(answer["job_id"], answer["state"])


def _written(settings: Settings) -> Path:
    """The settings as a file, which only its owner may read: addresses in it may hold passwords."""
    folder = Path(settings.data_dir) / "keep"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    file.unlink(missing_ok=True)
    values = msgspec.to_builtins(settings, builtin_types=())
    private = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(private, "w", encoding="utf-8") as to:
        yaml.safe_dump(values, to, allow_unicode=True)
    return file


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _unreadable(text: str) -> bool:
    low = text.lower()
    return any(word in low for word in _UNREADABLE)
