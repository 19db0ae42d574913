"""Settings refuse what cannot work: one line that names the place, the key and what is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.checks import CHOICES, writable
from config.ranges import NOT, RANGES, TARGET_RANGES
from config.settings import PROFILES, Settings, Target, load
from rules.errors import EXIT_USAGE, MingjianError

ROOT = Path(__file__).resolve().parents[2]
HAN = re.compile(r"[\u4e00-\u9fff]")


def refused(*overrides: str, path: Path | None = None, profile: str = "embedded") -> MingjianError:
    with pytest.raises(MingjianError) as caught:
        load(profile, path, overrides)
    assert_one_clear_line(caught.value)
    return caught.value


def assert_one_clear_line(error: MingjianError) -> None:
    assert error.exit_code == EXIT_USAGE
    assert HAN.search(error.zh)
    assert not HAN.search(re.sub(r"'.*'|\".*\"|“.*”", "", error.en))
    for text in (error.en, error.zh, error.fix_en, error.fix_zh):
        assert text.isprintable(), text
    assert bool(error.fix_en) == bool(error.fix_zh)


def fields(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from fields(field.type, f"{prefix}{field.name}.")
        elif field.name == "targets":
            yield from fields(Target, "targets[].")
        else:
            yield prefix + field.name, field.type


# ---- numbers and words ----


def test_every_number_has_a_range_and_every_default_lies_in_it() -> None:
    assert {key for key, kind in fields(Settings) if kind is int} == {*RANGES, *TARGET_RANGES}
    for profile in PROFILES:
        assert load(profile).profile == profile


@pytest.mark.parametrize("key", RANGES)
def test_a_number_may_be_at_the_ends_of_its_range_and_not_beyond(key: str) -> None:
    low, high = RANGES[key]
    for value in (low, high):
        got = load(overrides=(f"{key}={value}",))
        assert attrgetter(key)(got) == value
    for value in (low - 1, high + 1, 10**30):
        error = refused(f"{key}={value}")
        assert error.en.startswith(f"--set: {key} is ")
        assert str(low) in error.en
        assert str(high) in error.zh


@pytest.mark.parametrize("key", TARGET_RANGES)
def test_a_number_of_a_target_may_be_at_the_ends_of_its_range_and_not_beyond(key: str) -> None:
    low, high = TARGET_RANGES[key]
    *sections, name = key.split(".")[1:]

    def target(value: int) -> str:
        place = "kind: elasticsearch, name: es, url: 'http://127.0.0.1:9200'"
        written = f"{name}: {value}"
        for section in reversed(sections):
            written = f"{section}: {{{written}}}"
        return f"targets=[{{{place}, {written}}}]"

    for value in (low, high):
        kept = load(overrides=(target(value),)).targets[0]
        for section in sections:
            kept = getattr(kept, section)
        assert getattr(kept, name) == value
    for value in (low - 1, high + 1):
        where = ".".join((*sections, name))
        assert f"targets[0].{where} is {value}; allowed: {low} to" in refused(target(value)).en


@pytest.mark.parametrize("key", NOT)
def test_a_number_inside_that_is_of_no_use(key: str) -> None:
    assert f"{key} is {NOT[key]}" in refused(f"{key}={NOT[key]}").en


@pytest.mark.parametrize("key", [key for key in CHOICES if "[]" not in key])
def test_a_word_comes_from_its_list(key: str) -> None:
    error = refused(f"{key}=ftp")
    assert f"{key} is 'ftp'; allowed: " in error.en
    for choice in CHOICES[key]:
        assert choice in error.en
        assert choice in error.zh
    near = CHOICES[key][-1]
    assert f"'{near}'" in refused(f"{key}={near}x").fix_en


def test_the_documentation_names_every_range_and_every_choice() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    for key, (low, high) in RANGES.items():
        wanted = f"{low}, or 1 to {high}" if key in NOT else f"{low} to {high}"
        assert wanted in rows[key], key
    for key, choices in CHOICES.items():
        for choice in choices:
            assert f"`{choice}`" in rows[key] or not choice, key


# ---- values ----


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("flink.parallelism=two", "--set: flink.parallelism is 'two'; allowed: a whole number"),
        ("flink.parallelism=true", "flink.parallelism is true; allowed: a whole number"),
        ("flink.parallelism=1.5", "flink.parallelism is 1.5"),
        ("flink.parallelism=", "flink.parallelism is ''"),
        ("source.follow=1", "source.follow is 1; allowed: true or false"),
        ("tenant=12", "tenant is 12; allowed: a text"),
        ("tenant=2026-01-31", "tenant is 2026-01-31; allowed: a text"),
        ("tenant=", "tenant is ''; allowed: a text that is not empty"),
        ('tenant="a\\0b"', "without control characters"),
        ('tenant="\\ud800"', "invalid Unicode character"),
        ("source.topic=!!set {}", "source.topic is []; allowed: a text"),
        ("source.topic=!!set{}", "not valid YAML"),
        ("source.topic=a b", "source.topic is 'a b'; allowed: 1 to 249"),
        ("source.topic=..", "source.topic is '..'"),
        ("outputs.topic_prefix=公司.", "outputs.topic_prefix is "),
        ("kafka.bootstrap=localhost", "kafka.bootstrap is 'localhost'; allowed: host:port"),
        ("kafka.bootstrap=a:1,b:99999", "kafka.bootstrap is "),
        ("kafka.bootstrap='::1:9092'", "kafka.bootstrap is "),
        ("kafka.security_protocol=SASL_SSL", "kafka.sasl_mechanism is ''; allowed: PLAIN, "),
        ("keys.kind=pkcs11", "keys.library is ''; allowed: the path of the vendor's"),
        ("keys={kind: pkcs11, library: a.so}", "keys.token is ''; allowed: the label of a token"),
        ("flink.rest_url=http://host", "flink.rest_url is 'http://host'; allowed: http://HOST:"),
        ("flink.rest_url=https://host:1", "flink.rest_url is "),
        ("flink.rest_url=http://host:8081/", "flink.rest_url is "),
        ("rules.registry=/etc/passwd", "rules.registry is '/etc/passwd'; allowed: a folder"),
        ("outputs.path=/etc/passwd", "outputs.path is '/etc/passwd'; allowed: a folder"),
        ("data_dir=/etc/passwd/x", "data_dir is '/etc/passwd/x'; allowed: a folder (/etc/passwd"),
        ("flink=4", "flink is 4; allowed: a section"),
        ("targets=x", "targets is 'x'; allowed: a list"),
        ("targets=[x]", "targets[0] is 'x'; allowed: a section"),
        ("targets=[{kind: sqlite}]", "'targets[0].name' is missing"),
        ("targets=[{kind: sqlit, name: a}]", "targets[0].kind is 'sqlit'; allowed: sqlite, "),
        ("targets=[{kind: sqlite, name: ../a, path: b}]", "targets[0].name is '../a'"),
        ("profile=cluster", "the settings are those of 'embedded'"),
    ],
)
def test_a_value_that_cannot_work(override: str, words: str) -> None:
    assert words in refused(override).en


@pytest.mark.parametrize(
    "override",
    [
        "kafka.bootstrap='[::1]:9092, kafka_2:9093'",
        "flink.rest_url=",
        "flink.rest_url=http://job_manager:8081",
        "rules.registry=/nonexistent/rulesets",
        "tenant=示范公司",
        "targets=[]",
        "keys={kind: pkcs11, library: /nonexistent/libhsm.so, token: mingjian}",
        "keys={kind: pkcs11, library: libhsm.so, serial: '0123'}",
    ],
)
def test_a_value_that_works(override: str) -> None:
    load(overrides=(override,))


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        ("redis", "url: 'redis://127.0.0.1:6379/0'", ""),
        ("redis", "url: 'redis://me:secret@host'", ""),
        ("redis", "url: 'unix:///run/redis.sock'", ""),
        ("redis", "url: 'rediss://host:1?ssl_cert_reqs=none'", ""),
        ("redis", "url: zz", "url"),
        ("redis", "url: ''", "url"),
        ("redis", "url: 'redis://host:6379/abc'", "url"),
        ("redis", "url: 'redis://host:99999'", "url"),
        ("redis", "url: 'redis://host:1?colour=red'", "url"),
        ("redis", "url: 'redis://[::1'", "url"),
        ("redis", "url: 'redis://host:1', ca_certs: /etc/passwd", "ca_certs"),
        ("elasticsearch", "url: 'http://127.0.0.1:9200'", ""),
        ("elasticsearch", "url: 'https://es.example/path'", "url"),
        ("elasticsearch", "url: 'https://es.example:443/path', ca_certs: /etc/passwd", ""),
        ("elasticsearch", "url: 'https://es:443', ca_certs: /nonexistent", "ca_certs"),
        ("elasticsearch", "url: zz", "url"),
        ("elasticsearch", "url: 'http://[::1'", "url"),
        ("elasticsearch", "url: 'http://h:1;x'", "url"),
        ("elasticsearch", "url: 'http://h;x:1'", "url"),
        ("elasticsearch", "url: 'http://h:1?x=1'", "url"),
        ("elasticsearch", "url: 'redis://host:1'", "url"),
        ("elasticsearch", "url: 'http://h:1', index_prefix: 明鉴", ""),
        ("elasticsearch", "url: 'http://h:1', index_prefix: Mingjian", "index_prefix"),
        ("sqlite", "path: index.db", ""),
        ("sqlite", "url: index.db", "path"),
        ("sqlite", "path: /etc", "path"),
    ],
)
def test_addresses_of_targets(kind: str, fields: str, wrong: str) -> None:
    override = f"targets=[{{kind: {kind}, name: one, {fields}}}]"
    if not wrong:
        assert load(overrides=(override,)).targets[0].kind == kind
    else:
        assert f"targets[0].{wrong} is " in refused(override).en


def test_a_password_in_an_address_is_not_shown() -> None:
    error = refused("targets=[{kind: redis, name: r, url: 'redis://me:secret@host/x'}]")
    assert "secret" not in error.en + error.zh


# ---- overrides ----


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("a=[1", "--set a:1:3: not valid YAML"),
        ("a=!!python/object:os.system", "not valid YAML"),
        ("a=&x [*x]", "aliases"),
        ("a={b: 1, b: 2}", "the key 'b' is there twice"),
        ("a=--- 1\n--- 2", "several YAML documents"),
        ("tenant=2026-13-45", "--set tenant:1:1: "),
        ("tenant", "is not KEY=VALUE"),
        ("=1", "is not KEY=VALUE"),
        ("flink..parallelism=1", "is not KEY=VALUE"),
        ("flink.parallelism.x=1", "flink.parallelism is 2, a value; nothing can be set beneath"),
        ("targets.0.path=x", "targets is a list; allowed: the whole list at once"),
        ("flink.paralelism=1", "--set: unknown setting 'flink.paralelism'"),
        ("a\nb=1", "unknown setting"),
    ],
)
def test_an_override_that_cannot_be_read(override: str, words: str) -> None:
    assert words in refused(override).en


def test_an_unknown_key_is_followed_by_the_nearest() -> None:
    assert refused("flink.paralelism=1").fix_en == "did you mean 'parallelism'?"
    assert refused(profile="embeded").fix_en == "did you mean 'embedded'?"


# ---- files ----


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("tenant: 示范".encode("utf-16"), "not UTF-8 text"),
        (bytes(range(256)), "not UTF-8 text"),
        (b"\0\0\0", "not valid YAML"),
        (b"[" * 5000, "nested too deeply"),
        (b"x" * 2_000_000, "larger than"),
        (b"- a\n", "holds no settings; allowed: settings as 'key: value'"),
        (b"a\n", "holds no settings; allowed: settings as 'key: value'"),
        (b"tenant: 2026-13-45\n", "a value cannot be read"),
        (b"tenant: a\ntenant: b\n", ":2:1: the key 'tenant' is there twice"),
        (b"tenant: a\nflink: {heap_mb: 1, heap_mb: 2}\n", "the key 'heap_mb' is there"),
        (b"tenant: a\nflink:\n  heap_mb: -1\n", ":3:3: flink.heap_mb is -1; allowed: 128 to"),
        (b"tenant: a\nprofile: clust\n", ":2:1: profile is 'clust'; allowed: embedded, cluster"),
        (b"tenant: a\n? [1, 2]\n: 3\n", "not valid YAML"),
        (b"tenant: a\n1: 3\n", "unknown setting '[1]'"),
        (b"tenant: a\nsource: {path: b}\n", ":2:1: 'source.kind' is missing"),
        (b"tenant: a\n---\ntenant: b\n", "2 YAML documents; allowed: one"),
        (b"", "'tenant' is missing"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    error = refused(path=file)
    assert words in error.en
    assert str(file) in error.en
    assert str(file) in error.zh


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert "Is a directory" in refused(path=tmp_path).en
    assert "No such file" in refused(path=tmp_path / "none").en
    assert "File name too long" in refused(path=tmp_path / ("x" * 300)).en
    assert "embedded null byte" in refused(path=Path("a\0b")).en


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "---\n", "\ufeff{}\n"])
def test_an_empty_file_and_a_tenant_are_enough(tmp_path: Path, content: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content, encoding="utf-8")
    got = load(path=file, overrides=("tenant=a",))
    built_in = load("embedded")
    assert (got.tenant, got.tenant_name) == ("a", "")
    assert (got.source, got.outputs, got.targets) == (
        built_in.source,
        built_in.outputs,
        built_in.targets,
    )


def test_ends_that_a_file_leaves_out_are_those_of_the_profile_it_names(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("profile: cluster\ntenant: a\ntargets: []\nflink:\n")
    got = load(path=file)
    assert (got.source, got.outputs, got.targets) == (
        load("cluster").source,
        load("cluster").outputs,
        (),
    )


# ---- any tree at all ----

KEYS = st.sampled_from([key.rpartition(".")[2] for key, _ in fields(Settings)] + ["flink", "rules"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.binary(max_size=5)
    | st.text(max_size=8) | st.sampled_from(["files", "kafka", "sqlite", "http://[::1", "/proc/x"])
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def loads_or_is_told(file: Path, overrides: tuple[str, ...] = ()) -> None:
    try:
        got = load(path=file, overrides=overrides)
    except MingjianError as error:
        told = error
    else:
        assert isinstance(got, Settings)
        return
    assert_one_clear_line(told)
    assert len(told.en) < 1000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings") / "s.yaml"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=TREES)
def test_any_tree_loads_or_is_told(file: Path, tree: Any) -> None:
    file.write_bytes(yaml.safe_dump(tree, allow_unicode=False).encode())
    loads_or_is_told(file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(key=st.sampled_from([key for key, _ in fields(Settings)]), value=TREES)
def test_any_value_of_any_key_loads_or_is_told(file: Path, key: str, value: Any) -> None:
    tree = yaml.safe_load((ROOT / "config/embedded.yaml").read_text(encoding="utf-8"))
    node = tree["targets"][0] if key.startswith("targets") else tree
    *parents, last = key.removeprefix("targets[].").split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    file.write_bytes(yaml.safe_dump(tree, allow_unicode=False).encode())
    loads_or_is_told(file)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8")))
def test_any_bytes_load_or_are_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    loads_or_is_told(file)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40), key=st.sampled_from(["", "tenant=", "targets=", "flink.x="]))
def test_any_override_loads_or_is_told(file: Path, text: str, key: str) -> None:
    file.write_text("tenant: a\n")
    loads_or_is_told(file, (key + text,))


# ---- folders that are written ----


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert writable(folder, "data_dir") == folder
    assert os.listdir(folder) == []
    keys = writable(str(tmp_path / "keys"), "keys_dir", 0o700)
    assert keys.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("path", ["/proc/mingjian", "/etc/passwd", "/etc/passwd/x", "x" * 300])
def test_a_folder_that_cannot_be_written_is_told_by_its_key(path: str) -> None:
    with pytest.raises(MingjianError) as caught:
        writable(path, "outputs.path")
    assert_one_clear_line(caught.value)
    assert caught.value.en.startswith(f"outputs.path is {path}, which cannot be written: ")
    assert "--set outputs.path=FOLDER" in caught.value.fix_en


# ---- what is no file, no UTF-8, or no plain key ----


def test_a_value_that_is_no_utf8_is_refused() -> None:
    for given_ in ("tenant=\udcff", "\udcff=a"):
        assert "is not UTF-8 text" in refused(given_).en


def test_a_settings_file_that_is_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert f"{pipe} is no regular file" in refused(path=pipe).en


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tenant: demo\n<<: {tenant: x}\n", ":2:1"),
        ("tenant: demo\nflink:\n  <<: {parallelism: 1}\n", ":3:3"),
        ("tenant: demo\ntargets: [{<<: {kind: sqlite, name: a, path: a}}]\n", ":2:12"),
    ],
)
def test_a_merge_key_is_refused_where_it_stands(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert refused(path=file).en.startswith(f"{file}{place}: '<<'")


def test_a_merge_key_in_an_override_is_refused() -> None:
    assert "'<<'" in refused("flink={<<: {parallelism: 1}}").en
