"""What is sent in one cycle, and what must come of it: a function of a seed, known beforehand.

Every case has people of its own, so that what it must give can be said without judging anything.
Ids are worked out here by the formula of docs/adr/0004, not by the product's code: this is the
oracle that the product is held to. `tests/unit/test_chaos_load.py` compares it with the engine.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

TENANT = "chaos"
PARTITIONS = 4
_ID = "0b3d0e0c-5a55-4c07-8a3b-5f0f2c6f1a"
RULES = {
    "chaos_word": f"{_ID}01",
    "chaos_count": f"{_ID}02",
    "chaos_ahead": f"{_ID}03",
    "chaos_order": f"{_ID}04",
    "chaos_absence": f"{_ID}05",
    "chaos_values": f"{_ID}06",
}
LONGEST_MS = 6_000  # the longest timespan of the rules
_NOISE = (
    "您好，合同已经寄出",
    "明天下午三点开会",
    "好的，收到",
    "资料请查收附件",
    "谢谢，辛苦了",
    "ok see you",
)
_GAP_MS = 700  # between two messages of a case: ordered by time, well within every window


class Line(NamedTuple):
    """One record on its way. `at` is its event time in ms from the beginning of the cycle, `delay`
    how much later (ms) it is handed over."""

    at: int
    delay: int
    key: str
    msgid: str
    sender: str
    to: str
    text: str

    def body(self, base: int) -> bytes:
        """The envelope, as a collector writes it."""
        time = base + self.at
        payload = {
            "msgid": self.msgid,
            "action": "send",
            "from": self.sender,
            "tolist": [self.to],
            "roomid": "",
            "msgtime": time,
            "msgtype": "text",
            "text": {"content": self.text},
        }
        envelope = {
            "v": 1,
            "kind": "archive",
            "time": time,
            "received_at": time + 1000,
            "tenant": TENANT,
            "seq": 0,
            "payload": payload,
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()

    def stamp(self, base: int) -> int:
        """Kafka's timestamp, UTC ms: the event time, as our collectors write it."""
        return base + self.at


class Raw(NamedTuple):
    """Bytes that no collector should have sent."""

    at: int
    delay: int
    key: str
    data: bytes
    absolute: int = 0  # the timestamp, UTC ms, where it is not that of `at`

    def body(self, _base: int) -> bytes:
        """As they are."""
        return self.data

    def stamp(self, base: int) -> int:
        """Kafka's timestamp, UTC ms."""
        return self.absolute or base + self.at


class Case(NamedTuple):
    """What must be told. `at` is the event time (ms from the beginning) of the alert's last
    message, `due` that of the alert itself, where that is later."""

    rule: str
    group: tuple[str, ...]
    msgids: tuple[str, ...]
    at: int
    due: int = 0
    live: bool = True  # sent when it was said, so that the time to its alert means something

    def alert_id(self, base: int) -> str:
        """The id the alert must have (docs/adr/0004)."""
        moment = (str(base + self.due),) if self.due else ()
        return _content_id(RULES[self.rule], "1", TENANT, *self.group, *self.msgids, *moment)


class Plan(NamedTuple):
    """A cycle: `lines` in the order in which they are handed over."""

    seed: str
    lines: tuple[Line | Raw, ...]
    cases: tuple[Case, ...]
    length: int  # ms
    quarantined: int = 0  # records that have to be set aside
    late: int = 0  # late records that have to be told

    def expected(self, base: int) -> dict[str, Case]:
        """Alert ids and the cases they stand for."""
        return {case.alert_id(base): case for case in self.cases}


def make_plan(
    seed: str, *, seconds: float, rate: float = 150, planted: float = 3, disorder_ms: int = 1500
) -> Plan:
    """A cycle of so many seconds.

    Args:
        seed: names the cycle; part of all ids, so that cycles never meet.
        rate: messages a second that mean nothing.
        planted: cases and decoys a second.
        disorder_ms: messages are handed over up to so much after their time.
    """
    rng = random.Random(f"chaos {seed}")
    length = int(seconds * 1000)
    lines: list[Line] = []
    cases: list[Case] = []
    makers: Sequence[Callable[[_Maker], Iterator[Case]]] = (*[_word] * 3, *_OTHERS)
    for number in range(int(seconds * planted)):
        # the last ones begin early enough for all of their messages to be sent
        at = rng.randrange(max(1, length - 3 * _GAP_MS))
        maker = _Maker(f"{seed}-{number}", at, rng, disorder_ms, lines)
        cases += rng.choice(makers)(maker)
    for number in range(int(seconds * rate)):
        who = rng.randrange(200)
        lines.append(
            Line(
                rng.randrange(length),
                rng.randrange(disorder_ms),
                f"n{who}",
                f"{seed}-n{number}",
                f"noise{who}",
                customer(f"n{who}"),
                rng.choice(_NOISE),
            )
        )
    return Plan(seed, in_order(lines), tuple(cases), length)


