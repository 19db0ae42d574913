"""Runs every look, each with a limit of its own and beside the others, and judges what they saw."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from config.settings import Settings, Target
from jobs.doctor import (
    judge_archive,
    judge_delivery,
    judge_flow,
    judge_intake,
    judge_site,
    judge_stream,
    see_archive,
    see_delivery,
    see_flow,
    see_site,
    see_stream,
)
from jobs.doctor.asked import addresses, named
from jobs.doctor.findings import CHECKS, UNKNOWN, Finding, Verdict, plain, verdict
from rules.errors import MingjianError

_SHORT_S, _LONG_S = 8.0, 15.0
_READING_S = 8.0  # of what completeness may read
_JUDGING_S = 900.0
log = structlog.get_logger("doctor")


class Page(msgspec.Struct, frozen=True):
    """What the examination came to. `at` is UTC ms."""

    at: int
    seconds: float
    verdict: Verdict
    findings: tuple[Finding, ...]


class _Look(NamedTuple):
    check: str
    seconds: float
    run: Callable[[], list[Finding]]
    of: str = ""  # who is asked and by which setting, for when there is no answer


def examine(settings: Settings, *, judge: bool = False) -> Page:
    """Look at everything. Changes nothing; what cannot be looked at is a finding.

    Args:
        judge: also judge the last hour anew, which may take minutes.
    """
    began, now = time.monotonic(), time.time_ns() // 1_000_000
    looks = _looks(settings, now, judge)
    results: list[list[Finding] | None] = [None] * len(looks)

    def go(index: int) -> None:
        results[index] = _tried(looks[index])

    threads = [
        threading.Thread(target=go, args=(index,), name=f"doctor-{one.check}", daemon=True)
        for index, one in enumerate(looks)
    ]
    for thread in threads:
        thread.start()
    for thread, look in zip(threads, looks, strict=True):
        thread.join(max(0.0, began + look.seconds - time.monotonic()))
    found: list[Finding] = []
    for result, look in zip(tuple(results), looks, strict=True):
        found += result if result is not None else [_too_long(look)]
    found = [plain(one) for one in found]
    order = list(CHECKS)
    found.sort(key=lambda one: order.index(one.check))
    return Page(now, round(time.monotonic() - began, 2), verdict(found), tuple(found))


def _looks(settings: Settings, now: int, judge: bool) -> list[_Look]:
    kafka, flow, site, stream = settings.source.kind == "kafka", see_flow, see_site, see_stream
    lateness = settings.flink.allowed_lateness_ms

    def source() -> list[Finding]:
        if kafka:
            return judge_stream.topic(stream.topic(settings), now)
        return judge_stream.files(stream.files(settings), now)

    def progress() -> list[Finding]:
        seen = stream.source_progress(settings, now)
        return judge_stream.progress(seen, settings.limits, lateness)

    def delivery() -> list[Finding]:
        return judge_delivery.delivery(see_delivery.lags(settings), now)

    index, job, broker, stores = addresses(settings)
    looks = [
        _Look("keys", _SHORT_S, lambda: judge_site.keys(site.keys(settings))),
        _Look("rules", _LONG_S, lambda: judge_site.rules(site.rules(settings, _LONG_S), now)),
        _Look("disk", _SHORT_S, lambda: judge_site.disks(site.disks(settings))),
        _Look("clock", _SHORT_S, lambda: judge_site.clocks(site.clocks(settings))),
        _Look("source", _SHORT_S, source, broker),
        _Look("job", _SHORT_S, lambda: judge_stream.job(stream.job(settings, now), now), job),
        _Look("progress", _LONG_S, progress, ", ".join(filter(None, (broker, job)))),
        _Look(
            "collectors", _SHORT_S, lambda: judge_intake.collectors(flow.collectors(settings), now)
        ),
        _Look("incidents", _SHORT_S, lambda: judge_flow.incidents(flow.incidents(settings)), index),
        _Look("delivery", _LONG_S, delivery, stores),
        _Look("refused", _LONG_S, lambda: judge_flow.refused(flow.refused(settings)), stores),
        _Look("quarantine", _LONG_S, lambda: judge_flow.quarantine(flow.shelved(settings)), index),
        _Look(
            "completeness",
            _LONG_S,
            lambda: judge_flow.completeness(flow.completed(settings, now, _READING_S), now),
            stores,
        ),
        _Look("canaries", _SHORT_S, lambda: judge_intake.canaries(flow.canaried(settings), now)),
        _Look(
            "judged",
            _JUDGING_S if judge else _SHORT_S,
            lambda: judge_flow.judged(flow.judged(settings, wanted=judge)),
        ),
    ]
    looks += [
        _Look(
            "targets", _SHORT_S, lambda one=one: judge_flow.targets([flow.target(one)]), named(one)
        )
        for one in settings.targets
    ]
    for one in settings.targets:
        if one.kind == "archive":
            looks += _of_archive(settings, one, now)
    if not settings.targets:
        looks.append(_Look("targets", _SHORT_S, lambda: judge_flow.targets([])))
    return looks


def _of_archive(settings: Settings, one: Target, now: int) -> list[_Look]:
    """Each part by itself, so that one that is away hides no other."""
    see, judge = see_archive, judge_archive
    objects = f"{one.name}, {see.place_of_segments(one)} (targets[].s3_endpoint)"
    index = f"{one.name}, {see.place_of_index(settings, one)} (targets[].index_url)"
    both = f"{index}, or from {objects}"
    return [
        _Look("segments", _LONG_S, lambda: judge.segments(see.segments(settings, one)), both),
        _Look("archive_index", _LONG_S, lambda: judge.index(see.index(settings, one)), index),
        _Look("tenant_keys", _LONG_S, lambda: judge.keys(see.keys(settings, one)), both),
        _Look("access", _SHORT_S, lambda: judge.rights(see.rights(settings, one))),
        _Look("ledger", _LONG_S, lambda: judge.ledger(see.ledger(settings, one, now), now), index),
        _Look("custody", _LONG_S, lambda: judge.books(see.books(settings, one)), index),
    ]


def _tried(look: _Look) -> list[Finding]:
    """What the look found; what went wrong with looking is a finding, too."""
    try:
        return look.run()
    except MingjianError as error:
        return [
            Finding(look.check, UNKNOWN, error.en, error.zh, error.fix_en, error.fix_zh),
        ]
    except subprocess.TimeoutExpired:
        return [_too_long(look)]
    except (OSError, sqlite3.Error, ValueError, LookupError) as error:
        why = str(getattr(error, "reason", "") or error)[:160] or type(error).__name__
        return [Finding(look.check, UNKNOWN, why, why)]
    except Exception as error:  # a look of ours that breaks must not hide all the others
        log.error("look_broke", check=look.check, error=type(error).__name__)
        kind = type(error).__name__
        words = (f"unexpected {kind}: a defect of Mingjian", f"意外错误 {kind}：明鉴的缺陷")
        return [Finding(look.check, UNKNOWN, *words)]


def _too_long(look: _Look) -> Finding:
    asked = (f" from {look.of}", f"（{look.of}）") if look.of else ("", "")
    fix = ("is it up, and is its address right?", "它是否在运行，地址是否正确？") if look.of else ()
    return Finding(
        look.check,
        UNKNOWN,
        f"no answer within {look.seconds:.0f} s{asked[0]}",
        f"{look.seconds:.0f} 秒内没有结果{asked[1]}",
        *fix,
    )
