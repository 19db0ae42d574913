"""What `bench.feed` sends is what a client reads, in the order and at the times of the schedule."""

from kafka.record.memory_records import MemoryRecords

from bench import feed
from bench.shares import Look
from bench.streaming import steady

RECORDS = [f"record {number} ".encode() * (1 + number % 40) for number in range(200)]
TIMES = [1_772_580_000_000 + 37 * number for number in range(200)]


def _read(data: bytes) -> list[tuple[bytes, int]]:
    read, found = MemoryRecords(data), []
    while (one := read.next_batch()) is not None:
        assert one.validate_crc()
        found += [(record.value, record.timestamp) for record in one]
    return found


def test_a_client_reads_what_is_in_a_batch():
    assert _read(feed.batch(RECORDS, TIMES)) == list(zip(RECORDS, TIMES, strict=True))


def test_a_schedule_has_every_record_once_in_order_and_none_before_it_is_due():
    for rate in (7, 200, 1_000, 44_100):
        due = [number / rate for number in range(len(RECORDS))]
        known, sent = dict(zip(RECORDS, due, strict=True)), []
        for one in feed.schedule(RECORDS, TIMES, due, partitions=4):
            some = [value for data in one.batches.values() for value, _ in _read(data)]
            assert some
            assert all(known[value] <= one.after <= known[value] + 0.0051 for value in some)
            sent += sorted(some, key=RECORDS.index)
        assert sent == RECORDS


def test_a_rate_is_that_between_a_fifth_and_four_fifths_of_the_messages():
    looks = [
        (Look(0.0, {"broker": 0.0}), 10),
        (Look(10.0, {"broker": 1.0}), 200),
        (Look(12.0, {"broker": 1.5, "client": 0.5}), 600),
        (Look(14.0, {"broker": 2.0, "client": 0.5}), 800),
        (Look(30.0, {"broker": 9.0, "client": 9.0}), 1_000),
    ]
    told = steady(looks, 1_000)
    assert told["per_second"] == 150
    assert told["micros"] == {"broker": 1.0 / 600 * 1e6, "client": 0.5 / 600 * 1e6}
