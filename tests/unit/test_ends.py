"""Where records come from and where outputs go, as the SQL that Flink is given."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from config.settings import Settings, load
from jobs.ends import (
    BLOCK_BYTES,
    damaged_files,
    in_order,
    select_items,
    source_ddl,
    source_files,
)
from rules.errors import EXIT_USAGE, MingjianError

FIVE_SECONDS = "event_time - INTERVAL '0 00:00:05.000' DAY TO SECOND(3)"


def files(folder: Path, *overrides: str) -> Settings:
    return load("embedded", overrides=("source.kind=files", f"source.path='{folder}'", *overrides))


def kafka(*overrides: str) -> Settings:
    return load("cluster", overrides=overrides)


def options(ddl: str) -> dict[str, str]:
    """What stands in WITH (...), quotes resolved as SQL does."""
    listed = ddl[ddl.index(") WITH (") :]
    pairs = re.findall(r"'((?:[^']|'')*)' = '((?:[^']|'')*)'", listed)
    return {key: value.replace("''", "'") for key, value in pairs}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "messages-p0.jsonl").write_bytes(b"{}\n")
    return tmp_path


def test_the_watermark_trusts_only_times_that_can_be(folder: Path) -> None:
    for ddl in (source_ddl(files(folder)), source_ddl(kafka())):
        assert "record BYTES" in ddl
        assert "WATERMARK FOR event_time AS" in ddl
    read = source_ddl(files(folder))
    assert " + 300000, " in read
    soon = "event_time <= CURRENT_ROW_TIMESTAMP() + INTERVAL '0 00:05:00.000'"
    assert f"CASE WHEN event_time <= latest AND {soon}" in read
    assert "event_time <= CURRENT_ROW_TIMESTAMP() + INTERVAL '0 00:05:00" in source_ddl(kafka())
    assert "CASE WHEN event_time <= latest" in source_ddl(kafka("source.event_time=record"))


def test_files(folder: Path) -> None:
    settings = files(folder)
    ddl = source_ddl(settings)
    found = options(ddl)
    assert (found["connector"], found["format"]) == ("filesystem", "raw")
    assert "`file.path` STRING NOT NULL METADATA" in ddl
    assert FIVE_SECONDS in ddl
    assert "source.monitor-interval" not in found
    assert "match_records(record, `file.path`)" in select_items(settings)


def test_more_pieces_than_readers_hold_the_watermark(folder: Path) -> None:
    for number in range(1, 4):
        (folder / f"messages-p{number}.jsonl").write_bytes(b"{}\n")
    settings = files(folder, "flink.parallelism=2")
    assert "THEN TO_TIMESTAMP_LTZ(0, 3) END" in source_ddl(settings)
    assert FIVE_SECONDS not in source_ddl(settings)
    watched = files(folder, "flink.parallelism=2", "source.follow=true")
    assert FIVE_SECONDS in source_ddl(watched)
    assert options(source_ddl(watched))["source.monitor-interval"] == "1 s"


@pytest.mark.parametrize("name", ["plain", "a+b (1)", "it's", "消息", "[x].y"])
def test_any_name_of_a_folder_is_found(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "messages-p0.jsonl").write_bytes(b"{}\n")
    settings = load("embedded", overrides=("source.kind=files", f'source.path="{folder}"'))
    found = options(source_ddl(settings))
    assert found["path"] == f"file://{folder}"  # Flink does not resolve %E6 or %20
    pattern = re.compile(found["source.path.regex-pattern"])
    assert pattern.fullmatch(f"{folder}/messages-p0.jsonl")
    assert pattern.fullmatch(f"{folder}/messages.jsonl.gz")
    assert not pattern.fullmatch(f"{folder}/truth.jsonl")
    assert not pattern.fullmatch(f"{folder}/.messages-p0.jsonl.part")


def test_kafka() -> None:
    settings = kafka("source.follow=true")
    ddl = source_ddl(settings)
    found = options(ddl)
    assert found["topic"] == settings.source.topic
    assert found["properties.bootstrap.servers"] == settings.kafka.bootstrap
    assert found["scan.startup.mode"] == "group-offsets"
    assert found["properties.auto.offset.reset"] == "earliest"
    assert "scan.bounded.mode" not in found
    assert "`partition` INT METADATA" in ddl
    assert "`offset` BIGINT METADATA" in ddl
    assert "match_records(record, `partition`, `offset`)" in select_items(settings)


def test_kafka_to_its_end_starts_at_the_beginning() -> None:
    found = options(source_ddl(kafka("source.follow=false")))
    assert found["scan.bounded.mode"] == "latest-offset"
    assert found["scan.startup.mode"] == "earliest-offset"


def test_a_password_with_a_quote_stays_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_KAFKA_PASSWORD", "a'b")
    settings = kafka(
        "kafka.security_protocol=SASL_PLAINTEXT", "kafka.sasl_mechanism=PLAIN",
        "kafka.sasl_username=mingjian",
    )  # fmt: skip
    found = options(source_ddl(settings))
    assert any("a'b" in value for value in found.values())


@pytest.mark.parametrize(
    ("sizes", "readers", "ordered"),
    [
        ({"a.jsonl": 1}, 1, True),
        ({"a.jsonl": 0}, 1, True),
        ({"a.jsonl": 1, "b.jsonl": 1}, 1, False),
        ({"a.jsonl": 1, "b.jsonl": 1}, 2, True),
        ({"a.jsonl": BLOCK_BYTES}, 1, True),
        ({"a.jsonl": BLOCK_BYTES + 1}, 1, False),
        ({"a.jsonl.gz": BLOCK_BYTES * 3}, 1, True),
        ({}, 1, True),
    ],
)
def test_in_order(tmp_path: Path, sizes: dict[str, int], readers: int, ordered: bool) -> None:
    paths = []
    for name, size in sizes.items():
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(size)
        paths.append(path)
    assert in_order(paths, readers) is ordered


def test_source_files(tmp_path: Path) -> None:
    for name in ("messages-p1.jsonl", "messages.jsonl.gz", "truth.jsonl", "messages.txt"):
        (tmp_path / name).write_bytes(b"")
    found = [path.name for path in source_files(str(tmp_path))]
    assert found == ["messages-p1.jsonl", "messages.jsonl.gz"]


def test_a_missing_or_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MingjianError, match="no message directory") as caught:
        source_files(str(tmp_path / "none"))
    assert "mingjian simulate" in caught.value.fix_en
    assert "mingjian simulate" in caught.value.fix_zh
    with pytest.raises(MingjianError, match="no messages") as caught:
        source_files(str(tmp_path))
    assert caught.value.exit_code == EXIT_USAGE
    assert source_files(str(tmp_path), may_be_empty=True) == []


def test_a_packed_file_that_was_cut_off_is_named(folder: Path) -> None:
    whole = gzip.compress(b"{}\n" * 5000)
    (folder / "messages-p1.jsonl.gz").write_bytes(whole)
    assert damaged_files(str(folder)) == []
    (folder / "messages-p2.jsonl.gz").write_bytes(whole[:-20])
    (folder / "messages-p3.jsonl.gz").write_bytes(b"no gzip at all")
    assert [path.name for path in damaged_files(str(folder))] == [
        "messages-p2.jsonl.gz", "messages-p3.jsonl.gz",
    ]  # fmt: skip
