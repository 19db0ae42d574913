"""Object storage and PostgreSQL behind TLS, with certificates of an authority of one's own."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from config.settings import Outputs, Settings, Source, Target
from jobs.deliver import run
from jobs.doctor import judge_archive, see_archive
from jobs.doctor.findings import FAIL, OK
from jobs.servers import postgres, s3
from rules.errors import MingjianError
from sinks.archive.places import index_of
from sinks.archive.postgres_session import PASSWORD_VARIABLE, Server, connected
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE, Bucket, S3Objects
from tests.support.authority import PASSWORD, issued
from tests.unit import test_archiver

# of whichever company reads them
record = partial(test_archiver.record, tenant="")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """What our authority has given the servers."""
    return issued(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The same of an authority that has given them nothing."""
    return issued(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="module")
def storage(tmp_path_factory, ours):
    tls = s3.KeyStore(ours.keystore, PASSWORD)
    server = s3.launch(tmp_path_factory.mktemp("s3"), tls=tls)
    try:
        yield server.wait()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory, ours):
    options = {
        "ssl": "on",
        "ssl_cert_file": str(ours.certificate),
        "ssl_key_file": str(ours.key),
    }
    server = postgres.launch(tmp_path_factory.mktemp("postgres"), options=options)
    try:
        yield server.wait()
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, postgres.PASSWORD)
    monkeypatch.setenv(ACCESS_VARIABLE, s3.ACCESS_KEY)
    monkeypatch.setenv(SECRET_VARIABLE, s3.SECRET_KEY)


def bucket(server, trusted: str, host: str = "127.0.0.1") -> Bucket:
    return Bucket(f"https://{host}:{server.port}", "tls", "p", ca_certs=trusted, attempts=1)


def test_segments_go_over_tls_that_is_checked(storage, ours):
    assert storage.address.startswith("https://")
    objects = S3Objects(bucket(storage, str(ours.trusted)))
    objects.put("0000001-a", b"x" * 300_000)
    assert objects.get("0000001-a", 299_999) == b"x"
    assert list(objects.names()) == ["0000001-a"]


@pytest.mark.parametrize("whom", ["the-machines-own", "another-authority", "another-host"])
def test_a_storage_that_cannot_prove_who_it_is_gets_nothing(storage, ours, others, whom):
    trusted = {"the-machines-own": "", "another-authority": str(others.trusted)}
    host = "localhost" if whom == "another-host" else "127.0.0.1"
    objects = S3Objects(bucket(storage, trusted.get(whom, str(ours.trusted)), host))
    with pytest.raises(MingjianError, match="no TLS with bucket tls") as told:
        objects.put("0000002-b", b"x")
    for fix in (told.value.fix_en, told.value.fix_zh):
        assert "ca_certs" in fix
    assert "0000002-b" not in list(S3Objects(bucket(storage, str(ours.trusted))).names())


@pytest.mark.parametrize("mode", ["", "?sslmode=verify-full", "?sslmode=require"])
def test_the_index_is_asked_over_tls_that_is_checked(database, ours, mode):
    server = Server(database.address + mode, postgres.USER, str(ours.trusted))
    session = connected(server, "public")
    try:
        assert session.pgconn.ssl_in_use
    finally:
        session.close()


@pytest.mark.parametrize("whom", ["the-machines-own", "another-authority", "another-host"])
def test_a_postgresql_that_cannot_prove_who_it_is_gets_no_password(database, ours, others, whom):
    trusted = {"the-machines-own": "", "another-authority": str(others.trusted)}
    url = f"{database.address}?sslmode=verify-full"
    if whom == "another-host":
        url = url.replace("127.0.0.1", "localhost")
    server = Server(url, postgres.USER, trusted.get(whom, str(ours.trusted)))
    with pytest.raises(MingjianError, match="no TLS with PostgreSQL") as told:
        connected(server, "public")
    for fix in (told.value.fix_en, told.value.fix_zh):
        assert "ca_certs" in fix


def test_a_whole_archive_behind_tls_and_what_the_doctor_says_of_a_wrong_authority(
    storage, database, ours, others, tmp_path, prefix
):
    (tmp_path / "messages").mkdir()
    (tmp_path / "outputs").mkdir()
    lines = b"".join(record(number) + b"\n" for number in range(1, 6))
    (tmp_path / "messages" / "messages-1.jsonl").write_bytes(lines)
    target = Target(
        kind="archive", name="archive", path=str(tmp_path / "archive"), ca_certs=str(ours.trusted),
        objects="s3", s3_endpoint=storage.address, s3_bucket="tls", index="postgres",
        index_url=database.address, username=postgres.USER,
    )  # fmt: skip
    settings = Settings(
        profile="embedded", tenant=prefix, data_dir=str(tmp_path), keys_dir=str(tmp_path / "keys"),
        source=Source(kind="files", path=str(tmp_path / "messages")),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")), targets=(target,),
    )  # fmt: skip
    (state,) = run(settings, once=True).targets
    assert (state.written, state.rejected) == (5, 0)
    index = index_of(target, prefix, writes=False)
    assert index.leaves() == 5
    index.close()
    for trusted, expected in ((ours, OK), (others, FAIL)):
        one = msgspec.structs.replace(target, ca_certs=str(trusted.trusted))
        found = [
            *judge_archive.segments(see_archive.segments(settings, one)),
            *judge_archive.index(see_archive.index(settings, one)),
        ]
        assert [line.state for line in found] == [expected] * 2
        if expected == FAIL:
            assert all("ca_certs" in line.fix_en for line in found)
