"""Tries a ruleset on a sample before it judges: how much each rule hits, and what it costs."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from config.settings import Limits
from rules.calendar import load_calendar
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.errors import RecordError
from rules.view import View

_ROUNDS = 3  # of measuring; the quickest counts, for others use the machine too


class OfRule(NamedTuple):
    """What one rule did. `share`: of the messages it hit; `micros`: µs that its conditions took, a
    message of the sample; `failed`: messages on which it failed."""

    rule: str
    signal: bool
    share: float
    micros: float
    failed: int


class Tried(NamedTuple):
    """`messages` of the sample that could be judged; `micros` a message that all rules took, the
    search for their patterns with it."""

    messages: int
    micros: float
    rules: list[OfRule]


class TooMuch(NamedTuple):
    """Why a rule must not judge, in English and Chinese."""

    rule: str
    en: str
    zh: str


def try_out(compiled: CompiledRules, records: Iterable[bytes], tenant: str) -> Tried:
    """Judge these records."""
    ruleset, calendar = compiled.ruleset, load_calendar()
    own = ruleset.calendar or calendar
    decoder = Decoder(tenant, assume_received_at=int(time.time() * 1000))
    drafts = []
    for raw in records:
        try:
            draft = decoder.draft(raw)
        except RecordError:
            continue
        if draft is not None:
            drafts.append(draft)
    if not drafts:
        return Tried(0, 0.0, [])
    held: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    touched = []
    whole = 0.0
    for again in range(_ROUNDS):
        began = time.thread_time()
        for at, candidates in compiled.candidates(drafts).items():
            message = decoder.message(drafts[at])
            found, wrong = compiled.judge(candidates, message, calendar)
            if not again:
                held.update(rule.ref.name for rule, _ in found)
                failed.update(name for name, _ in wrong)
                touched.append((message, candidates))
        took = time.thread_time() - began
        whole = min(whole, took) if again else took
    spent: dict[str, float] = {}
    for _ in range(_ROUNDS):
        now: Counter[str] = Counter()
        for message, candidates in touched:
            view = View(message, own, 0, ruleset.reference, candidates.fired)
            for rule in candidates.rules:
                now[rule.ref.name] += _timed(rule.condition.holds, view)
        spent = {name: min(ns, spent.get(name, ns)) for name, ns in now.items()}
    number = len(drafts)
    rules = [
        OfRule(
            name,
            ruleset.detections[name].signal,
            held[name] / number,
            spent.get(name, 0) / number / 1000,
            failed[name],
        )
        for name in ruleset.detections
    ]
    return Tried(number, whole / number * 1e6, rules)


def too_much(tried: Tried, names: Container[str], limits: Limits) -> list[TooMuch]:
    """Which of these rules must not judge, and why. A signal alerts nobody: that it hits much only
    costs, and what it costs is measured."""
    found = []
    for one in tried.rules:
        if one.rule not in names:
            continue
        percent = one.share * 100
        if not one.signal and percent > limits.rule_hits_percent:
            found.append(
                TooMuch(
                    one.rule,
                    f"it hits {percent:.1f} % of {tried.messages:,} messages; allowed are"
                    f" {limits.rule_hits_percent} % (limits.rule_hits_percent)",
                    f"它命中 {tried.messages:,} 条消息中的 {percent:.1f}%，上限为"
                    f" {limits.rule_hits_percent}%（limits.rule_hits_percent）",
                )
            )
        if one.micros > limits.rule_micros:
            found.append(
                TooMuch(
                    one.rule,
                    f"it takes {one.micros:.0f} µs a message; allowed are {limits.rule_micros}"
                    " (limits.rule_micros)",
                    f"它平均每条消息耗时 {one.micros:.0f} 微秒，上限为 {limits.rule_micros}"
                    "（limits.rule_micros）",
                )
            )
        if one.failed:
            found.append(
                TooMuch(
                    one.rule,
                    f"it fails on {one.failed} of {tried.messages:,} messages",
                    f"它在 {tried.messages:,} 条消息中的 {one.failed} 条上出错",
                )
            )
    return found


def _timed(holds: Callable[[View], bool], view: View) -> int:
    """ns that one condition took of one message."""
    view.spans = []
    began = time.thread_time_ns()  # not that of others on the machine
    with contextlib.suppress(Exception):  # told by `CompiledRules.judge`
        holds(view)
    return time.thread_time_ns() - began
