"""Redis as a target: each alert once, counters exact, loss noticed."""

from __future__ import annotations

import itertools
import json
import threading

import pytest
from redis import Redis

from rules.errors import EXIT_ENVIRONMENT, MingjianError
from sinks.base import Record
from sinks.progress import SinkBehind
from sinks.redis import RedisSink
from sinks.redis_follower import RedisFollower
from tests.support.records import T0, alert, done_with, evidence, late, noticed, quarantined, rule


@pytest.fixture
def client(redis_server):
    with Redis.from_url(redis_server.address) as connected:
        yield connected


@pytest.fixture
def sink(redis_server, prefix):
    target = RedisSink(prefix, redis_server.address, tenant=prefix)
    target.open()
    yield target
    target.close()


def test_writing_twice_shows_once_everywhere(sink, client, prefix):
    batch = [alert(n, tenant=prefix) for n in range(3)]
    batch += [evidence(1, tenant=prefix), quarantined(b"{"), quarantined(b"[")]
    batch += [noticed(1, tenant=prefix), done_with("q1", tenant=prefix)]
    assert sink.write(batch)[:2] == (4, 0)
    assert sink.write(batch)[:2] == (0, 4)
    base = f"mingjian:{{{prefix}}}"
    assert client.xlen(f"{base}:alerts") == 3
    assert client.zrange(f"{base}:queue", 0, -1, withscores=True) == [
        (alert(n).id.encode(), T0 + n * 1000) for n in range(3)
    ]
    stored = json.loads(client.get(f"{base}:alert:{alert(1).id}"))
    assert stored["members"][0]["seq"] == 18446744073709551001, "64-bit numbers stay exact"
    follower = RedisFollower(f"{client_url(client)}", tenant=prefix)
    assert follower.counts() == {
        "alerts": 3,
        "evidence": 1,
        "quarantine": {"not_json": 2},
        "late": 0,
        "late_would_have_fired": 0,
        "retracted": 0,
        "by_rule": {"a07_01_guarantee": 3},
        "by_response": {"2": 3},
        "incidents": 1,
        "incidents_open": 1,
        "handled": 1,
    }


def client_url(client: Redis) -> str:
    options = client.connection_pool.connection_kwargs
    return f"redis://{options['host']}:{options['port']}/0"


def test_only_alerts_are_stored_in_full(sink, client, prefix):
    sink.write([evidence(1, tenant=prefix), quarantined(b"{"), late(1)])
    for key in client.scan_iter(match=f"mingjian:{{{prefix}}}:*"):
        assert client.type(key) == b"string"  # a HyperLogLog
        assert client.get(key).startswith(b"HYLL")


def test_a_resolved_incident_stands_in_whatever_order_the_two_come(sink, client, prefix):
    told = [noticed(1, status, tenant=prefix) for status in ("open", "resolved")]
    base = f"mingjian:{{{prefix}}}"
    for order in itertools.permutations([*told, told[0]]):
        for key in client.scan_iter(match=f"{base}:*"):
            client.delete(key)
        for record in order:
            sink.write([record])
        assert json.loads(client.get(f"{base}:incident:{told[0].id}"))["status"] == "resolved"
        counts = follower(client, prefix).counts()
        assert (counts["incidents"], counts["incidents_open"]) == (1, 0)
    sink.write([noticed(2, tenant=prefix)])
    assert follower(client, prefix).counts()["incidents_open"] == 1


def test_a_final_alert_replaces_the_speculative_one_and_stays_one(sink, client, prefix):
    early = alert(1, tenant=prefix, status="speculative")
    sink.write([early])
    sink.write([alert(1, tenant=prefix)])
    sink.write([early])
    base = f"mingjian:{{{prefix}}}"
    assert json.loads(client.get(f"{base}:alert:{early.id}"))["status"] == "final"
    assert client.xlen(f"{base}:alerts") == 1
    assert client.hget(f"{base}:count", "alerts") == b"1"


@pytest.mark.parametrize("last", ["retracted", "final"])
def test_in_whatever_order_the_records_of_an_alert_come_one_of_them_stands(
    sink, client, prefix, last
):
    base = f"mingjian:{{{prefix}}}"
    told = [alert(1, tenant=prefix, status=status) for status in ("speculative", "retracted")]
    told += [alert(1, tenant=prefix)] * (last == "final")
    for order in itertools.permutations([*told, told[0]]):
        for key in client.scan_iter(match=f"{base}:*"):
            client.delete(key)
        for record in order:
            sink.write([record])
        stored = json.loads(client.get(f"{base}:alert:{told[0].id}"))
        assert stored["status"] == last
        open_ = int(last == "final")
        assert client.zcard(f"{base}:queue") == open_, "what is taken back waits for nobody"
        counts = follower(client, prefix).counts()
        assert (counts["alerts"], counts["retracted"]) == (open_, 1 - open_)
        assert counts["by_rule"] == ({"a07_01_guarantee": 1} if open_ else {})


