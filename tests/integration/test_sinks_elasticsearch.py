"""Elasticsearch as a target: items judged one by one, strict mappings, Chinese text found."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from elasticsearch import Elasticsearch

from jobs.logs import configure
from rules.alert import Alert, Evidence, Late, Quarantined
from rules.canary_marks import FLAG_CANARY
from rules.errors import EXIT_ENVIRONMENT, MingjianError
from rules.operations import Handled, Incident
from sinks.base import NoIndexYet, Record
from sinks.elasticsearch import ElasticsearchSink
from sinks.elasticsearch_buckets import month
from sinks.elasticsearch_mapping import mapped_fields, templates
from sinks.elasticsearch_reader import ElasticsearchReader
from sinks.progress import PartlyBusy
from tests.support.records import (
    T0,
    alert,
    done_with,
    evidence,
    late,
    noticed,
    quarantined,
    rule,
    with_field,
)


@pytest.fixture
def client(elasticsearch_server):
    with Elasticsearch(elasticsearch_server.address) as connected:
        yield connected


@pytest.fixture
def sink(elasticsearch_server, prefix):
    target = ElasticsearchSink("es", elasticsearch_server.address, prefix=prefix)
    target.open()
    yield target
    target.close()


@pytest.fixture
def reader(elasticsearch_server, prefix, client):
    return ElasticsearchReader(elasticsearch_server.address, prefix=prefix, tenant="demo")


@pytest.fixture
def refresh(client, prefix):
    """Makes all that was written visible to searches."""
    return lambda: client.indices.refresh(index=f"{prefix}-*")


def test_the_mapping_knows_every_field_of_the_contract():
    for kind, struct in {
        "alerts": Alert,
        "evidence": Evidence,
        "quarantine": Quarantined,
        "late": Late,
        "incidents": Incident,
        "handled": Handled,
    }.items():
        assert mapped_fields(kind) == {field.name for field in msgspec.structs.fields(struct)}


def test_writing_twice_shows_once(sink, reader, refresh):
    batch = [alert(n) for n in range(3)] + [evidence(1), quarantined(b"{"), late(1)]
    batch += [noticed(1), done_with(quarantined(b"{").id)]
    assert sink.write(batch)[:2] == (8, 0)
    assert sink.write(batch)[:2] == (0, 8)
    sink.open()  # a deliverer that starts again
    assert sink.write(batch)[:2] == (0, 8)
    refresh()
    assert reader.counts() == {
        "alerts": 3,
        "evidence": 1,
        "quarantine": {"not_json": 1},
        "late": 1,
        "late_would_have_fired": 0,
        "retracted": 0,
        "by_rule": {"a07_01_guarantee": 3},
        "by_response": {"2": 3},
        "incidents": 1,
        "incidents_open": 1,
        "handled": 1,
    }
    assert reader.evidence(alert(1).id)[0]["seq"] == 18446744073709551001
    assert reader.alert(alert(1).id[:12])["alert_id"] == alert(1).id
    with pytest.raises(MingjianError, match="more than one alert"):
        reader.alert("")


def test_alerts_of_other_tenants_are_counted_and_not_shown(sink, reader, refresh):
    sink.write([alert(1), alert(2, tenant="other"), alert(3, tenant="other")])
    refresh()
    assert reader.tenants() == {"demo": 1, "other": 2}
    assert [row["alert_id"] for row in reader.alerts()[0]] == [alert(1).id]


def test_what_was_never_delivered_is_not_there_yet(reader):
    with pytest.raises(NoIndexYet, match="there is no index"):
        reader.alerts()


def test_a_document_against_the_mapping_never_blocks_the_batch(sink, reader, refresh):
    unknown = with_field(alert(2), "surprise", "密文")
    wrong = with_field(alert(3), "time", "yesterday, and its content")
    broken = Record("alerts", "x", b"{")
    lines = Record("alerts", alert(4).id, msgspec.json.format(alert(4).body, indent=2))
    result = sink.write([alert(1), unknown, wrong, broken, lines, alert(5)])
    assert result.written == 3
    reasons = {item.record.id: item.reason for item in result.rejected}
    assert set(reasons) == {unknown.id, wrong.id, "x"}
    assert "surprise" in reasons[unknown.id]
    assert "time" in reasons[wrong.id]
    assert "its content" not in reasons[wrong.id], "a reason carries no content"
    refresh()
    assert reader.counts()["alerts"] == 3


def test_an_index_that_refuses_for_now_keeps_only_its_own_records_waiting(sink, client, prefix):
    sink.write([evidence(2)])
    client.indices.put_settings(index=f"{prefix}-evidence", settings={"index.blocks.write": True})
    with pytest.raises(PartlyBusy, match="blocked for writing") as caught:
        sink.write([alert(1), evidence(1)])
    assert caught.value.result.written == 1
    assert [record.topic for record in caught.value.remaining] == ["evidence"]
    client.indices.put_settings(index=f"{prefix}-evidence", settings={"index.blocks.write": None})
    assert sink.write(caught.value.remaining).written == 1


def test_an_index_that_was_removed_is_made_again(sink, reader, client, prefix, refresh):
    sink.write([alert(1)])
    client.indices.delete(index=",".join(client.indices.get_alias(name=f"{prefix}-alerts")))
    with pytest.raises(PartlyBusy):
        sink.write([alert(2)])
    assert sink.write([alert(2)]).written == 1
    refresh()
    assert len(reader.alerts()[0]) == 1


def test_a_final_alert_replaces_the_speculative_one_and_never_back(sink, reader, refresh):
    early = alert(1, status="speculative")
    assert sink.write([early])[:2] == (1, 0)
    assert sink.write([alert(1)])[:2] == (1, 0)
    assert sink.write([early])[:2] == (0, 1)
    refresh()
    assert [row["status"] for row in reader.alerts()[0]] == ["final"]


@pytest.mark.parametrize("last", ["retracted", "final"])
def test_in_whatever_order_the_records_of_an_alert_come_one_of_them_stands(
    sink, reader, refresh, last
):
    told = ["speculative", "retracted", *["final"] * (last == "final")]
    orders = list(itertools.permutations([*told, "speculative"]))
    for number, order in enumerate(orders):
        for status in order:
            sink.write([alert(number, status=status)])
    refresh()
    assert [row["status"] for row in reader.alerts()[0]] == [last] * len(orders)
    counts, open_ = reader.counts(), len(orders) * (last == "final")
    assert (counts["alerts"], counts["retracted"]) == (open_, len(orders) - open_)
    assert counts["by_rule"] == ({"a07_01_guarantee": open_} if open_ else {})


def test_what_came_late_and_would_have_fired_is_counted(sink, reader, refresh):
    group = {"tenant": "demo", "sender": "zhangwei"}
    answers = ("true", "changed", "")
    sink.write([late(n, would_have_fired=one, group=group) for n, one in enumerate(answers)])
    refresh()
    counts = reader.counts()
    assert (counts["late"], counts["late_would_have_fired"]) == (3, 1)


def test_late_records_are_listed_newest_first(sink, reader, refresh):
    told = [
        late(n, time=T0 + n // 2 * 1000, would_have_fired=would, rule=f"own_{would}")
        for n, would in enumerate(["true", "changed", "true", "false", "unknown"])
    ]
    sink.write([*told, late(9, tenant="other")])
    refresh()

    def numbers(**asked):
        rows, cursor = reader.late(**asked)
        ids = {record.id: n for n, record in enumerate(told)}
        return [ids[row["late_id"]] for row in rows], cursor

    first, cursor = numbers(limit=2)
    second, cursor = numbers(limit=2, cursor=cursor)
    last, end = numbers(limit=2, cursor=cursor)
    assert (sorted(first + second + last), end) == ([0, 1, 2, 3, 4], "")
    assert [n // 2 for n in first + second + last] == [2, 1, 1, 0, 0]
    assert sorted(numbers(would="true")[0]) == [0, 2]
    assert numbers(rule="own_changed", would="true")[0] == []
    assert sorted(numbers(since=T0 + 1000, until=T0 + 1000)[0]) == [2, 3]
    with pytest.raises(MingjianError, match="is not a cursor"):
        reader.late(cursor="x")


def test_late_records_of_canaries_are_listed_and_counted_only_when_asked(sink, reader, refresh):
    sink.write([late(1), late(2, would_have_fired="true", flags=(FLAG_CANARY,))])
    refresh()
    assert [row["late_id"] for row in reader.late()[0]] == [late(1).id]
    assert len(reader.late(canaries=True)[0]) == 2
    counts = reader.counts()
    assert (counts["late"], counts["late_would_have_fired"]) == (1, 0)


def test_an_index_of_an_earlier_version_takes_the_fields_that_are_new(
    client, prefix, elasticsearch_server
):
    body = templates(prefix)[f"{prefix}-alerts"]["template"]
    old = {k: v for k, v in body["mappings"]["properties"].items() if k != "retraction"}
    bucket = f"{prefix}-alerts-{month(T0)}"
    client.indices.create(
        index=f"{bucket}-000001",
        aliases={f"{prefix}-alerts": {}, bucket: {"is_write_index": True}},
        mappings={**body["mappings"], "properties": old},
    )
    target = ElasticsearchSink("es", elasticsearch_server.address, prefix=prefix)
    target.open()
    written = target.write([alert(1, status="retracted", retraction="undone")])
    target.close()
    assert (written.written, written.rejected) == (1, ())


DAY = 24 * 3600 * 1000


def test_an_id_is_kept_once_however_many_indices_there_are(sink, reader, client, prefix, refresh):
    """Over the turn of months, after a restart, and in whatever index is the newest."""
    told = [
        *(alert(n, time=T0 + n * 20 * DAY) for n in range(6)),
        *(evidence(n, time=T0 + n * 20 * DAY) for n in range(6)),
        *(late(n, time=T0 + n * 20 * DAY) for n in range(6)),
        *(quarantined(b"%d" % n) for n in range(6)),
        *(done_with(f"q{n}", time=T0 + n * 20 * DAY) for n in range(6)),
    ]
    assert sink.write(told[:18])[:2] == (18, 0)
    sink.open()
    assert sink.write(told)[:2] == (12, 18)
    assert sink.write(told)[:2] == (0, 30)
    refresh()
    months = {month(T0 + n * 20 * DAY) for n in range(6)}
    assert len(months) == 4
    assert {f"{prefix}-alerts-{one}-000001" for one in months} <= set(
        client.indices.get_alias(name=f"{prefix}-alerts")
    )
    assert client.count(index=f"{prefix}-*")["count"] == 30
    assert [row["time"] for row in reader.alerts(limit=3)[0]] == [
        T0 + n * 20 * DAY for n in (5, 4, 3)
    ]


def test_a_time_that_no_record_has_makes_no_index_of_its_own(sink, client, prefix, refresh):
    times = (-1, 0, 10**12, 10**13, 10**17)
    sink.write([alert(n, time=time) for n, time in enumerate(times)])
    assert len(client.indices.get_alias(name=f"{prefix}-alerts")) <= 3  # now, 2001 → other


@pytest.mark.parametrize("order", [("open", "resolved"), ("resolved", "open")])
def test_a_resolved_incident_stands_also_months_later(sink, reader, refresh, order):
    for status in (*order, "open"):
        sink.write([noticed(1, status, time=T0 + 90 * DAY * (status == "resolved"))])
    refresh()
    rows, _ = reader.incidents()
    assert [row["status"] for row in rows] == ["resolved"]
    assert reader.incidents(status="open")[0] == []


def test_quarantined_records_are_found_and_what_was_done_with_them(sink, reader, refresh):
    told = [
        quarantined(b"%d" % n, f"kafka:{'a*b' if n < 3 else 'b'}", reason=reason)
        for n, reason in enumerate(["not_json", "not_utf8"] * 3)
    ]
    sink.write([*told, done_with(told[1].id, "opened", time=T0 - 1), done_with(told[1].id)])
    refresh()

    def numbers(**asked):
        rows, cursor = reader.quarantine(**asked)
        ids = [record.id for record in told]
        return [ids.index(row["quarantine_id"]) for row in rows], cursor

    first, cursor = numbers(limit=4)
    assert (first, numbers(limit=4, cursor=cursor)) == ([5, 4, 3, 2], ([1, 0], ""))
    assert numbers(reason="not_utf8", source="a*")[0] == [1]
    assert numbers(source="kafka:b")[0] == [5, 4, 3]
    assert numbers(source="*")[0] == [2, 1, 0], "a star is a star"
    assert numbers(prefix=told[2].id[:9])[0] == [2]
    deeds = reader.handled([record.id for record in told])
    assert [row["action"] for row in deeds] == ["opened", "dropped"]


def test_all_of_an_index_of_an_earlier_version_is_moved_and_stays_once(
    client, prefix, elasticsearch_server, reader, refresh
):
    told = [alert(n, time=T0 + n * 20 * DAY) for n in range(3)] + [evidence(1)]
    old = {kind: f"{prefix}-{kind}-000001" for kind in ("alerts", "evidence")}
    bodies = templates(prefix)
    for kind, name in old.items():
        body = bodies[f"{prefix}-{kind}"]["template"]
        client.indices.create(
            index=name,
            aliases={f"{prefix}-{kind}": {"is_write_index": True}},
            mappings=body["mappings"],
        )
    for record in told:
        client.index(
            index=old[record.topic], id=record.id, document=msgspec.json.decode(record.body)
        )
    target = ElasticsearchSink("es", elasticsearch_server.address, prefix=prefix)
    target.open()
    assert target.write([*told, alert(4)])[:2] == (1, 4)
    target.close()
    refresh()
    assert not client.indices.exists(index=",".join(old.values()))
    assert (reader.counts()["alerts"], reader.counts()["evidence"]) == (4, 1)
    assert reader.evidence(alert(1).id)[0]["seq"] == 18446744073709551001


def test_a_server_without_lifecycles_is_told_and_delivery_goes_on(
    elasticsearch_server, prefix, capsys
):
    configure(as_json=True)
    address = elasticsearch_server.address
    target = ElasticsearchSink("es", address, prefix=prefix, keep_days={"evidence": 90})
    target.open()
    assert target.write([evidence(1)]).written == 1
    target.close()
    said = capsys.readouterr().err
    assert "nothing_is_deleted" in said
    assert "no index lifecycle management" in said
    quiet = ElasticsearchSink("es", address, prefix=prefix)  # nobody asked for it
    quiet.open()
    quiet.close()
    assert "nothing_is_deleted" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("query", "found"),
    [("保本", 1), ("息", 1), ("产品保本保息", 1), ("本金", 0), ("保保", 0)],
)
def test_chinese_text_is_found_by_any_part_of_it(sink, reader, query, found, refresh):
    silent = {"summary": "-", "hits": (), "rule": rule(title="-")}
    sink.write([alert(1, **silent), evidence(1, hits=())])
    refresh()
    assert len(reader.alerts(text=query)[0]) == found


def test_sealed_content_cannot_be_searched_but_is_there(sink, reader, client, prefix, refresh):
    sink.write([evidence(1, sealed="c2VhbGVk" * 10_000)])  # longer than an indexed term may be
    refresh()
    assert reader.evidence(alert(1).id)[0]["sealed"] == "c2VhbGVk" * 10_000
    mapping = client.indices.get_mapping(index=f"{prefix}-evidence")
    sealed = next(iter(mapping.values()))["mappings"]["properties"]["sealed"]
    assert sealed == {"type": "keyword", "index": False, "doc_values": False}


def test_pages_and_follow_show_everything_once(sink, reader, refresh):
    assert reader.follow("now")[1] == "-1"
    sink.write([alert(n) for n in range(25)])
    refresh()
    seen, cursor = [], ""
    while True:
        rows, cursor = reader.alerts(limit=10, cursor=cursor)
        seen += [row["time"] for row in rows]
        if not cursor:
            break
    assert seen == [T0 + n * 1000 for n in reversed(range(25))]
    followed, after = reader.follow("")
    assert [row["time"] for row in followed] == [T0 + n * 1000 for n in range(25)]
    now = reader.follow("now")[1]
    sink.write([alert(30), alert(3), alert(40, time=T0 + 60 * DAY)])  # an index that is new
    refresh()
    for cursor in (after, now):
        rows, last = reader.follow(cursor, timeout=20)
        assert [row["time"] for row in rows] == [T0 + 30_000, T0 + 60 * DAY]
    assert reader.follow(last, timeout=0)[0] == []
    sink.write([alert(50), alert(51, time=T0 + 61 * DAY)])
    refresh()
    assert len(reader.follow(last, timeout=20)[0]) == 2
    with pytest.raises(MingjianError, match="is not a cursor"):
        reader.follow("2026.09:x")


def test_a_large_batch_is_cut_into_several_calls(sink):
    big = [evidence(n, sealed="A" * 700_000) for n in range(20)]  # 14 MB
    assert sink.write(big).written == 20


def test_before_the_first_delivery_the_way_there_is_told(elasticsearch_server):
    reader = ElasticsearchReader(elasticsearch_server.address, prefix="never")
    with pytest.raises(MingjianError, match="there is no index 'never-alerts' yet") as caught:
        reader.alerts()
    assert "mingjian deliver" in caught.value.fix_en


def test_no_server_is_one_clear_line_without_credentials():
    sink = ElasticsearchSink("search", "http://user:secret@127.0.0.1:1", prefix="x")
    with pytest.raises(MingjianError, match=r"cannot use Elasticsearch \(search\)") as caught:
        sink.open()
    assert caught.value.exit_code == EXIT_ENVIRONMENT
    assert "secret" not in caught.value.en + caught.value.zh
