"""What a running job says of itself through Flink's REST interface."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from config.settings import Settings
from udfs.ahead import RULES_FROM

_OURS = re.compile(r"rules\.errors\.\w+Error(?:'>)?: (.+)")
FINAL = ("FINISHED", "CANCELED", "FAILED", "SUSPENDED")
_POLL_SECONDS = 0.3
_TIMEOUT = 5
_LIST_AGAIN = 20  # looks


@dataclass(frozen=True)
class Snapshot:
    """One look at a job. `watermark` is UTC ms, 0 while there is none."""

    state: str
    records: int = 0
    watermark: int = 0
    counters: dict[str, int] = field(default_factory=dict)

    def counted(self, counts: Counter[str]) -> Snapshot:
        """This look, with what the functions of this process counted themselves; the keyed stage
        runs elsewhere, and of it Flink's interface is asked."""
        return replace(self, records=counts["records"], counters={**self.counters, **counts})

    def not_before(self, other: Snapshot) -> Snapshot:
        """This look, with the watermark and the counts of `other` that it lacks: at the end of its
        input a job's watermark is beyond all times, and the metrics of its tasks are gone."""
        return replace(
            self,
            watermark=self.watermark or other.watermark,
            counters={**other.counters, **self.counters},
        )


class JobMonitor:
    """Reads one job's state, counters and watermark. Every failure to answer gives None."""

    def __init__(self, rest_url: str, job_id: str) -> None:
        self._base = f"{rest_url}/jobs/{job_id}"
        self._metrics: dict[str, dict[str, str]] = {}
        self._looks = 0

    def look(self) -> Snapshot | None:
        """The job now; None when the interface does not answer."""
        job = self._get("")
        if job is None:
            return None
        counters: dict[str, int] = {}
        watermark = 0
        self._looks += 1
        for vertex in job.get("vertices", ()):
            for name, number in self._counters(vertex["id"]).items():
                counters[name] = counters.get(name, 0) + number  # each level of a chain has its own
            marks = self._get(f"/vertices/{vertex['id']}/watermarks") or []
            values = [int(mark["value"]) for mark in marks if mark.get("value")]
            if values:
                watermark = max(watermark, min(values))
        return Snapshot(
            state=job["state"],
            records=counters.get("records", 0),
            watermark=watermark if 0 < watermark < 2**53 else 0,
            counters=counters,
        )

    def problem(self) -> str:
        """The root cause of the last failure, one line; "" when there is none."""
        found = self._get("/exceptions?maxExceptions=1") or {}
        entries = (found.get("exceptionHistory") or {}).get("entries") or []
        text = entries[0].get("stacktrace", "") if entries else ""
        return root_cause(text)

    def _counters(self, vertex: str) -> dict[str, int]:
        path = f"/vertices/{vertex}/subtasks/metrics"
        names = self._metrics.get(vertex)
        if not names or self._looks % _LIST_AGAIN == 0:  # some come when there is need of them
            listed = self._get(path) or []
            names = {
                entry["id"]: entry["id"].rsplit(".", 1)[1]
                for entry in listed
                if ".mingjian." in entry["id"] and not entry["id"].endswith(f".{RULES_FROM}")
            }
            self._metrics[vertex] = names
        if not names:
            return {}
        found = self._get(f"{path}?get={','.join(names)}&agg=sum") or []
        return {names[entry["id"]]: int(entry["sum"]) for entry in found if entry["id"] in names}

    def _get(self, path: str) -> Any:
        try:
            return read(self._base + path)
        except (OSError, ValueError):
            return None


def embedded_counts(settings: Settings) -> Callable[[Snapshot | None], Snapshot | None]:
    """Puts what the functions of this process have counted so far into a snapshot."""
    from udfs.match import COUNTS  # noqa: PLC0415

    COUNTS.clear()

    def counted(seen: Snapshot | None) -> Snapshot | None:
        if settings.flink.rest_url or seen is None:
            return seen
        total = sum((Counter(one) for one in tuple(COUNTS)), Counter())
        return seen.counted(total)

    return counted


def root_cause(trace: str) -> str:
    """What a stack trace of Flink comes down to, one line: what our functions have to say, where
    they raised it, else the last cause that Java names."""
    ours = [found[1] for line in trace.splitlines() if (found := _OURS.search(line))]
    causes = [line for line in trace.splitlines() if line.startswith("Caused by:")]
    found = ours or [one.removeprefix("Caused by: ") for one in causes[-1:]]
    return (found[0] if found else trace.split("\n", maxsplit=1)[0]).strip()


def running(rest_url: str, name: str) -> list[str]:
    """Ids of the jobs of that name which have not ended.

    Raises:
        OSError: the interface does not answer.
    """
    jobs = read(f"{rest_url}/jobs/overview")["jobs"]
    return [job["jid"] for job in jobs if job["name"] == name and job["state"] not in FINAL]


def rules_from(rest_url: str, name: str) -> list[int] | None:
    """Of each task that matches messages in the job of that name: the event time (UTC ms) from
    which the newest ruleset that it has ready judges. None when no job answers."""
    try:
        ids = running(rest_url, name)
        found: list[int] = []
        for vertex in read(f"{rest_url}/jobs/{ids[0]}")["vertices"] if ids else ():
            base = f"{rest_url}/jobs/{ids[0]}/vertices/{vertex['id']}/subtasks"
            names = [one["id"] for one in read(f"{base}/metrics") if _is_rules_from(one["id"])]
            for task in range(vertex["parallelism"]) if names else ():
                told = read(f"{base}/{task}/metrics?get={','.join(names)}")
                found += [int(float(one["value"])) for one in told]
    except (OSError, ValueError, LookupError):
        return None
    return found if ids else None


def _is_rules_from(metric: str) -> bool:
    return metric.endswith(f".mingjian.{RULES_FROM}")


def read(address: str) -> Any:
    """What Flink's interface answers there. Raises OSError, ValueError."""
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310
        return json.load(answer)


def free_slots(rest_url: str) -> int:
    """How many slots of the cluster no job holds. Raises OSError."""
    return int(read(f"{rest_url}/overview")["slots-available"])


def cancel(rest_url: str, job_id: str) -> None:
    """Ask the cluster to end a job; its last checkpoint is kept.

    Raises:
        OSError: the interface does not answer, or refuses.
    """
    request = urllib.request.Request(  # noqa: S310
        f"{rest_url}/jobs/{job_id}?mode=cancel", method="PATCH"
    )
    urllib.request.urlopen(request, timeout=_TIMEOUT).close()  # noqa: S310


def stop_with_savepoint(rest_url: str, job_id: str, folder: str, seconds: float = 120) -> str:
    """End a job, and keep its state and positions in a savepoint below `folder` (a URI).

    Returns: where the savepoint is.

    Raises:
        OSError: the interface does not answer, refuses, or the savepoint failed.
    """
    body = json.dumps({"targetDirectory": folder, "drain": False}).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{rest_url}/jobs/{job_id}/stop", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
        trigger = json.load(answer)["request-id"]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told = read(f"{rest_url}/jobs/{job_id}/savepoints/{trigger}")
        if told["status"]["id"] == "COMPLETED":
            done = told.get("operation") or {}
            if "location" in done:
                return str(done["location"])
            cause = (done.get("failure-cause") or {}).get("stack-trace", "unknown")
            raise OSError(cause.strip().splitlines()[-1])
        time.sleep(_POLL_SECONDS)
    raise OSError(f"no savepoint within {seconds:.0f} s")
