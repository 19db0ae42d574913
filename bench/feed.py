"""Messages for a Kafka topic at the cost of a socket: encoded before, sent when they are due.

A client that encodes each record while it sends takes more of two cores than the job that is
measured. Here every batch is bytes before the clock starts.
"""

from __future__ import annotations

import pickle
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import crc32c

_PRODUCE, _VERSION = 0, 7
_CLIENT = b"mingjian-bench"
_MAGIC = 2  # of a record batch
_TIMEOUT_MS = 30_000
_UNDER_WAY = 32  # requests that may be without an answer
_NOT_LEADER = 6
_PATIENCE_S = 30.0


class NotYetError(OSError):
    """The broker does not take the topic's records yet."""


class Due(NamedTuple):
    """Record batches by partition, to be sent `after` seconds of the schedule."""

    after: float
    batches: dict[int, bytes]


def batch(records: Sequence[bytes], times: Sequence[int]) -> bytes:
    """A record batch (format 2, no keys, not compressed). `times`: UTC ms, of each record."""
    body, first = bytearray(), times[0]
    for offset, (record, at) in enumerate(zip(records, times, strict=True)):
        inner = b"\0" + _varint(at - first) + _varint(offset) + b"\x01" + _varint(len(record))
        body += _varint(len(inner) + len(record) + 1) + inner + record + b"\0"
    last = len(records) - 1
    checked = struct.pack(">hiqqqhii", 0, last, first, max(times), -1, -1, -1, len(records)) + body
    return (
        struct.pack(">qiibI", 0, 9 + len(checked), -1, _MAGIC, crc32c.crc32c(bytes(checked)))
        + checked
    )


def _varint(value: int) -> bytes:
    left = (value << 1) ^ (value >> 63)
    if left < 0x80:  # noqa: PLR2004 - seven bits
        return bytes((left,))
    out = bytearray()
    while left > 0x7F:  # noqa: PLR2004
        out.append(0x80 | left & 0x7F)
        left >>= 7
    out.append(left)
    return bytes(out)


class Broker:
    """A connection that sends batches; waits for answers only where too many are under way."""

    def __init__(self, address: str, topic: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._topic = topic.encode()
        self._sent = self._answered = 0

    def send(self, batches: dict[int, bytes]) -> None:
        """One request. Raises OSError where the broker refused one before."""
        parts = b"".join(
            struct.pack(">ii", number, len(data)) + data for number, data in batches.items()
        )
        head = struct.pack(">hhih", _PRODUCE, _VERSION, self._sent, len(_CLIENT)) + _CLIENT
        head += struct.pack(">hhii", -1, 1, _TIMEOUT_MS, 1)  # the leader answers
        head += struct.pack(">h", len(self._topic)) + self._topic
        body = head + struct.pack(">i", len(batches)) + parts
        self._socket.sendall(struct.pack(">i", len(body)) + body)
        self._sent += 1
        while self._sent - self._answered > _UNDER_WAY:
            self._answer()

    def settle(self) -> None:
        """Wait until the broker has all that was sent."""
        while self._answered < self._sent:
            self._answer()

    def finish(self) -> None:
        """Wait for that, and hang up."""
        self.settle()
        self._socket.close()

    def _answer(self) -> None:
        (size,) = struct.unpack(">i", self._exactly(4))
        told = self._exactly(size)
        self._answered += 1
        at = 4 + 4 + 2 + len(self._topic)  # number, topics, name
        (parts,) = struct.unpack_from(">i", told, at)
        for part in range(parts):
            _, error = struct.unpack_from(">ih", told, at + 4 + part * 30)
            if error == _NOT_LEADER:
                raise NotYetError("the topic is being made")
            if error:
                raise OSError(f"the broker refused a batch: error {error}")

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(size - len(parts))
            if not part:
                raise OSError("the broker hung up")
            parts += part
        return bytes(parts)


def at_once(
    address: str,
    topic: str,
    records: Sequence[bytes],
    times: Sequence[int],
    partitions: int,
    size: int = 500,
) -> None:
    """Write all there is, dealt to the partitions in turn; `size`: records of a batch."""
    step = size * partitions
    first = _dealt(records, times, 0, min(step, len(records)), partitions)
    broker = _begun(address, topic, first)
    for begin in range(step, len(records), step):
        end = min(begin + step, len(records))
        broker.send(_dealt(records, times, begin, end, partitions))
    broker.finish()


def _begun(address: str, topic: str, first: dict[int, bytes]) -> Broker:
    """A connection over which the first batches went, as soon as a topic just made takes them; of
    its partitions one may be later than the others."""
    until = time.monotonic() + _PATIENCE_S
    broker = Broker(address, topic)
    for number, data in first.items():
        while True:
            broker.send({number: data})
            try:
                broker.settle()
            except NotYetError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                break
    return broker


def _dealt(
    records: Sequence[bytes], times: Sequence[int], begin: int, end: int, partitions: int
) -> dict[int, bytes]:
    parts = ((one, range(begin + one, end, partitions)) for one in range(partitions))
    return {
        one: batch([records[at] for at in some], [times[at] for at in some])
        for one, some in parts
        if some
    }


def schedule(
    records: Sequence[bytes],
    times: Sequence[int],
    due: Sequence[float],
    partitions: int,
    tick: float = 0.005,
) -> Iterator[Due]:
    """What is to be sent when: everything that is due (seconds) in a tick at the tick's end, as a
    producer does that lingers."""
    begin = 0
    while begin < len(records):
        after = (int(due[begin] / tick) + 1) * tick
        end = begin + 1  # where rounding puts it into the tick before, that one is its own
        while end < len(records) and due[end] < after:
            end += 1
        yield Due(after, _dealt(records, times, begin, end, partitions))
        begin = end


def keep(plan: Iterable[Due], file: Path) -> None:
    """Write a plan down, for `play`."""
    with file.open("wb") as out:
        for due in plan:
            pickle.dump(tuple(due), out, protocol=5)


def play(address: str, topic: str, file: Path) -> tuple[float, float]:
    """Send a plan. Returns the UTC second of its beginning, and by how much (seconds) the most
    belated batch was late: what comes late is sent at once and left in the schedule."""
    broker = Broker(address, topic)
    begun, clock = time.time() + 0.2, time.monotonic() + 0.2
    most = 0.0
    with file.open("rb") as stored:
        while stored.peek(1):
            due = Due(*pickle.load(stored))  # noqa: S301 - we wrote it
            wait = clock + due.after - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            most = max(most, time.monotonic() - clock - due.after)
            broker.send(due.batches)
    broker.finish()
    return begun, most


if __name__ == "__main__":  # a process of its own: python -m bench.feed ADDRESS TOPIC FILE
    print(*play(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