def test_what_came_late_and_would_have_fired_is_counted(sink, client, prefix):
    told = [late(n, tenant=prefix, would_have_fired=one) for n, one in enumerate(("true", "false"))]
    assert sink.write([*told, alert(1, tenant=prefix)])[:2] == (1, 0)
    counts = follower(client, prefix).counts()
    assert (counts["late"], counts["late_would_have_fired"]) == (2, 1)


def test_who_follows_is_told_what_is_taken_back_and_not_what_is_confirmed(sink, client, prefix):
    ahead = [alert(n, tenant=prefix, status="speculative") for n in (1, 2)]
    sink.write(ahead)
    rows, cursor = follower(client, prefix).follow("")
    assert [row["status"] for row in rows] == ["speculative"] * 2
    sink.write([alert(1, tenant=prefix), alert(2, tenant=prefix, status="retracted")])
    rows, _ = follower(client, prefix).follow(cursor)
    assert [(row["alert_id"], row["status"]) for row in rows] == [(ahead[1].id, "retracted")]


def follower(client: Redis, prefix: str) -> RedisFollower:
    return RedisFollower(client_url(client), tenant=prefix)


def test_follow_and_live_show_an_alert_as_it_comes(sink, client, prefix, redis_server):
    follower = RedisFollower(redis_server.address, tenant=prefix)
    sink.write([alert(1, tenant=prefix)])
    _, cursor = follower.follow("now")
    live = client.pubsub()
    live.subscribe(f"mingjian:{{{prefix}}}:live")
    live.get_message(timeout=10)  # the confirmation of the subscription
    threading.Timer(0.2, sink.write, [[alert(2, tenant=prefix, rule=rule(response=3))]]).start()
    rows, _ = follower.follow(cursor, timeout=20)
    assert [row["alert_id"] for row in rows] == [alert(2).id]
    assert json.loads(live.get_message(timeout=10)["data"])["rule"]["response"] == 3
    assert len(follower.follow("")[0]) == 2, "from the beginning"


def test_a_record_that_does_not_fit_never_blocks_the_batch(sink, prefix):
    bad = Record("alerts", "x", b'{"alert_id":"x","rule":7}')
    result = sink.write([alert(1, tenant=prefix), bad, alert(2, tenant=prefix)])
    assert (result.written, [r.record.id for r in result.rejected]) == (2, ["x"])


def test_a_wiped_server_is_noticed_and_tells_from_where_to_fill_it(sink, client, prefix):
    sink.write_at([alert(1, tenant=prefix)], {"kafka:alerts:0": 5, "kafka:alerts:1": 2})
    assert sink.positions() == {"kafka:alerts:0": 5, "kafka:alerts:1": 2}
    client.hset(f"mingjian:{{deliver}}:marks:{prefix}", "kafka:alerts:0", 3)  # an old copy
    with pytest.raises(SinkBehind):
        sink.write_at([alert(2, tenant=prefix)], {"kafka:alerts:0": 6})
    assert sink.positions() == {"kafka:alerts:0": 3, "kafka:alerts:1": 2}
    assert sink.write_at([alert(2, tenant=prefix)], {"kafka:alerts:0": 4}).written == 1


def test_a_server_that_is_wiped_within_a_batch_is_filled_again(sink, client, prefix, monkeypatch):
    """Its new mark alone would say that all before it is there."""
    sink.write_at([alert(1, tenant=prefix)], {"kafka:alerts:0": 5, "kafka:alerts:1": 2})
    queue = sink._queue

    def wiped_then(pipe, record):
        client.delete(f"mingjian:{{deliver}}:marks:{prefix}")
        queue(pipe, record)

    monkeypatch.setattr(sink, "_queue", wiped_then)
    with pytest.raises(SinkBehind):
        sink.write_at([alert(2, tenant=prefix)], {"kafka:alerts:0": 6})
    monkeypatch.undo()
    assert sink.positions() == {}
    assert sink.write_at([alert(1, tenant=prefix)], {"kafka:alerts:0": 5}).duplicates == 1
    assert sink.positions() == {"kafka:alerts:0": 5}


def test_no_server_is_one_clear_line_without_credentials(prefix):
    sink = RedisSink("live", "redis://user:secret@127.0.0.1:1/0", tenant=prefix)
    with pytest.raises(
        MingjianError, match=r"cannot reach Redis \(live\) at 127.0.0.1:1"
    ) as caught:
        sink.open()
    assert caught.value.exit_code == EXIT_ENVIRONMENT
    assert "secret" not in caught.value.en + caught.value.zh
