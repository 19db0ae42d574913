"""What some rows do to a plan before it is sent: bad bytes, wrong clocks, repeats, latecomers."""

from __future__ import annotations

import json
import random

from tests.chaos.load import Case, Line, Plan, Raw, customer, in_order
from tests.chaos.sender import partition_of

_YEAR_1970, _YEAR_2100 = 3_600_000, 4_102_444_800_000
_HOUR = 3_600_000


def malformed(plan: Plan, rng: random.Random) -> Plan:
    """One record in a hundred is no record."""
    bad = [
        lambda n: b"{",
        lambda n: b"\xff\xfe\x00 not text %d" % n,
        lambda n: b"[" * 100_000,
        lambda n: b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        lambda n: b"[1,2,3]",
        lambda n: b'{"v":1,"kind":"archive","time":NaN,"n":%d}' % n,
        lambda n: b'{"v":9,"kind":"archive","n":%d}' % n,
        lambda n: b'{"v":1,"kind":"archive","time":1,"tenant":"chaos","payload":{"n":%d}}' % n,
        lambda n: b'{"msgid":"x%d","msgtype":"text","msgtime":"soon"}' % n,
    ]
    count = max(10, len(plan.lines) // 100)
    extra = [
        Raw(rng.randrange(plan.length), 0, f"bad{number}", rng.choice(bad)(number))
        for number in range(count)
    ]
    return _with(plan, extra, quarantined=count)


def duplicate_keys(plan: Plan, rng: random.Random) -> Plan:
    """JSON with a key written twice: the last one counts, and nothing is set aside."""
    extra, cases = [], []
    for number in range(20):
        at = rng.randrange(plan.length)
        line = _word(plan, f"dup{number}", at)
        cases.append(Case("chaos_word", (), (line.msgid,), at))
        extra.append(_Twice(*line))
    return _with(plan, extra, cases=cases)


def oversized(plan: Plan, rng: random.Random) -> Plan:
    """Records from just over the limit of 1 MiB up to 15 MB."""
    sizes = (1_048_577, 1_500_000, 4_000_000, 8_000_000, 15_000_000)
    extra = [
        Raw(rng.randrange(plan.length), 0, f"big{size}", b'{"text":"' + b"x" * size + b'"}')
        for size in sizes
    ]
    return _with(plan, extra, quarantined=len(extra))


def wrong_clocks(plan: Plan, rng: random.Random) -> Plan:
    """Senders an hour behind and an hour ahead, whose words are judged; and stamps of 1970 and
    2100, which are set aside. None of them moves event time."""
    extra: list[Line | Raw] = []
    cases = []
    for number in range(10):
        at = rng.randrange(plan.length)
        for name, skew in (("behind", -_HOUR), ("ahead", _HOUR)):
            line = _word(plan, f"{name}{number}", at)._replace(at=at + skew, delay=-skew)
            extra.append(line)
            cases.append(Case("chaos_word", (), (line.msgid,), at + skew, live=False))
        for time in (_YEAR_1970, _YEAR_2100):
            body = json.loads(_word(plan, f"{time}-{number}", at).body(0))
            body["time"] = body["payload"]["msgtime"] = time
            data = json.dumps(body, separators=(",", ":")).encode()
            extra.append(Raw(at, 0, f"clock{number}", data, absolute=time))
    return _with(plan, extra, cases=cases, quarantined=20)


def latecomers(plan: Plan, rng: random.Random) -> Plan:
    """One message in twenty comes two minutes late: what it says by itself is judged all the same,
    what it counts for is told in the late lane."""
    count = max(10, len(plan.lines) // 20)
    extra, cases, late = [], [], 0
    for number in range(count):
        # handed over when event time has surely gone on
        sent = rng.randrange(plan.length // 3, plan.length)
        line = _word(plan, f"late{number}", sent - 120_000)._replace(delay=120_000)
        if number % 2:
            line = line._replace(text="回扣返点好说")
            late += 1
        else:
            cases.append(Case("chaos_word", (), (line.msgid,), line.at, live=False))
        extra.append(line)
    return _with(plan, extra, cases=cases, late=late)


def repeats(plan: Plan, rng: random.Random) -> Plan:
    """One record in ten is sent twice, and the first third once more as a whole at the end."""
    again = [line._replace(delay=line.delay + rng.randrange(3000)) for line in plan.lines[::10]]
    third = plan.lines[: len(plan.lines) // 3]
    again += [line._replace(delay=plan.length - line.at) for line in third]
    return _with(plan, again)


def one_silent(plan: Plan, _rng: random.Random) -> Plan:
    """Nothing is sent to partition 0, nor anything of a case that has a message there."""

    def of(msgid: str) -> str:
        return msgid.rsplit("-m", 1)[0]

    lines = [line for line in plan.lines if isinstance(line, Line)]
    gone = {of(line.msgid) for line in lines if partition_of(line.key) == 0}
    return plan._replace(
        lines=tuple(line for line in lines if of(line.msgid) not in gone),
        cases=tuple(case for case in plan.cases if of(case.msgids[0]) not in gone),
    )


class _Twice(Line):
    """A record that has one key twice."""

    def body(self, base: int) -> bytes:
        return super().body(base).replace(b'"kind":', b'"kind":"nothing","kind":', 1)


def _word(plan: Plan, name: str, at: int) -> Line:
    who = f"emp-{plan.seed}-{name}"
    to = customer(who)
    return Line(at, 0, "|".join(sorted((who, to))), f"{plan.seed}-{name}", who, to, "保本稳赚")


def _with(
    plan: Plan,
    extra: list[Line | Raw] | list[Raw] | list[Line],
    *,
    cases: list[Case] | None = None,
    quarantined: int = 0,
    late: int = 0,
) -> Plan:
    return plan._replace(
        lines=in_order([*plan.lines, *extra]),
        cases=(*plan.cases, *(cases or ())),
        quarantined=quarantined,
        late=late,
    )
