"""One frozen `Settings`: values from a YAML profile, secrets only from the environment.

A profile chooses the ends of the pipeline (where records come from, where results go). No code
between the ends asks which profile it runs in. What is written is read by `config.written`, and
what each value may be stands in `config.checks`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from config.access import Access
from config.access_file import FILE as ACCESS_FILE
from config.access_file import decides
from config.channels import Channel
from config.checks import CHOICES, check
from config.stamps import Stamps
from config.written import check_shape, nearest, read, shown, usage
from rules.bounds import KEY_BYTES

PROFILES = CHOICES["profile"]
KEYS_DIR = "var/keys"
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
    state_backend: str = "hashmap"  # where open groups are kept: "rocksdb" is on disk
    checkpoint_interval_ms: int = 5000
    checkpoint_dir: str = ""  # empty: the cluster's own; embedded: a folder that goes with the run
    restore: str = ""  # go on from this checkpoint or savepoint, or the `latest`; empty: anew
    drop_state: bool = False  # going on, drop the state of stages that the rules need no more
    allowed_lateness_ms: int = 5000
    max_ahead_ms: int = 300_000
    idle_timeout_ms: int = 30_000
    rest_port: int = 0  # 0: any free port
    rest_url: str = ""  # a running cluster; empty: start an in-process mini-cluster
    heap_mb: int = 448


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a record may be before it is set aside, and what rules that count may keep."""

    record_bytes: int = 1024 * 1024
    quarantine_keep_bytes: int = 4096
    key_bytes: int = KEY_BYTES  # of one group of one rule; as much again may wait
    open_groups: int = 1_000_000  # more of them are warned of; nothing is dropped
    rule_hits_percent: int = 10  # of messages that one alerting rule may hit
    rule_micros: int = 50  # µs a message, on average, that one rule may take
    rule_failures: int = 10  # messages on which a rule fails before it is warned of


class KeepDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Elasticsearch: how long after the end of its month a record of each kind stays; 0: always."""

    alerts: int = 0
    evidence: int = 0
    late: int = 0
    handled: int = 0


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The session archive of WeCom, for `mingjian ingest archive`. The secret comes from
    MINGJIAN_ARCHIVE_SECRET. Times are in the unit of the name."""

    library: str = ""  # path of libWeWorkFinanceSdk_C.so
    corpid: str = ""
    keys_dir: str = "var/keys/archive"  # private keys, one PEM file for each version
    proxy: str = ""
    limit: int = 1000  # messages a call
    timeout_seconds: int = 10
    calls_per_minute: int = 600
    poll_seconds: int = 5  # pause when there is nothing new
    delay_seconds: int = 60  # heartbeats stay so far behind the clock
    gap_wait_seconds: int = 30  # until a missing number is looked for again
    lag_minutes: int = 60  # a collector further behind raises an incident
    media_calls_per_minute: int = 200  # of files, beside those of messages
    media_max_mb: int = 1024  # MiB; a larger file is refused, and that is told


