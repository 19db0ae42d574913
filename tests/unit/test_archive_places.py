"""Where an archive's segments and index are: what goes together in its settings."""

from __future__ import annotations

import pytest

from config.settings import Target, load
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.objects import LocalObjects
from sinks.archive.places import index_of, objects_of, own_name
from sinks.archive.s3_objects import ACCESS_VARIABLE, S3Objects
from sinks.archive.sqlite_index import SqliteIndex

S3 = "objects: s3, s3_endpoint: 'http://127.0.0.1:9000', s3_bucket: archive"
POSTGRES = "index: postgres, index_url: 'postgresql://127.0.0.1:5432/archive', username: mingjian"


def archive(fields: str, kind: str = "archive") -> str:
    url = "" if kind == "archive" else ", url: 'redis://127.0.0.1:6379/0'"
    return f"targets=[{{kind: {kind}, name: one, path: var/archive{url}, {fields}}}]"


@pytest.mark.parametrize(
    "fields",
    [
        "objects: file, index: sqlite",
        S3,
        POSTGRES,
        f"{S3}, {POSTGRES}",
        S3.replace("http://127.0.0.1:9000", "https://s3.cn-north-1.example")
        + ", ca_certs: /etc/passwd",
        f"{S3}, s3_prefix: '', s3_style: virtual, s3_region: cn-north-1",
        f"{S3}, s3_prefix: a/b.c/d",
        f"{POSTGRES}, ca_certs: /etc/passwd",
        POSTGRES.replace("/archive", "/archive?sslmode=require"),
        POSTGRES.replace(":5432", ""),
    ],
)
def test_what_goes_together(fields: str) -> None:
    (target,) = load(overrides=(archive(fields),)).targets
    assert target.kind == "archive"


@pytest.mark.parametrize(
    ("fields", "key", "says"),
    [
        ("objects: disk", "objects", "file, s3"),
        ("index: mysql", "index", "sqlite, postgres"),
        ("objects: s3", "s3_endpoint", "http://HOST:PORT"),
        (S3.replace("http:", "ftp:"), "s3_endpoint", "http://HOST:PORT"),
        (S3.replace("http://", "http://me:secret@"), "s3_endpoint", "http://HOST:PORT"),
        (S3.replace(":9000", ":9000/bucket"), "s3_endpoint", "http://HOST:PORT"),
        (S3.replace("bucket: archive", "bucket: A"), "s3_bucket", "3 to 63"),
        (f"{S3}, s3_prefix: /a", "s3_prefix", "with / between"),
        (f"{S3}, s3_region: 'a b'", "s3_region", "us-east-1"),
        (f"{S3}, s3_style: dns", "s3_style", "path, virtual"),
        (S3.replace("objects: s3", "objects: file"), "s3_endpoint", "because objects is not s3"),
        ("s3_style: virtual", "s3_style", "path, because objects is not s3"),
        ("index: postgres", "index_url", "postgresql://HOST:PORT/DATABASE"),
        (POSTGRES.replace("//", "//me:secret@"), "index_url", "without user and password"),
        (POSTGRES.replace("/archive", ""), "index_url", "postgresql://HOST:PORT/DATABASE"),
        (POSTGRES.replace("/archive", "/archive?sslmode=no"), "index_url", "verify-full"),
        (POSTGRES.replace("/archive", "/archive?options=x"), "index_url", "sslmode"),
        (POSTGRES.replace(":5432", ":99999"), "index_url", "postgresql://HOST:PORT"),
        (POSTGRES.replace("mingjian", "''"), "username", "because index is postgres"),
        (POSTGRES.replace("index: postgres", "index: sqlite"), "index_url", "is not postgres"),
        (f"{S3}, ca_certs: /etc/passwd", "ca_certs", "neither objects nor index"),
        (f"{POSTGRES}, ca_certs: /nowhere", "ca_certs", "a file of certificates"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_names_its_key(fields: str, key: str, says: str) -> None:
    with pytest.raises(MingjianError) as told:
        load(overrides=(archive(fields),))
    assert told.value.exit_code == EXIT_USAGE
    assert f"targets[0].{key} is " in told.value.en
    assert says in told.value.en
    assert "secret" not in told.value.en + told.value.zh


@pytest.mark.parametrize("field", ["objects: s3", "index: postgres", "s3_bucket: archive"])
def test_other_kinds_of_targets_have_no_such_places(field: str) -> None:
    with pytest.raises(MingjianError, match="because kind is not archive"):
        load(overrides=(archive(field, kind="redis"),))


def test_what_is_not_said_is_a_folder(tmp_path) -> None:
    target = Target(kind="archive", name="archive", path=str(tmp_path / "a"))
    objects, index = objects_of(target, "acme"), index_of(target, "acme", writes=True)
    objects.put("0000001-a", b"x")
    index.close()
    assert isinstance(objects, LocalObjects)
    assert isinstance(index, SqliteIndex)
    names = {str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*")}
    assert {"index.db", "segments/0000001/0000001-a"} <= names


def test_object_storage_wants_its_keys_from_the_environment(tmp_path, monkeypatch) -> None:
    target = Target(
        kind="archive", name="archive", path=str(tmp_path), objects="s3",
        s3_endpoint="http://127.0.0.1:1", s3_bucket="archive",
    )  # fmt: skip
    monkeypatch.delenv(ACCESS_VARIABLE, raising=False)
    with pytest.raises(MingjianError, match=f"{ACCESS_VARIABLE} is not set"):
        objects_of(target, "acme")
    monkeypatch.setenv(ACCESS_VARIABLE, "a")
    monkeypatch.setenv("MINGJIAN_S3_SECRET_KEY", "b")
    assert isinstance(objects_of(target, "acme"), S3Objects)


def test_every_tenant_and_target_has_a_name_of_its_own() -> None:
    pairs = [("acme", "archive"), ("acme_a", "b"), ("acme", "a_b"), ("acme.a", "b"),
             ("ACME", "archive"),
             ("acme ", "archive"), ("明鉴", "archive"), ("名建", "archive"), ("a" * 200, "b" * 100),
             ("a" * 201, "b" * 100), ("a b", "c"), ("a", "b c"), ("", "a")]  # fmt: skip
    names = [own_name(*pair) for pair in pairs]
    assert names[0] == "acme_archive"
    assert len(set(names)) == len(names)
    for name in names:
        assert 0 < len(name) <= 50
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
