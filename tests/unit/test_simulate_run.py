"""What a run of the simulator promises: equal bytes, exact counts, order, shapes, a true truth."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ingest.simulate.mint import line
from ingest.simulate.payloads import ALL_TYPES
from ingest.simulate.plants import RESPONSES
from ingest.simulate.run import FIRST_SEQ, Parameters, Run
from ingest.simulate.write import Files, write
from jobs.cli import simulate as command
from rules.errors import MingjianError

MESSAGES = 30_000
GOLDEN = 1983514643
WEDNESDAY, SATURDAY, MAKE_UP_SATURDAY = date(2026, 3, 4), date(2026, 3, 7), date(2026, 2, 14)


def generate(directory: Path, partitions: int = 2, compress: bool = False, **values: Any) -> Run:
    run = Run(Parameters(**values))
    write(run, Files(directory, partitions, compress, None))
    return run


def read(directory: Path) -> list[list[dict[str, Any]]]:
    """Records by partition."""
    return [
        [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in sorted(directory.glob("messages-p*.jsonl"))
    ]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("day")
    generate(directory, messages=MESSAGES)
    return directory


@pytest.fixture(scope="module")
def records(day: Path) -> list[dict[str, Any]]:
    return [record for part in read(day) for record in part]


@pytest.fixture(scope="module")
def truth(day: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (day / "truth.jsonl").read_bytes().splitlines()]


def identity(record: dict[str, Any]) -> str:
    return record["id"] if record["kind"] == "event" else record["payload"]["msgid"]


def actor(record: dict[str, Any]) -> str:
    payload = record["payload"]
    for key in ("operator", "UserID", "userid", "from", "user"):
        if key in payload:
            return str(payload[key])
    return ""


def key(record: dict[str, Any]) -> str:
    """The Kafka key as docs/data-formats.md words it, computed from the record alone."""
    payload = record["payload"]
    if record["kind"] == "event":
        nameless = {"room_changed", "drive_changed"}
        return "" if record["type"] in nameless else actor(record)
    if payload["action"] == "switch":
        return str(payload["user"])
    return payload.get("roomid") or "|".join(sorted([payload["from"], *payload["tolist"]]))


def test_equal_parameters_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(tmp_path / name, messages=4000, seed=seed)
    files = ("messages-p0.jsonl", "messages-p1.jsonl", "truth.jsonl")
    for file in files:
        first, second, other = ((tmp_path / n / file).read_bytes() for n in "abc")
        assert first == second
        assert first != other


def test_bytes_are_the_same_on_every_machine(tmp_path: Path) -> None:
    """Digest taken once; a change here means that recorded runs can no longer be repeated."""
    generate(tmp_path, partitions=1, messages=2000, seed=1, violations=1)
    data = (tmp_path / "messages-p0.jsonl").read_bytes() + (tmp_path / "truth.jsonl").read_bytes()
    assert zlib.crc32(data) == GOLDEN


def test_partitioning_changes_no_record(tmp_path: Path, day: Path) -> None:
    generate(tmp_path, partitions=3, compress=True, messages=MESSAGES)
    paths = sorted(tmp_path.glob("messages-p*.jsonl.gz"))
    assert len(paths) == 3
    compressed = [
        line for path in paths for line in gzip.decompress(path.read_bytes()).split(b"\n")
    ]
    stored = [line for path in day.glob("messages-*") for line in path.read_bytes().split(b"\n")]
    assert sorted(filter(None, compressed)) == sorted(filter(None, stored))


@pytest.mark.parametrize("messages", [1000, 1001, 2500])
def test_the_number_of_messages_is_exact(messages: int, tmp_path: Path) -> None:
    generate(tmp_path, messages=messages, violations=1)
    kinds = Counter(record["kind"] for part in read(tmp_path) for record in part)
    assert kinds["archive"] == messages
    assert kinds["event"] > 0


def test_each_partition_is_ordered_and_holds_whole_conversations(day: Path) -> None:
    parts = read(day)
    assert all(len(part) > MESSAGES / 3 for part in parts)
    for number, part in enumerate(parts):
        times = [record["time"] for record in part]
        assert times == sorted(times)
        assert all(zlib.crc32(key(record).encode()) % len(parts) == number for record in part)


def test_seq_numbers_messages_in_event_order(records: list[dict[str, Any]]) -> None:
    said = sorted((r for r in records if r["kind"] == "archive"), key=lambda r: r["seq"])
    assert [r["seq"] for r in said] == list(range(FIRST_SEQ, FIRST_SEQ + MESSAGES))
    times = [r["time"] for r in said]
    assert times == sorted(times)
    assert all(r["seq"] == 0 for r in records if r["kind"] == "event")


def test_the_envelope_is_the_documented_one(day: Path, records: list[dict[str, Any]]) -> None:
    for record in records:
        assert 500 <= record["received_at"] - record["time"] <= 8000
        if record["kind"] == "archive":
            keys = ["v", "kind", "time", "received_at", "tenant", "seq", "payload"]
            own = record["payload"].get("msgtime", record["payload"].get("time"))
            assert own == record["time"]
        else:
            keys = ["v", "kind", "time", "received_at", "tenant", "seq", "id", "source", "type"]
            keys.append("payload")
        assert list(record) == keys
    assert len({identity(record) for record in records}) == len(records)
    with (day / "messages-p0.jsonl").open("rb") as file:
        assert file.readline().startswith(b'{"v":1,"kind":"')


PAYLOAD_KEYS = {
    "docmsg": "doc",
    "markdown": "info",
    "news": "info",
    "meeting_notification": "info",
    "voiptext": "info",
    "qydiskfile": "info",
    "external_redpacket": "redpacket",
    "vote": "votetitle",
    "solitaire": "info",
    "note": "info",
}
COMMON = {"msgid", "action", "from", "tolist", "roomid", "msgtime", "msgtype"}


def test_all_types_occur_with_their_payload_keys(records: list[dict[str, Any]]) -> None:
    samples: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if record["kind"] == "archive":
            payload = record["payload"]
            samples[payload.get("msgtype", payload["action"])].append(payload)
    assert set(samples) == ALL_TYPES
    for kind, payloads in samples.items():
        for payload in payloads:
            own = set(payload) - COMMON
            if kind == "switch":
                assert set(payload) == {"msgid", "action", "time", "user"}
            elif kind in {"meeting_voice_call", "voip_doc_share"}:
                assert "roomid" not in payload
                assert own == {kind, "voiceid" if kind == "meeting_voice_call" else "voipid"}
            elif kind == "vote":
                assert own == {"votetitle", "voteitem", "votetype", "voteid"}
            else:
                assert own == {PAYLOAD_KEYS.get(kind, kind)}
            assert payload["action"] == {"revoke": "recall", "switch": "switch"}.get(kind, "send")
    for payload in samples["mixed"]:
        inner = [json.loads(item["content"]) for item in payload["mixed"]["item"]]
        assert "content" in inner[0]
    for payload in samples["chatrecord"]:
        assert all(item["msgtime"] < 10**11 for item in payload["chatrecord"]["item"])  # seconds
    text = len(samples["text"]) / MESSAGES
    assert 0.68 < text < 0.76


def test_recalls_name_an_earlier_message_of_the_same_sender(records: list[dict[str, Any]]) -> None:
    said = {r["payload"]["msgid"]: r for r in records if r["kind"] == "archive"}
    recalls = [r for r in said.values() if r["payload"].get("msgtype") == "revoke"]
    assert recalls
    for recall in recalls:
        before = said[recall["payload"]["revoke"]["pre_msgid"]]
        assert before["payload"]["from"] == recall["payload"]["from"]
        assert before["time"] < recall["time"]


def test_all_documented_event_types_occur(records: list[dict[str, Any]]) -> None:
    table = Path(__file__).parents[2].joinpath("docs/data-formats.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    documented = {
        (r[1].strip(" `"), r[2].strip(" `")) for r in rows if len(r) == 7 and r[1] != " `type` "
    }
    events = {(r["type"], r["source"]) for r in records if r["kind"] == "event"}
    assert len(documented) >= 16
    assert events == documented


def test_the_truth_names_records_that_exist_and_their_actors(
    records: list[dict[str, Any]], truth: list[dict[str, Any]]
) -> None:
    by_id = {identity(record): record for record in records}
    assert [t["plant_id"] for t in truth] == [f"p{n:04d}" for n in range(1, len(truth) + 1)]
    for case in truth:
        assert case["msgids"]
        members = [by_id[msgid] for msgid in case["msgids"]]
        assert max(member["time"] for member in members) == case["time"]
        assert case["response"] == RESPONSES[case["rule"]]
        if case["conversation"]:
            assert {key(member) for member in members} == {case["conversation"]}
        if case["alert"]:
            assert {actor(member) for member in members} == {case["actor"]}
        else:
            assert case["note"]
    planted = Counter(case["rule"] for case in truth if case["alert"])
    assert set(planted) == set(RESPONSES)
    assert min(planted.values()) >= 3
    assert len({case["rule"] for case in truth if not case["alert"]}) >= 10


@pytest.mark.parametrize(
    ("rule", "count", "minutes"),
    [
        ("a05_01_recall_burst", 5, 10),
        ("a05_02_recall_after_hit", 2, 2),
        ("a05_11_bulk_delete_customer", 5, 60),
        ("a06_01_offhour_transfer", 3, 60),
        ("a03_13_same_file_multi_external", 3, 60),
        ("a11_01_same_link", 5, 60),
    ],
)
def test_planted_sequences_fit_their_windows(
    rule: str, count: int, minutes: int, records: list[dict[str, Any]], truth: list[dict[str, Any]]
) -> None:
    by_id = {identity(record): record for record in records}
    cases = [case for case in truth if case["rule"] == rule]
    for case in (c for c in cases if c["alert"]):
        members = [by_id[msgid] for msgid in case["msgids"]]
        assert len(members) == count
        times = [member["time"] for member in members]
        assert max(times) - min(times) <= minutes * 60_000
        if rule in {"a03_13_same_file_multi_external", "a11_01_same_link"}:
            assert len({key(member) for member in members}) == count


def test_planting_scales(tmp_path: Path) -> None:
    run = generate(tmp_path, messages=6000, violations=8)
    planted = Counter(case.rule for case in run.truth if case.alert)
    assert min(planted[rule] for rule in RESPONSES) >= 8
    hidden = [case for case in run.truth if case.note.startswith("disguise")]
    spoken = sum(
        count for rule, count in planted.items() if rule[:3] in "a01 a02 a04 a07 a08 a09 a10"
    )
    assert 0 < len(hidden) <= spoken / 4


@pytest.mark.parametrize(
    ("day", "volume"), [(WEDNESDAY, 1000), (SATURDAY, 50), (MAKE_UP_SATURDAY, 1000)]
)
def test_volume_follows_the_working_calendar(day: date, volume: int) -> None:
    assert Parameters(messages=1000, first_day=day).volume(day) == volume


def test_a_make_up_saturday_has_office_transfers(tmp_path: Path) -> None:
    run = generate(tmp_path, messages=3000, first_day=MAKE_UP_SATURDAY, violations=1)
    notes = [case.note for case in run.truth if case.rule.startswith("a06") and not case.alert]
    assert "6 transfers in a make-up working day" in notes


def test_a_day_off_has_only_what_happens_off_hours(tmp_path: Path) -> None:
    run = generate(tmp_path, messages=20_000, first_day=SATURDAY, violations=2)
    assert {case.rule[:6] for case in run.truth} == {"a06_01", "a12_05"}
    assert sum(r["kind"] == "archive" for part in read(tmp_path) for r in part) == 1000


def test_memory_does_not_grow_with_the_length_of_a_run() -> None:
    def peak(days: int) -> int:
        run = Run(Parameters(messages=3000, first_day=date(2026, 5, 11), days=days, violations=1))
        for room in (*run.world.external_rooms, *run.world.internal_rooms):
            for member in (*(e.userid for e in room.staff), *(c.id for c in room.customers)):
                room.tolist(member)  # remembered by the world, which has a fixed size
        tracemalloc.start()
        count = sum(1 for _ in run.records())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count > 2000 * days
        return found

    assert peak(8) < 1.4 * peak(4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"messages": 100}, "cannot hold"),
        ({"violations": 41}, "--violations"),
        ({"days": 0}, "--days"),
        ({"first_day": date(2051, 1, 4)}, "2051"),
    ],
)
def test_impossible_parameters_are_refused_in_one_sentence(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(MingjianError, match=words) as caught:
        Run(Parameters(**values))
    assert caught.value.zh


def test_files_appear_only_when_complete(tmp_path: Path) -> None:
    generate(tmp_path, partitions=3, messages=1000, violations=0)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert set(before) == {f"messages-p{n}.jsonl" for n in range(3)} | {"truth.jsonl"}

    class Stop(Exception):
        pass

    def stop(done: int, at: int) -> None:
        assert {p.name for p in tmp_path.iterdir() if not p.name.startswith(".")} == set(before)
        raise Stop

    with pytest.raises(Stop):
        write(Run(Parameters(messages=9000)), Files(tmp_path, 2, False, None), progress=stop)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    generate(tmp_path, partitions=2, messages=1000, violations=0)
    assert not (tmp_path / "messages-p2.jsonl").exists()


def app() -> typer.Typer:
    cli = typer.Typer()
    cli.callback()(lambda: None)
    command.register(cli)
    return cli


def test_the_command_reports_in_json(tmp_path: Path) -> None:
    target = tmp_path / "m"
    options = ["--out", str(target), "-n", "2000", "--gzip", "-o", "json", "--violations", "1"]
    result = CliRunner().invoke(app(), ["simulate", *options])
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["messages"] == 2000
    assert summary["planted"]["a07_01_guarantee"] >= 1
    assert all(Path(name).is_file() for name in summary["files"])


def test_standard_output_carries_records_only(tmp_path: Path) -> None:
    truth = tmp_path / "t" / "truth.jsonl"
    options = ["-n", "1500", "--format", "stdout", "--truth", str(truth), "--violations", "1"]
    result = CliRunner().invoke(app(), ["simulate", *options])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout_bytes.splitlines()]
    assert sum(line["kind"] == "archive" for line in lines) == 1500
    assert truth.read_bytes().count(b"\n") > 15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--date", "4 March"], "not a date"),
        (["--format", "kafka", "--bootstrap", "127.0.0.1:1"], "Kafka"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: list[str], words: str) -> None:
    result = CliRunner().invoke(app(), ["simulate", *options])
    assert isinstance(result.exception, MingjianError)
    assert words in result.exception.en


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(MingjianError, match="taken"):
        Files(taken, 2, False, None)


def test_runs_of_different_days_share_no_id() -> None:
    seen: dict[str, int] = {}
    for day in (date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)):
        run = Run(Parameters(messages=1500, first_day=day))
        for item in run.records():
            record = json.loads(line(item, run.tenant, 1))
            identity = record.get("id") or record["payload"]["msgid"]
            seen[identity] = seen.get(identity, 0) + 1
    assert len(seen) > 4500
    assert max(seen.values()) == 1
