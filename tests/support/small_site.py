"""An installation in a folder: messages, the plain engine as its job, a delivered SQLite index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from config.settings import Settings, load
from jobs import deliver
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from sinks.base import Record
from sinks.sealing import Sealer
from sinks.sqlite_reader import SqliteReader
from tests.support.command_line import app
from tests.support.records import write_part
from tests.support.rule_files import CALENDAR, SIMPLE, TENANT, ruleset


class Site:
    """What an operator has in front of him. `record_bytes` is the limit the job runs with."""

    def __init__(self, folder: Path, record_bytes: int = 5000, **source: Any) -> None:
        self.folder, self.record_bytes, self._runs = folder, record_bytes, 0
        self.messages, self.outputs = folder / "messages", folder / "outputs"
        self.index = folder / "index.db"
        self.messages.mkdir()
        self.settings_file = folder / "settings.yaml"
        self.settings_file.write_text(
            yaml.safe_dump(
                {
                    "profile": "embedded",
                    "tenant": TENANT,
                    "data_dir": str(folder / "var"),
                    "keys_dir": str(folder / "keys"),
                    "source": {"kind": "files", "path": str(self.messages), **source},
                    "outputs": {"kind": "files", "path": str(self.outputs)},
                    "limits": {"record_bytes": record_bytes},
                    "targets": [{"kind": "sqlite", "name": "index", "path": str(self.index)}],
                }
            )
        )
        self._timeline = RuleTimeline([(0, ruleset(folder / "rules", SIMPLE))])

    @property
    def settings(self) -> Settings:
        return load(path=self.settings_file)

    def judge(self, *raws: bytes, name: str = "messages-1.jsonl") -> None:
        """Add records, judge all that is there as the job does, deliver."""
        if raws:
            (self.messages / name).write_bytes(b"".join(raw + b"\n" for raw in raws))
        seal = Sealer.from_dir(self.folder / "keys").seal
        decoder = Decoder(TENANT, self.record_bytes)
        engine = Engine(self._timeline, decoder, CALENDAR, seal=seal)
        found = [
            output
            for file in sorted(self.messages.glob("messages*.jsonl"))
            for line in file.read_bytes().splitlines()
            for output in engine.judge(line, f"file:{file}")
        ]
        found += engine.finish()
        self._runs += 1
        records = [Record(kind, "", body) for kind, body in found]
        write_part(self.outputs, records, f"part-{self._runs}")
        self.deliver()

    def deliver(self) -> None:
        deliver.run(self.settings, once=True)

    def call(self, *words: str, code: int = 0, given: str | None = None) -> Result:
        """Run a command with the settings of the site."""
        words = (*words, "--config", str(self.settings_file))
        done = CliRunner().invoke(app, list(words), input=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.call(*words, "--output", "json", code=code).stdout)

    def alerts(self) -> dict[str, list[str]]:
        """Message ids by alert id."""
        read = SqliteReader(self.index)
        rows, _ = read.alerts(limit=1000)
        read.close()
        return {row["alert_id"]: [one["msgid"] for one in row["members"]] for row in rows}

    def quarantined(self, state: str = "--open") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.json("quarantine", "list", state)["quarantine"]
        return rows
