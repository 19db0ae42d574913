"""One frozen `Settings`: values from a YAML profile, secrets only from the environment.

A profile chooses the ends of the pipeline (where records come from, where results go). No code
between the ends asks which profile it runs in. An unknown key is an error that names the file
and the nearest valid key.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import msgspec
import yaml

from rules.errors import EXIT_USAGE, MingjianError

PROFILES = ("embedded", "cluster")
_HERE = Path(__file__).parent


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where records come from.

    kind "files": `path` is a directory of *.jsonl (or *.jsonl.gz); with `follow` it is watched.
    kind "kafka": `topic` on `Kafka.bootstrap`; with `follow` for ever, else up to the offsets that
    are the latest when the job starts. `event_time` "timestamp": the Kafka timestamp of a record
    is its event time (our collectors write it so); "record": read it from the record, slower.
    """

    kind: str
    path: str = "var/messages"
    follow: bool = False
    topic: str = "messages"
    event_time: str = "timestamp"


class Outputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the job writes alerts, evidence, quarantine and late records.

    kind "files": one sub-directory of `path` for each; kind "kafka": one topic for each, its name
    prefixed by `topic_prefix`.
    """

    kind: str
    path: str = "var/outputs"
    topic_prefix: str = ""


class Kafka(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker. TLS and SASL names are passed on as they are; the password comes from
    MINGJIAN_KAFKA_PASSWORD."""

    bootstrap: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    max_record_bytes: int = 16 * 1024 * 1024
    retention_ms: int = -1


class Flink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job's knobs. Times are in the unit of the name."""

    parallelism: int = 2
    bundle_size: int = 10_000
    bundle_time_ms: int = 50
    arrow_batch: int = 2500
    checkpoint_interval_ms: int = 5000
    checkpoint_dir: str = ""  # empty: in the JobManager's memory, for runs that need no restart
    allowed_lateness_ms: int = 5000
    max_ahead_ms: int = 300_000
    idle_timeout_ms: int = 30_000
    rest_port: int = 0  # 0: any free port
    rest_url: str = ""  # a running cluster; empty: start an in-process mini-cluster
    heap_mb: int = 448


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a record may be before it is set aside."""

    record_bytes: int = 1024 * 1024
    quarantine_keep_bytes: int = 4096


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place the deliverer writes to. Passwords: MINGJIAN_<NAME>_PASSWORD."""

    kind: str  # sqlite | redis | elasticsearch
    name: str
    path: str = ""
    url: str = ""
    username: str = ""
    index_prefix: str = "mingjian"
    ca_certs: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules judge: a directory of YAML files, and the registry of published rulesets."""

    path: str = ""  # empty: the catalogue that ships with the product
    registry: str = "var/rulesets"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a command needs to know. Built by `load`, passed down, never changed."""

    profile: str
    tenant: str
    tenant_name: str = ""
    data_dir: str = "var"
    keys_dir: str = "var/keys"
    source: Source
    outputs: Outputs
    kafka: Kafka = Kafka()
    flink: Flink = Flink()
    limits: Limits = Limits()
    targets: tuple[Target, ...]
    rules: Rules = Rules()


def load(
    profile: str = "embedded", path: str | Path | None = None, overrides: tuple[str, ...] = ()
) -> Settings:
    """Settings of a built-in profile or of the YAML file `path`.

    Args:
        overrides: "dotted.key=value" strings, the value in YAML ("flink.parallelism=1").

    Raises:
        MingjianError: unknown profile or key, missing file, wrong type; names file and key.
    """
    if path is None and profile not in PROFILES:
        raise MingjianError(
            f"no profile '{profile}'",
            f"没有配置档“{profile}”",
            fix_en=f"use one of: {', '.join(PROFILES)}, or --config FILE",
            fix_zh=f"可用：{'、'.join(PROFILES)}，或用 --config 指定文件",
            exit_code=EXIT_USAGE,
        )
    file = Path(path) if path is not None else _HERE / f"{profile}.yaml"
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise MingjianError(
            f"cannot read the settings file {file}: {error.strerror}",
            f"读不了配置文件 {file}：{error.strerror}",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise MingjianError(
            f"{file}{where}: not valid YAML",
            f"{file}{where}：不是有效的 YAML",
            exit_code=EXIT_USAGE,
        ) from None
    for override in overrides:
        _apply(values, override)
    _check_keys(values, Settings, str(file), "")
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise MingjianError(f"{file}: {error}", f"{file}：{error}", exit_code=EXIT_USAGE) from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign:
        raise MingjianError(
            f"'{override}' is not KEY=VALUE", f"“{override}”不是 键=值 的形式", exit_code=EXIT_USAGE
        )
    node = values
    *parents, last = key.strip().split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = yaml.safe_load(text)


def _check_keys(values: Any, section: type, file: str, prefix: str) -> None:
    """Raise for the first key that the section does not know, naming the nearest one."""
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            raise MingjianError(
                f"{file}: unknown setting '{prefix}{key}'",
                f"{file}：未知的设置项“{prefix}{key}”",
                fix_en=f"did you mean '{prefix}{near[0]}'?"
                if near
                else f"known: {', '.join(fields)}",
                fix_zh=f"是不是“{prefix}{near[0]}”？" if near else f"可用：{'、'.join(fields)}",
                exit_code=EXIT_USAGE,
            )
        kind = fields[key]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            _check_keys(value, kind, file, f"{prefix}{key}.")
        elif key == "targets" and isinstance(value, list):
            for index, item in enumerate(value):
                _check_keys(item, Target, file, f"{prefix}targets[{index}].")