def in_order(lines: Iterable[Line | Raw]) -> tuple[Line | Raw, ...]:
    """As they are handed over."""
    return tuple(sorted(lines, key=lambda line: (line.at + line.delay, line.key)))


def customer(name: str) -> str:
    """An id that is a customer's by its form."""
    return f"wm{hashlib.sha256(name.encode()).hexdigest()[:20]}"


class _Maker:
    """Writes the messages of one case."""

    def __init__(
        self, name: str, at: int, rng: random.Random, disorder_ms: int, lines: list[Line]
    ) -> None:
        self.name, self.at = name, at
        self._rng, self._disorder, self._lines = rng, disorder_ms, lines
        self._number = 0
        self.employee = f"emp-{name}"

    def say(self, text: str, *, inbound: bool = False, other: int = 0, later: int = _GAP_MS) -> str:
        """One message `later` ms after the one before; its id."""
        if self._number:
            self.at += later
        client = customer(f"{self.name}-{other}")
        sender, to = (client, self.employee) if inbound else (self.employee, client)
        msgid = f"{self.name}-m{self._number}"
        self._number += 1
        delay = self._rng.randrange(self._disorder)
        self._lines.append(
            Line(self.at, delay, "|".join(sorted((sender, to))), msgid, sender, to, text)
        )
        return msgid

    def conversation(self, other: int = 0) -> str:
        """The conversation with one of the customers."""
        return "|".join(sorted((self.employee, customer(f"{self.name}-{other}"))))


def _word(case: _Maker) -> Iterator[Case]:
    msgid = case.say("这款产品保本稳赚")
    yield Case("chaos_word", (), (msgid,), case.at)


def _count(case: _Maker) -> Iterator[Case]:
    ids = tuple(case.say("回扣返点好说", other=number) for number in range(3))
    yield Case("chaos_count", (TENANT, case.employee), ids, case.at)


def _ahead(case: _Maker) -> Iterator[Case]:
    ids = tuple(case.say("请马上转账", other=number) for number in range(2))
    yield Case("chaos_ahead", (TENANT, case.employee), ids, case.at)


def _order(case: _Maker) -> Iterator[Case]:
    ids = (case.say("加我微信聊"), case.say("已经加了", inbound=True), case.say("那就私下成交"))
    yield Case("chaos_order", (TENANT, case.conversation()), ids, case.at)


def _absence(case: _Maker) -> Iterator[Case]:
    msgid = case.say("我要投诉你们", inbound=True)
    yield Case("chaos_absence", (TENANT, case.conversation()), (msgid,), case.at, case.at + 4_000)


def _values(case: _Maker) -> Iterator[Case]:
    ids = tuple(case.say("扫码入群领取福利", other=number) for number in range(3))
    yield Case("chaos_values", (TENANT, case.employee), ids, case.at)


def _too_few(case: _Maker) -> Iterator[Case]:
    case.say("回扣返点好说")
    case.say("回扣返点好说", other=1)
    return iter(())


def _wrong_order(case: _Maker) -> Iterator[Case]:
    case.say("那就私下成交")
    case.say("已经加了", inbound=True)
    case.say("加我微信聊")
    return iter(())


def _answered(case: _Maker) -> Iterator[Case]:
    case.say("我要投诉你们", inbound=True)
    case.say("已为您登记处理", later=2 * _GAP_MS)
    return iter(())


_OTHERS = (_count, _ahead, _order, _absence, _values, _too_few, _wrong_order, _answered)


def _content_id(*parts: str) -> str:
    digest = hashlib.new("sm3")
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()[:32]
