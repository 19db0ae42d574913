"""Segments in object storage: kept whole or not at all, and each refusal says what to do."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.auth
import pytest

from jobs.servers import s3
from rules.errors import MingjianError
from sinks.archive.objects import NoObject
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE, Bucket, S3Objects
from tests.archive_contract import objects as contract


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv(ACCESS_VARIABLE, s3.ACCESS_KEY)
    monkeypatch.setenv(SECRET_VARIABLE, s3.SECRET_KEY)


@pytest.fixture
def where(keys, s3_server, prefix):
    """A bucket that is not there yet."""
    return Bucket(s3_server.address, prefix, "mingjian/acme", timeout_s=5, page=10)


@pytest.mark.parametrize("case", contract.CASES, ids=lambda case: case.__name__)
def test_what_holds_of_every_place(case, where):
    objects = S3Objects(where)
    S3Objects(where._replace(prefix="mingjian/acme2")).put("0000000-other", b"not ours")
    case(objects)


def test_the_machines_own_settings_for_aws_are_not_read(where, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.1:1\n")
    values = {"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": str(tmp_path / "config"),
              "AWS_CA_BUNDLE": "/nowhere", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
              "AWS_SECRET_ACCESS_KEY": "x", "HTTP_PROXY": "http://127.0.0.1:1"}  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    objects = S3Objects(where)
    objects.put("0000001-a", b"x")
    assert objects.get("0000001-a") == b"x"


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [ACCESS_VARIABLE, SECRET_VARIABLE])
def test_keys_that_are_not_set_or_wrong_are_named(where, monkeypatch, name):
    monkeypatch.setenv(name, "another-word")
    with pytest.raises(MingjianError) as told:
        S3Objects(where).put("0000001-a", b"x")
    assert name in told.value.fix_en
    assert name in told.value.fix_zh
    assert "another-word" not in told.value.en + told.value.zh
    monkeypatch.delenv(name)
    with pytest.raises(MingjianError, match=f"{name} is not set"):
        S3Objects(where)


def test_a_clock_that_is_wrong_is_named(where, monkeypatch):
    real = botocore.auth.get_current_datetime
    wrong = datetime.timedelta(hours=1)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *args, **more: real(*args, **more) - wrong
    )
    with pytest.raises(MingjianError, match="RequestTimeTooSkewed") as told:
        S3Objects(where).put("0000001-a", b"x")
    assert "clock" in told.value.fix_en


def test_reading_from_a_bucket_that_is_not_there_says_so(where):
    objects = S3Objects(where)
    with pytest.raises(MingjianError, match="NoSuchBucket") as told:
        objects.get("0000001-a")
    assert "s3_bucket" in told.value.fix_en
    assert list(objects.names()) == []


def test_whether_it_may_write_is_found_out_without_storing_anything(where, s3_server, monkeypatch):
    objects = S3Objects(where)
    with pytest.raises(MingjianError, match="NoSuchBucket"):
        objects.try_put()
    objects.put("0000001-a", b"x")
    objects.try_put()
    assert list(objects.names()) == ["0000001-a"]
    monkeypatch.setenv(SECRET_VARIABLE, "another-word")
    with pytest.raises(MingjianError, match="SignatureDoesNotMatch"):
        S3Objects(where).try_put()
    s3_server.stop()
    with pytest.raises(OSError, match=r"EndpointConnection|connect"):
        objects.try_put()
    s3.launch(s3_server.pid_file.parent, s3_server.port).wait()


class Answers(BaseHTTPRequestHandler):
    """A simulator: gives every request the answer of the test, as the protocol describes it."""

    status, code = 200, ""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"<Error><Code>{self.code}</Code><Message>said</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = answer

    def log_message(self, *_args):
        """Nothing."""


@pytest.mark.parametrize(
    ("status", "code", "error", "fix"),
    [
        (503, "SlowDown", OSError, ""),
        (500, "InternalError", OSError, ""),
        (429, "TooManyRequests", OSError, ""),
        (400, "RequestTimeout", OSError, ""),
        (400, "BadDigest", OSError, ""),
        (403, "AccessDenied", MingjianError, "rights"),
        (403, "SomethingElse", MingjianError, "rights"),
        (301, "PermanentRedirect", MingjianError, "s3_endpoint"),
        (400, "AuthorizationHeaderMalformed", MingjianError, "s3_region"),
        (404, "NoSuchBucket", MingjianError, "make the bucket"),
        (400, "EntityTooLarge", MingjianError, ""),
    ],
)
def test_what_may_pass_is_busy_and_the_rest_is_for_people(keys, status, code, error, fix):
    handler = type("Handler", (Answers,), {"status": status, "code": code})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    objects = S3Objects(
        Bucket(f"http://127.0.0.1:{server.server_port}", "bucket", "p", timeout_s=5, attempts=1)
    )
    try:
        for ask in (lambda: objects.put("0000001-a", b"x"), lambda: objects.get("0000001-a")):
            with pytest.raises(error, match=code) as told:
                ask()
            if error is MingjianError:
                assert fix in told.value.fix_en
    finally:
        server.shutdown()
        server.server_close()


# --- a storage that goes away ---------------------------------------------------------------------


def test_a_storage_that_comes_back_has_what_was_stored(where, s3_server):
    objects = S3Objects(where)
    objects.put("0000001-a", b"x")
    s3_server.stop()
    for ask in (
        lambda: objects.put("0000001-b", b"y"),
        lambda: objects.get("0000001-a"),
        lambda: objects.delete("0000001-a"),
        lambda: list(objects.names()),
    ):
        with pytest.raises(OSError, match=r"EndpointConnection|connect"):
            ask()
    s3.launch(s3_server.pid_file.parent, s3_server.port).wait()
    assert objects.get("0000001-a") == b"x"
    assert list(objects.names()) == ["0000001-a"]


def test_a_storage_that_stands_still_is_not_waited_for(where, s3_server):
    S3Objects(where).put("0000001-a", b"x")
    objects = S3Objects(where._replace(timeout_s=1, attempts=1))
    os.kill(s3_server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(OSError, match=r"(?i)time"):
            objects.get("0000001-a")
    finally:
        os.kill(s3_server.pid, signal.SIGCONT)
    assert objects.get("0000001-a") == b"x"


class Cut:
    """A simulator of a network: passes so many bytes to the storage and ends the connection."""

    def __init__(self, port: int, after: int) -> None:
        self._port, self._after = port, after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._port)) as storage:
                left = self._after
                while left and (data := client.recv(min(left, 65_536))):
                    storage.sendall(data)
                    left -= len(data)

    def close(self) -> None:
        self._listening.close()


@pytest.mark.parametrize("after", [100, 2_000, 200_000])
def test_a_put_that_was_cut_is_not_seen(where, s3_server, after):
    whole = S3Objects(where)
    whole.put("0000001-a", b"before")
    line = Cut(s3_server.port, after)
    try:
        cut = S3Objects(where._replace(endpoint=line.address, attempts=2))
        for name in ("0000001-a", "0000001-b"):
            with pytest.raises(OSError, match=line.address):
                cut.put(name, bytes(400_000))
    finally:
        line.close()
    assert list(whole.names()) == ["0000001-a"]
    assert whole.get("0000001-a") == b"before"
    with pytest.raises(NoObject):
        whole.get("0000001-b")
