"""The HTTP endpoint on a real socket: what it takes, what it refuses, whom it outlives."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from config.ranges import RANGES
from config.settings import Ingest
from ingest.endpoint import build
from ingest.endpoint_body import JSON, NDJSON, split
from ingest.endpoint_errors import ANSWERS, Refusal
from ingest.endpoint_server import is_loopback, listen
from ingest.endpoint_tokens import Tokens
from ingest.envelope import Envelopes
from ingest.intake import Body, Taken
from rules.errors import MingjianError
from rules.lenient_json import parse
from tests.support.collecting import bare, enveloped, ids, written
from tests.support.endpoint import OTHER, TOKEN, Target, running, serving

LIMITS = Ingest(
    request_bytes=20_000,
    unpacked_bytes=100_000,
    request_records=100,
    requests=2,
    header_seconds=1,
    request_seconds=1,
    wait_seconds=1,
)
LINES = "application/x-ndjson"
HAN = "\u4e00"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, Target, Path]]:
    folder = tmp_path_factory.mktemp("endpoint")
    with serving(folder, LIMITS) as (address, target):
        yield address, target, folder


def post(address: str, body: bytes, kind: str = LINES, token: str = TOKEN, **headers: str):
    headers = {"Content-Type": kind, "Authorization": f"Bearer {token}", **headers}
    return requests.post(f"{address}/v1/records", data=body, headers=headers, timeout=30)


def code(response: requests.Response) -> str:
    """The code of an error, after it was seen to be a whole one."""
    error = response.json()["error"]
    assert set(error) == {"code", "en", "zh", "fix_en", "fix_zh"}
    assert all(error.values())
    assert error["zh"] > HAN
    assert response.status_code == ANSWERS[error["code"]].status
    return str(error["code"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (LINES, bare("a1") + b"\r\n\n" + enveloped("a2") + b"\n"),
        ("application/json; charset=utf-8", b" [" + bare("b1") + b",\n" + bare("b2") + b"] "),
        ("application/json", json.dumps(json.loads(bare("c1")), indent=2).encode()),
    ],
)
def test_records_are_durable_when_it_answers(served, kind: str, body: bytes) -> None:
    address, _, folder = served
    response = post(address, body, kind)
    assert response.status_code == 200
    count = body.count(b"msgid")
    assert response.json() == {
        "new": count, "duplicates": 0, "set_aside": 0, "conflicts": 0, "undecoded": 0,
    }  # fmt: skip
    assert len([one for one in ids(folder) if one in body.decode()]) == count


def test_a_batch_that_is_sent_again_is_not_taken_again(served) -> None:
    address, _, folder = served
    body = bare("again1") + b"\n" + b"no json" + b"\n" + bare("again2")
    assert post(address, body).json()["undecoded"] == 1
    before = written(folder)
    assert post(address, body).json() == {
        "new": 0, "duplicates": 3, "set_aside": 0, "conflicts": 0, "undecoded": 0,
    }  # fmt: skip
    assert post(address, body, **{"Content-Encoding": "gzip"}).status_code == 400
    assert written(folder) == before


def test_packed_bodies_of_one_or_several_members_are_unpacked(served) -> None:
    address, _, _ = served
    body = gzip.compress(bare("g1") + b"\n") + gzip.compress(bare("g2"))
    assert post(address, body, **{"Content-Encoding": "gzip"}).json()["new"] == 2


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\xff", b"[" * 9000, b'{"a":' * 1500, b'"\\ud800"', b"null", b"NaN", b"\x00"]
)
def test_lines_that_are_no_records_are_left_to_the_job(served, line: bytes) -> None:
    address, _, folder = served
    assert post(address, line).json()["undecoded"] == 1
    assert line in written(folder)


GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("wanted", "body", "kind", "headers"),
    [
        ("not_json", b"", "application/json", {}),
        ("not_json", b"{", "application/json", {}),
        ("not_json", b"[1,", "application/json", {}),
        ("not_json", b"[" * 9000, "application/json", {}),
        ("not_json", b'{"a":"\xff"}', "application/json", {}),
        ("not_json", b"7", "application/json", {}),
        ("not_gzip", b"no gzip", LINES, GZIP),
        ("not_gzip", gzip.compress(b"x" * 99, mtime=0)[:-9], LINES, GZIP),
        ("not_gzip", gzip.compress(b"x", mtime=0) + b"more", LINES, GZIP),
        ("not_gzip", b"", LINES, GZIP),
        ("encoding", b"x", LINES, {"Content-Encoding": "br"}),
        ("encoding", zlib.compress(b"x"), LINES, {"Content-Encoding": "deflate"}),
        ("media_type", b"{}", "application/x-www-form-urlencoded", {}),
        ("media_type", b"{}", "", {}),
        ("too_large", b"x" * 20_001, LINES, {}),
        ("too_large", gzip.compress(b"\n" * 100_001, mtime=0), LINES, GZIP),
        ("too_large", gzip.compress(b"x" * 15_000_000, mtime=0), LINES, GZIP),
        ("too_many_records", b"1\n" * 101, LINES, {}),
        ("too_many_records", b"\n" * 1000, LINES, {}),
        ("too_many_records", b"[" + b"1," * 100 + b"1]", "application/json", {}),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused_whole_and_says_what_to_do(
    served, wanted: str, body: bytes, kind: str, headers: dict[str, str]
) -> None:
    address, _, folder = served
    before = written(folder)
    assert code(post(address, body, kind, **headers)) == wanted
    assert written(folder) == before


def test_a_body_without_a_length_is_cut_where_it_is_too_large(served) -> None:
    address, _, _ = served
    pieces = (b"x" * 10_000 for _ in range(50))
    headers = {"Content-Type": LINES, "Authorization": f"Bearer {TOKEN}"}
    response = requests.post(f"{address}/v1/records", data=pieces, headers=headers, timeout=30)
    assert code(response) == "too_large"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x",
     f"Bearer {TOKEN[:-1]}"],
)  # fmt: skip
def test_without_a_token_nothing_is_taken(served, authorization: str) -> None:
    address, _, _ = served
    headers = {"Content-Type": LINES, "Authorization": authorization}
    response = requests.post(
        f"{address}/v1/records", data=bare("secret"), headers=headers, timeout=30
    )
    assert code(response) == "no_token"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_each_token_has_its_source(served) -> None:
    address, _, folder = served
    assert post(address, bare("of-crm"), token=OTHER).json()["new"] == 1
    assert [path for path in (folder / "messages").glob("messages-crm-*") if path.stat().st_size]
    assert post(address, bare("of-crm")).json()["new"] == 1, "what one source had is not another's"


def test_probes_and_wrong_addresses(served) -> None:
    address, target, _ = served
    assert requests.get(f"{address}/healthz", timeout=30).json() == {"status": "alive"}
    assert requests.get(f"{address}/readyz", timeout=30).json() == {"status": "ready"}
    assert code(requests.get(f"{address}/nothing", timeout=30)) == "not_found"
    wrong = requests.get(f"{address}/v1/records", timeout=30)
    assert (code(wrong), wrong.headers["Allow"]) == ("method", "POST")
    assert "/v1/records" in requests.get(f"{address}/openapi.json", timeout=30).json()["paths"]
    target.away = "no connection"
    try:
        until(lambda: not requests.get(f"{address}/readyz", timeout=30).ok)
        assert requests.get(f"{address}/healthz", timeout=30).ok
    finally:
        target.away = ""
    until(lambda: requests.get(f"{address}/readyz", timeout=30).ok)


def until(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_while_the_target_is_away_the_sender_is_told_to_come_again(served) -> None:
    address, target, folder = served
    target.away = "no connection"
    try:
        response = post(address, bare("away"))
        assert code(response) == "away"
        assert int(response.headers["Retry-After"]) > 0
    finally:
        target.away = ""
    assert "maway" not in ids_of(folder)
    assert post(address, bare("away")).json()["new"] == 1


def ids_of(folder: Path) -> list[str]:
    return [
        json.loads(line)["payload"]["msgid"] for line in written(folder) if b'"payload"' in line
    ]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [(MingjianError("no right", "无权限"), "unwritable"), (ValueError("秘密"), "defect")],
)
def test_what_breaks_inside_is_an_answer_too_without_a_word_of_content(
    served, error: Exception, wanted: str
) -> None:
    address, target, _ = served
    target.broken = error
    try:
        response = post(address, bare("broken"))
    finally:
        target.broken = None
    assert code(response) == wanted
    assert "秘密" not in response.text


def test_more_requests_than_are_worked_on_are_sent_away(served) -> None:
    address, target, _ = served
    target.free.clear()
    target.entered.clear()
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(post, address, bare("held1"))]
        answers = []
        try:
            assert target.entered.wait(30)

            def sent_away() -> bool:
                # one waits behind the first, for as long as a request may; then the next does
                if held[-1].done() or len(held) == 1:
                    held.append(pool.submit(post, address, bare("held2")))
                answers.append(post(address, bare("third")))
                return answers[-1].status_code == 429

            until(sent_away)
        finally:
            target.free.set()
        assert code(answers[-1]) == "too_many_requests"
        assert answers[-1].headers["Retry-After"] == "1"
        assert held[0].result().status_code == 200
        assert {one.result().status_code for one in held[1:]} <= {200, 429, 503}
    assert post(address, bare("third")).json()["new"] == 1


class Together:
    """An intake whose writes end when so many have begun, and they are told to."""

    source = "http"

    def __init__(self, many: int) -> None:
        self.all_here = threading.Barrier(many + 1, timeout=15)

    def take(self, bodies: Sequence[Body], *, cursor: str = "", part: str = "") -> Taken:
        self.all_here.wait()
        self.all_here.wait()
        return Taken(new=len(bodies))


def test_all_requests_are_written_at_once_and_leave_room_for_readyz() -> None:
    """None is to wait for a thread: the time that a write may take would begin late."""
    many = 40  # more than the threads of an event loop
    limits = Ingest(requests=many)
    intake = Together(many)
    app = build({"http": intake}, Tokens(TOKEN), limits, str)
    with running(app, limits) as address, ThreadPoolExecutor(many) as pool:
        answers = [pool.submit(post, address, bare(number)) for number in range(many)]
        intake.all_here.wait()
        assert requests.get(f"{address}/readyz", timeout=10).ok
        intake.all_here.wait()
        assert {one.result().status_code for one in answers} == {200}


# ---- slow clients ----


def drip(address: str, text: bytes, piece: bytes = b"x") -> bytes:
    """Send a beginning, then a byte now and then, until the server ends it; what it answered."""
    host, _, port = address.removeprefix("http://").partition(":")
    answer = b""
    with socket.create_connection((host, int(port))) as client:
        client.settimeout(0.1)
        try:
            client.sendall(text)
            for _ in range(300):
                try:
                    got = client.recv(65536)
                except TimeoutError:
                    client.sendall(piece)
                else:
                    if not got:
                        return answer
                    answer += got
        except OSError:
            return answer
    pytest.fail("it was never cut off")


def test_who_drips_a_head_or_a_body_is_cut_off_and_others_are_served(served) -> None:
    address, _, _ = served
    head = f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    body = head + b"Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    with ThreadPoolExecutor(3) as pool:
        slow_head = pool.submit(drip, address, head + b"X-Slow: ")
        silent = pool.submit(drip, address, b"", b"")
        slow_body = pool.submit(drip, address, body)
        assert post(address, bare("beside")).status_code == 200
        assert slow_head.result() == b""
        assert silent.result() == b""
        assert slow_body.result().startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "text", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET\r\n\r\n", b"X" * 70_000, b"\r\n\r\n"]
)
def test_what_is_no_http_harms_nobody(served, text: bytes) -> None:
    address, _, _ = served
    drip(address, text)
    assert requests.get(f"{address}/healthz", timeout=30).ok


def test_a_client_that_leaves_in_the_middle_frees_its_place(served) -> None:
    address, _, _ = served
    host, _, port = address.removeprefix("http://").partition(":")
    head = f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    for _ in range(5):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
    until(lambda: post(address, b"").status_code == 200)


def test_neither_token_nor_content_is_ever_logged(served, capfd, caplog) -> None:
    address, _, _ = served
    with caplog.at_level(logging.DEBUG):
        post(address, bare("log", content="机密内容"))
        post(address, "机密内容".encode(), "application/json")
        post(address, b"x", token="a-wrong-but-secret-token")
    said = "".join(capfd.readouterr()) + caplog.text
    assert "records_taken" in said
    for secret in ("机密", TOKEN, "a-wrong-but-secret-token", "wmAAAAAAAAAAAA"):
        assert secret not in said


# ---- the parts ----


@given(st.lists(st.binary(min_size=1, max_size=12).filter(lambda b: b"\n" not in b), max_size=20))
def test_lines_come_out_as_they_went_in(lines: list[bytes]) -> None:
    wanted = [line for line in lines if not line.isspace()]
    assert split(b"\n".join(lines), NDJSON[0], 100) == wanted


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8))
def test_elements_come_out_as_they_went_in(value: object) -> None:
    body = json.dumps([value, {"a": value}]).encode()
    assert [json.loads(one) for one in split(body, "application/json", 9)] == [value, {"a": value}]


@given(st.binary(max_size=40))
def test_any_json_body_is_split_or_refused(body: bytes) -> None:
    try:
        records = split(body, "application/json", 5)
    except Refusal as refusal:
        records = [refusal.code.encode()]
    assert all(isinstance(one, bytes) for one in records)


def test_the_most_records_that_a_request_may_have_are_decoded_in_seconds() -> None:
    most = RANGES["ingest.request_records"][1]
    body = b"[" + b",".join(bare(number, "x" * 130) for number in range(most)) + b"]"
    envelopes = Envelopes("demo", 1 << 20)
    began = time.process_time()
    kinds = {envelopes.of(one, 2**41).kind for one in split(body, JSON, most)}
    assert time.process_time() - began < 10
    assert kinds == {"archive"}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"[" + b"10," * 1_000_000 + b"1]", "too_many_records"),
        (b"[[" + b"[]," * 1_000_000 + b"[]]]", 1),
        (b"[[" + b"[]," * 1_000_000 + b"[]]", "not_json"),
        (b'{"a":[' + b"[]," * 1_000_000 + b"[]]}", 1),
        (b'{"a":["' + b'","' * 1_000_000 + b'\x01"]}', 1),
        (b'{"a":["' + b'","' * 1_000_000 + b"]}", "not_json"),
    ],
)
def test_a_body_takes_no_more_memory_than_a_few_copies_of_itself(
    body: bytes, wanted: str | int
) -> None:
    """A gzip of a few kilobytes unpacks to millions of values, and none of them is to be made."""
    split(b"[]", "application/json", 100)
    tracemalloc.start()
    try:
        found: str | int = len(split(body, "application/json", 100))
    except Refusal as refusal:
        found = refusal.code
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == wanted
    assert most < 4 * len(body)


@pytest.mark.parametrize(
    "body",
    [b'{"a":"\x01\n"}', b'{"a":"\\ud800"}', b'{"a":"\\uDC00\\\\ud800"}', b'{"a":"\\\\\\udfff"}',
     b'{"a":"\\ud83d\\ude00"}', b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_an_object_with_a_fault_that_the_job_mends_is_taken(body: bytes) -> None:
    assert parse(body)
    assert split(body, "application/json", 1) == [body]


@pytest.mark.parametrize(
    ("written_", "source", "given_"),
    [
        ("0123456789abcdef", "http", "0123456789abcdef"),
        ("crm:0123456789abcdef", "crm", "0123456789abcdef"),
        (" a:0123456789abcdef , a:fedcba9876543210,", "a", "fedcba9876543210"),
        ("c2VjcmV0IHRva2VuIQ==", "http", "c2VjcmV0IHRva2VuIQ=="),
    ],
)
def test_tokens_and_their_sources(written_: str, source: str, given_: str) -> None:
    tokens = Tokens(written_)
    assert tokens.source(f"bearer {given_}") == source
    assert source in tokens.sources
    assert tokens.source("Bearer 0123456789abcdeX") == ""
    assert tokens.source("Bearer \udcff") == ""


@pytest.mark.parametrize(
    "written_", ["", " , ", "short", "a:short", "two words 0123456789", "名:x"]
)
def test_tokens_that_are_none_are_refused_without_being_quoted(written_: str) -> None:
    with pytest.raises(MingjianError, match="MINGJIAN_INGEST_TOKEN") as told:
        Tokens(written_)
    assert "openssl" in told.value.fix_en
    assert not written_.strip(", ") or written_ not in told.value.en


def test_an_address_that_is_taken_is_one_clear_line() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(MingjianError, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(MingjianError, match="cannot listen"):
        listen("192.0.2.1", 0)
    assert is_loopback("127.0.0.1")
    assert not is_loopback("0.0.0.0")  # noqa: S104 - that is what is asked
