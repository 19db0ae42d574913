"""The archive in object storage and PostgreSQL: whatever stops or dies, nothing is lost and nothing
is there twice."""

from __future__ import annotations

import json
import os
from functools import partial

import pytest

from config.settings import Outputs, Settings, Source, Target
from jobs.completeness.positions import of_target
from jobs.deliver import run
from jobs.doctor import see_flow
from jobs.held_ids import holder
from jobs.ledger_signer import note_signer
from jobs.servers import postgres, s3
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.places import index_of, objects_of
from sinks.archive.postgres_session import PASSWORD_VARIABLE
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.terms import Terms, search_key
from sinks.base import NoAnswer, Record, SinkBusy
from sinks.ledger.reader import LedgerReader
from sinks.targets import open_sinks
from sinks.tenant_keys import tenant_keys
from tests.unit import test_archiver

# of whichever company reads them
record = partial(test_archiver.record, tenant="")
ALERT = {
    "alert_id": "a1",
    "rule": {"name": "a07_01"},
    "members": [{"msgid": "m3", "time": 1_700_000_000_003}],
}


class Killed(Exception):
    """Stands for kill -9 at this point."""


@pytest.fixture
def settings(postgres_server, s3_server, prefix, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    monkeypatch.setenv(ACCESS_VARIABLE, s3.ACCESS_KEY)
    monkeypatch.setenv(SECRET_VARIABLE, s3.SECRET_KEY)
    for folder in ("messages", "outputs/alerts"):
        (tmp_path / folder).mkdir(parents=True)
    target = Target(
        kind="archive",
        name="archive",
        path=str(tmp_path / "archive"),
        objects="s3",
        s3_endpoint=s3_server.address,
        s3_bucket="archive",
        index="postgres",
        index_url=postgres_server.address,
        username=postgres.USER,
    )
    return Settings(
        profile="embedded",
        tenant=prefix,
        data_dir=str(tmp_path / "var"),
        keys_dir=str(tmp_path / "keys"),
        source=Source(kind="files", path=str(tmp_path / "messages")),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(target,),
    )


@pytest.fixture
def opened(settings):
    """Opens the sink as a process that starts does; the one before is dead."""
    made = []

    def open_sink():
        for one in made:
            one.close()
        (sink,) = open_sinks(settings, lambda: note_signer(settings))
        sink.open()
        made.append(sink)
        return sink

    yield open_sink
    for one in made:
        one.close()


def messages(first, last):
    return [Record("messages", "", record(number)) for number in range(first, last)]


def kept(settings):
    """(messages found, the last archived first; entries of the ledger; segments)."""
    (target,) = settings.targets
    index = index_of(target, settings.tenant, writes=False)
    objects, keys = objects_of(target, settings.tenant), tenant_keys(settings)
    reader = ArchiveReader(
        objects=objects,
        index=index,
        keys=keys,
        terms=Terms(search_key(index, keys)),
        decoder=Decoder(settings.tenant),
    )
    found, _ = reader.search(Query(text="保本"), 1_000)
    leaves = index.leaves()
    index.close()
    assert [one.damage for one in found if one.damage] == []
    return [one.row.seq for one in found], leaves, sorted(objects.names())


def test_messages_and_alerts_are_delivered_kept_and_found(settings, tmp_path):
    path = tmp_path / "messages" / "messages-1.jsonl"
    path.write_bytes(b"\n".join(map(record, range(1, 6))) + b"\n")
    alerts = tmp_path / "outputs" / "alerts" / "part-1"
    alerts.write_text(json.dumps(ALERT) + "\n")
    for file in (path, alerts):
        os.utime(file, (1, 1))
    (state,) = run(settings, once=True).targets
    assert (state.written, state.duplicates) == (6, 0)
    seqs, leaves, names = kept(settings)
    assert (seqs, leaves, len(names)) == ([5, 4, 3, 2, 1], 6, 1)
    assert LedgerReader(tmp_path / "archive" / "ledger").size == 6
    (target,) = settings.targets
    assert holder(settings, target).of("alerts", ["a1", "a2"]) == {"a1"}
    positions = of_target(settings, target)
    assert positions.pop("hits") == 1  # the archive's own: what alerts name
    assert positions.pop("signed") == 6  # and the newest head of the ledger
    assert positions.pop("signed_root") > 0
    assert set(positions.values()) == {path.stat().st_size, alerts.stat().st_size}
    (state,) = run(settings, once=True).targets
    assert (state.written, state.duplicates) == (0, 0)
    assert not (tmp_path / "archive" / "index.db").exists()
    assert not (tmp_path / "archive" / "segments").exists()


@pytest.mark.parametrize("name", ["postgres", "s3"])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_server_that_stops_and_comes_back(settings, opened, request, name, how):
    server = request.getfixturevalue(f"{name}_server")
    module = {"postgres": postgres, "s3": s3}[name]
    sink = opened()
    sink.write_at(messages(0, 5), {"p": 5})
    sink.show()
    getattr(server, how)()
    sink.write_at(messages(3, 8), {"p": 8})
    for _ in range(2):
        with pytest.raises(SinkBusy):
            sink.show()
    module.launch(server.pid_file.parent, server.port).wait()
    assert sink.show() == (3, 2, ())
    assert sink.positions() == {"p": 8}
    seqs, leaves, names = kept(settings)
    assert (seqs, leaves, len(names)) == (list(range(7, -1, -1)), 8, 2)


@pytest.mark.parametrize("stays", [True, False], ids=["same-process", "new-process"])
def test_postgresql_dies_between_the_segment_and_the_index(
    settings, opened, postgres_server, monkeypatch, stays
):
    """What was entered in the ledger is accounted for from the segment in object storage."""
    sink = opened()
    sink.write_at(messages(0, 2), {"p": 2})
    sink.show()
    store = sink._index.store

    def dies(what):
        monkeypatch.setattr(sink._index, "store", store)
        postgres_server.kill()
        store(what)

    monkeypatch.setattr(sink._index, "store", dies)
    sink.write_at(messages(2, 5), {"p": 5})
    with pytest.raises(SinkBusy):
        sink.show()
    postgres.launch(postgres_server.pid_file.parent, postgres_server.port).wait()
    if not stays:
        sink = opened()
        assert sink.positions() == {"p": 2}
        sink.write_at(messages(2, 5), {"p": 5})
    assert sink.show() == (0, 3, ())
    assert sink.positions() == {"p": 5}
    seqs, leaves, names = kept(settings)
    assert (seqs, leaves, len(names)) == ([4, 3, 2, 1, 0], 5, 2)


@pytest.mark.parametrize(
    ("part", "when", "entered"),
    [
        ("_objects.put", "after", False),
        ("_ledger.append", "before", False),
        ("_ledger.append", "after", True),
        ("_index.store", "before", True),
        ("_index.store", "after", True),
    ],
)
def test_killed_anywhere_nothing_is_lost_and_nothing_is_there_twice(
    settings, opened, monkeypatch, part, when, entered
):
    sink = opened()
    sink.write_at(messages(0, 2), {"p": 2})
    sink.show()
    owner, name = getattr(sink, part.split(".")[0]), part.split(".")[1]
    real = getattr(owner, name)

    def killed(*args):
        if when == "after":
            real(*args)
        raise Killed

    monkeypatch.setattr(owner, name, killed)
    sink.write_at(messages(2, 5), {"p": 5})
    with pytest.raises(Killed):
        sink.show()
    again = opened()
    assert again.positions() == {"p": 5 if (part, when) == ("_index.store", "after") else 2}
    again.write_at(messages(2, 6), {"p": 6})
    assert again.show() == ((1, 3, ()) if entered else (4, 0, ()))
    seqs, leaves, _ = kept(settings)
    assert (seqs, leaves) == ([5, 4, 3, 2, 1, 0], 6)


def test_nothing_delivered_yet_is_no_error_and_a_server_that_is_away_is(settings, postgres_server):
    (target,) = settings.targets
    assert of_target(settings, target) == {}
    assert see_flow.target(target).problem == ""
    postgres_server.stop()
    with pytest.raises(NoAnswer, match="PostgreSQL at"):
        of_target(settings, target)
    with pytest.raises(NoAnswer, match="PostgreSQL at"):
        holder(settings, target).of("alerts", ["a1"])
    assert "PostgreSQL at" in see_flow.target(target).problem
    postgres.launch(postgres_server.pid_file.parent, postgres_server.port).wait()


def test_a_second_deliverer_is_told_that_the_first_one_writes(settings, opened, tmp_path):
    opened()
    (target,) = settings.targets
    with pytest.raises(MingjianError, match="another process writes to the archive's index"):
        index_of(target, settings.tenant, writes=True)


def test_tenants_share_a_bucket_and_a_database_and_nothing_else(settings, opened):
    sink = opened()
    sink.write_at(messages(0, 2), {"p": 2})
    sink.show()
    (target,) = settings.targets
    other = f"{settings.tenant}x"
    index = index_of(target, other, writes=True)
    assert (index.leaves(), list(objects_of(target, other).names())) == (0, [])
    index.close()
