"""The deliverer over part files: all of it, once, after any crash; bad lines get their position."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import time
from pathlib import Path

import pytest
import structlog

from config.settings import Outputs, Settings, Source, Target
from jobs import deliver
from jobs.delivery.files import FileOutputs
from jobs.delivery.locate import Locator
from jobs.logs import configure
from rules.errors import EXIT_USAGE, MingjianError
from sinks.sqlite_reader import SqliteReader
from tests.support.records import alert, evidence, late, quarantined, with_field, write_part


def settings_in(folder: Path, *targets: Target) -> Settings:
    return Settings(
        profile="embedded",
        tenant="demo",
        data_dir=str(folder / "var"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=targets or (Target(kind="sqlite", name="sqlite", path=str(folder / "index.db")),),
    )


def counts(folder: Path) -> dict:
    return SqliteReader(folder / "index.db", "demo").counts()


def test_once_delivers_all_there_is_and_a_second_run_finds_nothing_new(tmp_path):
    write_part(tmp_path / "outputs", [alert(1), evidence(1), quarantined(b"{"), late(1)])
    first = deliver.run(settings_in(tmp_path), once=True)
    assert [(t.target, t.state, t.written, t.duplicates) for t in first.targets] == [
        ("sqlite", "done", 4, 0)
    ]
    second = deliver.run(settings_in(tmp_path), once=True)
    assert second.targets[0].written == second.targets[0].duplicates == 0
    write_part(tmp_path / "outputs", [alert(1), alert(2)], "part-1-0")  # a restarted job repeats
    third = deliver.run(settings_in(tmp_path), once=True)
    assert (third.targets[0].written, third.targets[0].duplicates) == (1, 1)
    assert counts(tmp_path)["alerts"] == 2


def test_no_outputs_yet_is_nothing_to_do(tmp_path):
    (tmp_path / "outputs").mkdir()
    assert deliver.run(settings_in(tmp_path), once=True).targets[0].written == 0


@pytest.mark.parametrize("is_file", [False, True])
def test_a_wrong_path_of_outputs_does_not_look_delivered(tmp_path, is_file):
    if is_file:
        (tmp_path / "outputs").write_text("")
    with pytest.raises(MingjianError, match=r"outputs.path is .*, which is no folder") as caught:
        deliver.run(settings_in(tmp_path), once=True)
    assert caught.value.exit_code == EXIT_USAGE


def test_outputs_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "alerts").write_text("a file where a folder should be")
    with pytest.raises(MingjianError, match=r"cannot read the job's outputs at .*alerts"):
        FileOutputs(tmp_path, {}).poll()


@pytest.mark.parametrize("kind", ["under a file", "no index", "in /proc"])
def test_a_file_that_can_never_be_the_index_is_told_at_once(tmp_path, kind):
    (tmp_path / "file").write_text("no index\n" * 100)
    path = {
        "under a file": tmp_path / "file" / "index.db",
        "no index": tmp_path / "file",
        "in /proc": Path("/proc/index.db"),
    }[kind]
    write_part(tmp_path / "outputs", [alert(1)])
    target = Target(kind="sqlite", name="index", path=str(path))
    began = time.monotonic()
    with pytest.raises(MingjianError, match="cannot open the index") as caught:
        deliver.run(settings_in(tmp_path, target), once=True)
    assert caught.value.exit_code == EXIT_USAGE
    assert time.monotonic() - began < 10  # and not after the patience of 30 s


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("part-0-0", True),
        ("2026-11-22--08/part-0-0", True),
        (".part-0-0.inprogress.abc", False),
        ("part-0-0.inprogress.abc", False),
        ("_part-0-0", False),
        (".hidden/part-0-0", False),
        ("_temporary/part-0-0", False),
    ],
)
def test_only_finished_files_are_read(tmp_path, name, read):
    file = tmp_path / "alerts" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(alert(1).body + b"\n")
    batch = FileOutputs(tmp_path, {}).poll()
    assert ([r.id for r in batch.records] if batch else []) == ([alert(1).id] if read else [])


def test_an_alert_never_comes_before_its_evidence(tmp_path):
    write_part(tmp_path, [alert(n) for n in range(3)] + [evidence(n) for n in range(3)])
    batch = FileOutputs(tmp_path, {}).poll()
    assert [r.topic for r in batch.records] == ["evidence"] * 3 + ["alerts"] * 3


def test_reading_goes_on_inside_a_file_where_a_batch_ended(tmp_path):
    records = [alert(n) for n in range(4500)]
    write_part(tmp_path, records)
    outputs = FileOutputs(tmp_path, {})
    batches = []
    while batch := outputs.poll():
        batches.append(batch)
    assert len(batches) > 1
    assert [r.id for b in batches for r in b.records] == [r.id for r in records]
    rest = FileOutputs(tmp_path, batches[0].positions).poll()
    assert rest.records == batches[1].records


def test_what_is_no_record_is_set_aside_with_its_bytes(tmp_path):
    folder = tmp_path / "outputs" / "alerts"
    folder.mkdir(parents=True)
    long = b'{"alert_id":"%s"}' % (b"a" * 513)  # for one such id a bulk call is refused as a whole
    bad = [b'{"alert_id": ', b"\xff\xfe", b"[1]", b'{"evidence_id":"e"}', long]
    lines = [alert(1).body, *bad, b""]
    (folder / "part-0").write_bytes(b"\n".join([*lines, alert(2).body]))
    report = deliver.run(settings_in(tmp_path), once=True)
    assert (report.targets[0].written, report.targets[0].rejected) == (2, 5)
    db = sqlite3.connect(tmp_path / "index.db")
    kept = {body for (body,) in db.execute("SELECT body FROM rejected")}
    assert kept == set(bad)


def test_of_two_refused_records_of_an_id_the_one_that_stands_is_kept(tmp_path):
    """What is sent to the target again must not bring back what was told ahead."""
    folder = tmp_path / "outputs" / "alerts"
    folder.mkdir(parents=True)
    told = b'{"alert_id":"a1","rule":7,"status":"%s"}'
    for number, status in enumerate([b"speculative", b"final", b"speculative"]):
        (folder / f"part-{number}").write_bytes(told % status)
        deliver.run(settings_in(tmp_path), once=True)
    db = sqlite3.connect(tmp_path / "index.db")
    assert db.execute("SELECT id, body FROM rejected").fetchall() == [("a1", told % b"final")]


def test_killed_between_write_and_commit_nothing_is_lost_or_doubled(tmp_path):
    write_part(tmp_path / "outputs", [alert(n) for n in range(2500)])

    def killed(target: str) -> None:
        raise KeyboardInterrupt(target)

    with pytest.raises(KeyboardInterrupt):
        deliver.run(settings_in(tmp_path), once=True, after_write=killed)
    stored = counts(tmp_path)["alerts"]
    assert 0 < stored < 2500
    report = deliver.run(settings_in(tmp_path), once=True)
    assert counts(tmp_path)["alerts"] == 2500
    # the position went in with the records, so not even one was read again
    assert (report.targets[0].written, report.targets[0].duplicates) == (2500 - stored, 0)


def test_a_target_that_cannot_be_used_is_named_and_the_others_are_served(tmp_path):
    (tmp_path / "file").write_text("")
    targets = (
        Target(kind="sqlite", name="broken", path=str(tmp_path / "file" / "index.db")),
        Target(kind="sqlite", name="good", path=str(tmp_path / "index.db")),
    )
    write_part(tmp_path / "outputs", [alert(1)])
    with pytest.raises(MingjianError, match="cannot open the index"):
        deliver.run(settings_in(tmp_path, *targets), once=True, patience_s=0.1)
    assert counts(tmp_path)["alerts"] == 1


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((Target(kind="mysql", name="m"),), r"targets\[0\].kind is 'mysql'"),
        ((Target(kind="sqlite", name="a"), Target(kind="redis", name="a")), "two targets"),
        ((Target(kind="redis", name="r", url="zz"),), r"targets\[0\].url is 'zz'"),
        (
            (Target(kind="elasticsearch", name="e", url="https://h:1", ca_certs="/none"),),
            r"targets\[0\].ca_certs is '/none'",
        ),
    ],
)
def test_wrong_targets_are_refused_before_anything_starts(tmp_path, targets, message):
    with pytest.raises(MingjianError, match=message) as caught:
        deliver.run(settings_in(tmp_path, *targets), once=True)
    assert caught.value.exit_code == EXIT_USAGE


LINES = [b'{"a":1}', b"{broken", b"\xff\xfe\x00", "坏".encode(), b"", b"{broken too"]


@pytest.mark.parametrize(
    ("name", "end"), [("day.jsonl", b"\n"), ("day.jsonl", b"\r\n"), ("day.jsonl.gz", b"\n")]
)
@pytest.mark.parametrize("prefix", ["file:", "file://", "file:file:"])
def test_positions_in_files_are_found_by_digest(tmp_path, name, end, prefix):
    path = tmp_path / name
    content = end.join(LINES)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    locator = Locator()
    for numbers in ([5, 1], [2], [1, 3, 5]):  # the later ones lie before where the search stopped
        given = [quarantined(LINES[n], f"{prefix}{path}") for n in numbers]
        found = [json.loads(r.body)["position"] for r in locator.complete(given)]
        for n, position in zip(numbers, found, strict=True):
            assert position["line"] == n + 1
            assert content[position["offset"] :].split(end)[0] == LINES[n]


def test_positions_that_are_known_or_cannot_be_found_stay_as_they_are(tmp_path):
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"one\ntwo\n")
    items = [
        quarantined(b"three", f"file:{path}"),
        quarantined(b"one", "file:/no/such/file.jsonl"),
        quarantined(b"two", "kafka:messages"),
        alert(1),
    ]
    locator = Locator()
    assert list(locator.complete(items)) == items
    assert list(locator.complete(items)) == items
    new = with_field(quarantined(b"two", f"file:{path}"), "from_a_newer_job", [1, {"a": None}])
    body = json.loads(locator.complete([new])[0].body)
    assert body["position"]["line"] == 2
    assert body["from_a_newer_job"] == [1, {"a": None}]


def test_delivered_quarantine_carries_the_line(tmp_path):
    source = tmp_path / "messages" / "day.jsonl"
    source.parent.mkdir()
    source.write_bytes(b"fine\n{broken\n")
    write_part(tmp_path / "outputs", [quarantined(b"{broken", f"file:{source}")])
    deliver.run(settings_in(tmp_path), once=True)
    row = SqliteReader(tmp_path / "index.db").quarantine()[0][0]
    assert row["position"] == {"source": f"file:{source}", "offset": 5, "line": 2}


def test_logs_go_to_the_standard_error_of_the_moment(capsys):
    """A command run inside another program closes its stream; the next line must not fail."""
    configure(as_json=True)
    with pytest.MonkeyPatch.context() as patch:
        stream = io.StringIO()
        patch.setattr("sys.stderr", stream)
        configure(as_json=True)
        stream.close()
    structlog.get_logger("deliver").warning("after")
    assert "after" in capsys.readouterr().err


def test_a_late_record_does_not_hide_the_place_of_the_evidence_of_the_same_line(tmp_path):
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"\n".join(LINES))
    known = quarantined(LINES[2], f"file:{path}")
    late = json.loads(known.body)
    del late["raw_size"]  # as it was written before sizes were
    given = [known, known._replace(topic="late", body=json.dumps(late).encode())]
    found = [json.loads(r.body)["position"] for r in Locator().complete(given)]
    assert found[0]["line"] == 3


def test_where_the_alerts_end_now_is_passed_when_they_were_given(tmp_path):
    write_part(tmp_path, [alert(n) for n in range(3)] + [evidence(n) for n in range(3)])
    outputs = FileOutputs(tmp_path, {})
    ends = outputs.ends("alerts")
    assert len(ends) == 1
    assert not outputs.passed(ends)
    outputs.poll()
    assert outputs.passed(ends)
    (tmp_path / "alerts" / "part-later").write_bytes(alert(9).body + b"\n")
    assert outputs.passed(ends)  # of those that were there then
    assert not outputs.passed(outputs.ends("alerts"))
    assert outputs.ends("incidents") == {}
    assert FileOutputs(tmp_path / "nowhere", {}).passed({})