class Ingest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What collectors remember, and what the HTTP endpoint takes. Tokens come from
    MINGJIAN_INGEST_TOKEN."""

    remember_days: int = 8  # ids, to notice what comes again; the archive gives five days
    request_bytes: int = 8 * 1024 * 1024
    unpacked_bytes: int = 32 * 1024 * 1024
    request_records: int = 10_000
    requests: int = 8  # that are worked on at the same time
    header_seconds: int = 10
    request_seconds: int = 30
    wait_seconds: int = 10  # for the broker, before the sender is told to come again
    archive: Archive = Archive()


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the tenant's keys are that wrap those of the archive's segments.

    kind "keystore": in a file of `keys_dir`, sealed by MINGJIAN_ARCHIVE_PASSPHRASE. kind "pkcs11":
    in a token, found by its label and serial number (one may be empty) through the vendor's
    `library`; the PIN comes from MINGJIAN_PKCS11_PIN.
    """

    kind: str = "keystore"
    library: str = ""  # path of the vendor's PKCS#11 library
    token: str = ""
    serial: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place the deliverer writes to. Passwords: MINGJIAN_<NAME>_PASSWORD."""

    kind: str  # sqlite | redis | elasticsearch | archive
    name: str
    path: str = ""
    url: str = ""
    username: str = ""
    index_prefix: str = "mingjian"
    ca_certs: str = ""
    keep_days: KeepDays = KeepDays()
    segment_seconds: int = 10  # archive: so long a message waits at most until it is stored
    sign_seconds: int = 60  # archive: so often a head of the ledger is signed
    objects: str = "file"  # archive: where segments are, file | s3
    s3_endpoint: str = ""  # http(s)://HOST:PORT; keys: MINGJIAN_S3_ACCESS_KEY and …_SECRET_KEY
    s3_bucket: str = ""
    s3_prefix: str = "mingjian"  # names begin with PREFIX/TENANT-TARGET/
    s3_region: str = "us-east-1"
    s3_style: str = "path"  # how the bucket is named: path | virtual
    index: str = "sqlite"  # archive: where the index is, sqlite | postgres
    index_url: str = ""  # postgresql://HOST:PORT/DATABASE; MINGJIAN_POSTGRES_PASSWORD


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules judge: a directory of YAML files, and the registry of published rulesets."""

    path: str = ""  # empty: the catalogue that ships with the product
    registry: str = "var/rulesets"
    ready_ms: int = 10_000  # that a published set may take until all workers have it
    sample: int = 2_000  # newest messages on which rules are tried before they are published
    packs: tuple[str, ...] = ()  # empty: all rules of the directory
    feeds: tuple[str, ...] = ()  # feeds that you have connected yourself


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a command needs to know. Built by `load`, passed down, never changed."""

    profile: str
    tenant: str
    tenant_name: str = ""
    data_dir: str = "var"
    keys_dir: str = KEYS_DIR
    source: Source
    outputs: Outputs
    kafka: Kafka = Kafka()
    flink: Flink = Flink()
    limits: Limits = Limits()
    ingest: Ingest = Ingest()
    keys: Keys = Keys()
    targets: tuple[Target, ...]
    channels: tuple[Channel, ...] = ()
    stamps: Stamps = Stamps()
    rules: Rules = Rules()
    access: Access = Access()


# what decides who may see what, and which book it is written into
_OF_ACCESS = (
    "access", "data_dir", "keys", "keys_dir", "outputs", "profile", "source", "targets", "tenant",
)  # fmt: skip


def _must_be_open(override: str) -> None:
    """Raise MingjianError: it would change what settings that name people keep closed."""
    key = override.partition("=")[0].strip().partition(".")[0]
    if key in _OF_ACCESS:
        raise usage(
            f"--set: {key} cannot be given here: access.people in the settings, or {ACCESS_FILE} in"
            " keys_dir, names who may do what, and it decides who is asked and where it is written"
            " down",
            f"--set：此处不能指定 {key}：配置的 access.people 或 keys_dir 中的 {ACCESS_FILE} 已指定"
            "各人的权限，而该项决定由谁核准、记入哪本保管记录",
            "change the settings file, or ask who keeps it",
            "请修改配置文件，或联系保管该文件的人",
        )


def load(
    profile: str = "embedded", path: str | Path | None = None, overrides: tuple[str, ...] = ()
) -> Settings:
    """Settings of a built-in profile or of the YAML file `path`.

    A file that does not say where records come from or where results go (`source`, `outputs`,
    `targets`) has the ends of the profile it names, `embedded` when it names none.

    Args:
        overrides: "dotted.key=value" strings, the value in YAML ("flink.parallelism=1").

    Raises:
        MingjianError: unknown profile or key, a file that cannot be read, a value that cannot
            work; on one line where it was given, what was given and what is allowed.
    """
    if path is None and profile not in PROFILES:
        near = nearest(profile, PROFILES)
        raise usage(
            f"no profile {shown(profile)}",
            f"没有配置档 {shown(profile)}",
            near[0] or f"use one of: {', '.join(PROFILES)}, or --config FILE",
            near[1] or f"可用：{'、'.join(PROFILES)}，或用 --config 指定文件",
        )
    written = read(Path(path) if path is not None else _built_in(profile))
    named = written.values.setdefault("profile", "embedded")
    if path is not None:
        ends = read(_built_in(named if named in PROFILES else "embedded")).values
        for key in ("source", "outputs", "targets"):
            written.values.setdefault(key, ends[key])
    named_keys = written.values.get("keys_dir", KEYS_DIR)
    closed = bool((written.values.get("access") or {}).get("people")) or decides(named_keys)
    for override in overrides:
        if closed:
            _must_be_open(override)
        written.override(override)
    check_shape(written, Settings)
    settings = msgspec.convert(written.values, Settings)
    check(settings, written)
    if settings.profile != named:
        raise usage(
            f"--set: profile is {shown(settings.profile)}; the settings are those of"
            f" {shown(named)}, and a name does not change them",
            f"--set：profile 的值是 {shown(settings.profile)}；而设置来自 {shown(named)}，"
            "改名并不会改变它们",
            f"use --profile {settings.profile}",
            f"请用 --profile {settings.profile}",
        )
    return settings


def _built_in(profile: str) -> Path:
    return _HERE / f"{profile}.yaml"
