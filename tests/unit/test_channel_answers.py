"""Answers of receivers that are odd, slow without end, or hostile: what they confirm, how long they
are heard, and what of them is shown."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from config.channels import Channel
from config.settings import Outputs, Settings, Source
from jobs import deliver
from jobs.cli import alerts as alert_commands
from jobs.cli import deliver as deliver_command
from sinks.channels import http, mail, syslog
from sinks.channels.http import Webhook, WecomRobot
from sinks.channels.mail import Mail
from sinks.channels.message import ALERT, Away, Message, Refused, trial
from sinks.channels.syslog import Syslog
from sinks.channels.wording import title
from tests.support import receivers
from tests.support.records import alert, rule, write_part
from tests.unit.test_channels import alerts

TESTING = trial("demo", "en", "Asia/Shanghai", 1)
KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
HEAD = b"HTTP/1.1 200 OK\r\n"
ROBOT = b'{"errcode": 0, "errmsg": "ok"}'
DRIP = b"X-Slow: " + b"x" * 600


class Raw:
    """A receiver that answers bytes. `came`: the requests, one for each time it was asked."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def raw(answer: bytes, drip: bytes = b"", *, hold: bool = False) -> Iterator[Raw]:
    """Answers at once with `answer`, then with a byte of `drip` every 0.1 s; closes, or with `hold`
    leaves the connection as it is."""
    seen, over = Raw(), threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    seen.port = server.getsockname()[1]

    def serve(one: socket.socket) -> None:
        with one, suppress(OSError):
            text = b""
            while b"\r\n\r\n" not in text:
                part = one.recv(65_536)
                if not part:
                    return
                text += part
            head, _, body = text.partition(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
            while len(body) < length:
                body += one.recv(65_536)
            seen.came.append(body)
            one.sendall(answer)
            for byte in drip:
                if over.wait(0.1):
                    return
                one.sendall(bytes([byte]))
            if hold:
                over.wait(60)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield seen
    finally:
        over.set()
        server.close()


@contextmanager
def mail_server(
    *,
    goodbye: bytes = b"221 bye\r\n",
    data: bytes = b"250 ok\r\n",
    greeting_drip: bytes = b"",
    data_drip: bytes = b"",
) -> Iterator[tuple[str, list[bytes]]]:
    """(address, mails) of an SMTP server that says what it is told to say."""
    mails: list[bytes] = []
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def slowly(one: socket.socket, drip: bytes) -> None:
        for byte in drip:
            if over.wait(0.1):
                return
            one.sendall(bytes([byte]))

    def serve(one: socket.socket) -> None:
        with one, suppress(OSError):
            slowly(one, greeting_drip)
            one.sendall(b"220 here\r\n")
            lines = one.makefile("rb")
            while line := lines.readline():
                word = line.split()[0].upper()
                if word == b"DATA":
                    one.sendall(b"354 go on\r\n")
                    mails.append(b"".join(iter(lines.readline, b".\r\n")))
                    slowly(one, data_drip)
                    one.sendall(data)
                elif word == b"QUIT":
                    one.sendall(goodbye)
                    if goodbye:
                        return
                    over.wait(60)
                else:
                    one.sendall(b"250 ok\r\n")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"smtp://127.0.0.1:{server.getsockname()[1]}", mails
    finally:
        over.set()
        server.close()


def mailer(url: str) -> Mail:
    return Mail("mail", url, "mingjian@example.com", ("soc@example.com",))


# ---- what was confirmed stays confirmed


@pytest.mark.parametrize("goodbye", [b"421 bye\r\n", b"250 ok\r\n", b"\xff\xfe\r\n", b"", b"\r\n"])
def test_a_mail_that_was_taken_is_told_whatever_the_goodbye(
    goodbye: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "QUIT_S", 0.3, raising=False)
    with mail_server(goodbye=goodbye) as (url, mails):
        began = time.monotonic()
        mailer(url).send(TESTING)
        assert time.monotonic() - began < 5
    assert len(mails) == 1


def test_a_mail_that_is_refused_stays_refused_whatever_the_goodbye() -> None:
    with (
        mail_server(data=b"554 never\r\n", goodbye=b"421 bye\r\n") as (url, _),
        pytest.raises(Refused, match="SMTP 554"),
    ):
        mailer(url).send(TESTING)


@pytest.mark.parametrize(
    ("rest", "hold"),
    [
        (b"Content-Length: 100\r\n\r\nok", False),
        (b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\nok", False),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok", False),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nok", False),
        (b"Content-Length: 2\r\n\r\n", True),  # and then no body
        (b"\r\n", True),
        (b"Content-Length: nothing\r\n\r\nok", False),
    ],
)
def test_a_webhook_has_confirmed_with_its_status_whatever_the_body(
    rest: bytes, hold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REST_S", 0.3, raising=False)
    with raw(HEAD + rest, hold=hold) as seen:
        began = time.monotonic()
        Webhook("soc", seen.url).send(TESTING)
        assert time.monotonic() - began < 5
    assert len(seen.came) == 1


def test_a_connection_is_used_again() -> None:
    with receivers.http() as seen:
        hook, ports = Webhook("soc", seen.url), set()
        for _ in range(3):
            hook.send(TESTING)
            adapter: Any = hook._session.get_adapter(seen.url)
            (pool,) = adapter.poolmanager.pools._container.values()
            ports.add(pool.num_connections)
    assert ports == {1}
    assert len(seen.got) == 3


def test_a_robot_whose_answer_breaks_off_has_not_confirmed() -> None:
    with raw(HEAD + b"Content-Length: 100\r\n\r\n" + ROBOT) as seen, pytest.raises(Away):
        WecomRobot("duty", seen.url).send(TESTING)


def test_a_robot_may_answer_in_pieces() -> None:
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (ROBOT[:9], ROBOT[9:]))
    with raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n") as seen:
        WecomRobot("duty", seen.url).send(TESTING)


# ---- the time of an answer is a time in total


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience than real channels have. A drip goes on for a minute."""
    monkeypatch.setattr(http, "TIMEOUT_S", 1)
    monkeypatch.setattr(http, "REST_S", 0.3, raising=False)
    monkeypatch.setattr(mail, "TIMEOUT_S", 1)
    monkeypatch.setattr(mail, "WHOLE_S", 1, raising=False)
    monkeypatch.setattr(syslog, "TIMEOUT_S", 1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("answer", "drip"),
    [(b"", b"HTTP/1.1 " + b"0" * 600), (HEAD, DRIP), (HEAD + b"\r\n", ROBOT[:-1] + b" " * 600)],
)
def test_a_robot_that_drips_its_answer_is_away(answer: bytes, drip: bytes) -> None:
    with raw(answer, drip) as seen:
        began = time.monotonic()
        with pytest.raises(Away, match="no answer within 1 s") as raised:
            WecomRobot("duty", seen.url).send(TESTING)
        assert time.monotonic() - began < 5
    assert raised.value.zh == "1 秒内没有答复完"


@pytest.mark.usefixtures("hasty")
def test_a_webhook_that_drips_holds_nothing_up() -> None:
    began = time.monotonic()
    with (
        raw(b"", b"HTTP/1.1 " + b"0" * 600) as seen,
        pytest.raises(Away, match="no answer within 1 s"),
    ):
        Webhook("soc", seen.url).send(TESTING)
    for answer in (HEAD, HEAD + b"\r\n"):  # its status has confirmed
        with raw(answer, DRIP) as seen:
            Webhook("soc", seen.url).send(TESTING)
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("where", ["greeting_drip", "data_drip"])
def test_a_mail_server_that_drips_is_away(where: str) -> None:
    drips: dict[str, Any] = {where: b"2" * 600}
    with mail_server(**drips) as (url, _):
        began = time.monotonic()
        with pytest.raises(Away, match="no answer within 1 s"):
            mailer(url).send(TESTING)
        assert time.monotonic() - began < 5


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("at_once", [False, True])
def test_over_tls_the_time_is_a_time_in_total_too(tmp_path: Path, at_once: bool) -> None:
    trusted, tls = receivers.certificate(tmp_path)
    release = threading.Event()
    with receivers.http(tls) as seen:
        seen.before = lambda: release.wait(30)
        began = time.monotonic()
        hook = Webhook("soc", seen.url, ca_certs=str(trusted))
        with pytest.raises(Away, match="no answer"):
            hook.send(TESTING)
        assert time.monotonic() - began < 5
        seen.before = None
        release.set()
        hook.send(TESTING)  # a new connection
    with receivers.smtp(tls, at_once=at_once) as mails:
        Mail("mail", mails.url, "a@example.com", ("b@example.com",), ca_certs=str(trusted)).send(
            TESTING
        )


@pytest.mark.usefixtures("hasty")
def test_a_syslog_receiver_that_reads_by_the_byte_is_away() -> None:
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def serve() -> None:
        with suppress(OSError):
            one = server.accept()[0]
            while not over.wait(0.1):
                one.recv(512)

    threading.Thread(target=serve, daemon=True).start()
    told = Message("1" * 32, ALERT, "demo", alerts(*range(20), summary="x" * 900) * 500)
    began = time.monotonic()
    with pytest.raises(Away, match="not taken within 1 s"):
        Syslog("siem", f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}").send(told)
    assert time.monotonic() - began < 20
    over.set()
    server.close()


# ---- the deliverer ends, and says who is waited for


def settings_in(folder: Path, url: str) -> Settings:
    return Settings(
        profile="embedded", tenant="demo", data_dir=str(folder / "var"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=(),
        channels=(Channel(kind="wecom_robot", name="duty", url=url),),
    )  # fmt: skip


def until(done: Any) -> None:
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    assert done()


@pytest.mark.usefixtures("hasty")
def test_a_channel_that_drips_is_shown_as_waited_for(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1)])
    stop, seen_states = threading.Event(), list[tuple[str, str]]()

    def look(states: Sequence[Any]) -> None:
        seen_states.append((states[0].state, states[0].why))
        if states[0].state == "waiting" or len(seen_states) > 40:
            stop.set()

    with raw(HEAD, DRIP) as seen:
        deliver.run(settings_in(tmp_path, seen.url), once=False, stop=stop, on_progress=look)
    assert any(one == ("waiting", "no answer within 1 s") for one in seen_states)


def test_a_target_that_does_not_let_go_keeps_nobody_from_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_END_S", 0.5, raising=False)
    write_part(tmp_path / "outputs", [alert(1)])
    stop = threading.Event()
    with raw(b"", hold=True) as seen:

        def ask() -> None:
            until(lambda: seen.came)
            stop.set()

        threading.Thread(target=ask, daemon=True).start()
        began = time.monotonic()
        report = deliver.run(settings_in(tmp_path, seen.url), once=False, stop=stop)
        assert time.monotonic() - began < 8
    assert [state.state for state in report.targets] == ["stopped"]


def test_the_process_ends_in_seconds_when_asked_to_while_a_receiver_drips(tmp_path: Path) -> None:
    write_part(tmp_path / "outputs", [alert(1)])
    with raw(HEAD, DRIP) as seen:
        command = [
            sys.executable, "-m", "jobs.cli.main", "deliver", "--follow",
            "--set", f"data_dir={tmp_path}/var",
            "--set", f"outputs={{kind: files, path: {tmp_path}/outputs}}",
            "--set", "targets=[]",
            "--set", f"channels=[{{kind: wecom_robot, name: duty, url: '{seen.url}'}}]",
        ]  # fmt: skip
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: seen.came)
            running.send_signal(signal.SIGTERM)
            assert running.wait(14) >= 0, "it ended by itself"
        finally:
            running.kill()


# ---- what a receiver says is shown as one safe line, without our secrets

HOSTILE = f"no\x1b]0;pwned\x07\x1b[31m\nred \u202e line of {KEY} and {KEY.upper()} " + "x" * 5_000


def answer(code: int) -> bytes:
    return json.dumps({"errcode": code, "errmsg": HOSTILE}).encode()


@pytest.mark.parametrize(("code", "error"), [(-1, Away), (40058, Refused), (93000, Away)])
def test_what_a_robot_says_is_one_safe_line_without_its_key(
    code: int, error: type[Exception]
) -> None:
    with receivers.http() as seen:
        seen.default = answer(code)
        with pytest.raises(error) as raised:
            WecomRobot("duty", f"{seen.url}?key={KEY}").send(TESTING)
    for said in (str(raised.value), getattr(raised.value, "zh", "")):
        assert said.isprintable()
        assert KEY not in said.lower()
        assert len(said) < 160
    assert f"errcode {code} no ]0;pwned [31m red line of *** and ***" in str(raised.value)


def commands(*words: str) -> Any:
    app = typer.Typer()
    alert_commands.register(app)
    deliver_command.register(app)
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_terminal_obeys_what_a_robot_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", language)
    write_part(tmp_path / "outputs", [alert(1)])
    with receivers.http() as seen:
        seen.default = answer(-1)
        monkeypatch.setenv("MINGJIAN_DUTY_URL", f"{seen.url}?key={KEY}")
        channel = "channels=[{kind: wecom_robot, name: duty}]"
        for words in (["alerts", "send-test"], ["alerts", "send-test", "--output", "json"]):
            shown = commands(*words, "--set", channel)
            assert shown.exit_code == 1, shown.output
            assert "pwned" in shown.stdout
            assert "\x1b" not in shown.output
            assert KEY not in shown.output.lower()
        monkeypatch.setattr(deliver, "run", _short_of_patience(deliver.run))
        shown = commands(
            "deliver", "--once", "--set", channel, "--set", "targets=[]",
            "--set", f"data_dir={tmp_path}/var",
            "--set", f"outputs={{kind: files, path: {tmp_path}/outputs}}",
        )  # fmt: skip
        assert "errcode -1 no" in shown.output
        assert not {"\x1b", "\x07"} & set(shown.output)
        assert KEY not in shown.output.lower()


def _short_of_patience(run: Any) -> Any:
    return lambda *given, **options: run(*given, **options, patience_s=1.0)


# ---- a title is a quotation like a line


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_title_makes_no_link(language: str) -> None:
    items = alerts(1, actor="https://evil.example/<@all>")
    items += alerts(2, actor="https://evil.example/<@all>", rule=rule("other"))
    told = Message("1" * 32, ALERT, "demo", items, language=language)
    assert "https：//evil.example/<@all>" in title(told)
    with receivers.http() as seen:
        seen.default = ROBOT
        WecomRobot("duty", seen.url).send(told)
    content = json.loads(seen.got[0][1])["markdown"]["content"]
    assert "://" not in content
    assert "<@" not in content
