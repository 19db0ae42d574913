"""Alerts reach people: over real sockets, once, by the policy, and a channel that is away loses
none."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.channels import Channel
from config.settings import Outputs, Settings, Source, load
from jobs import deliver
from rules.alert import FINAL, RETRACTED, SPECULATIVE
from rules.errors import MingjianError
from sinks.base import SinkBusy
from sinks.channels.http import ROBOT_BYTES, Webhook, WecomRobot
from sinks.channels.mail import Mail
from sinks.channels.message import ALERT, RETRACTION, TEST, Message, Refused, message_of
from sinks.channels.policy import Policy
from sinks.channels.sink import ChannelSink
from sinks.channels.syslog import Syslog
from tests.support import receivers
from tests.support.records import alert, evidence, rule, write_part


def bodies(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    return [json.loads(alert(number, **changes).body) for number in numbers]


def message(*numbers: int, kind: str = ALERT, language: str = "zh", **changes: Any) -> Message:
    return message_of(kind, "demo", bodies(*numbers, **changes), language)


TESTING = message_of(TEST, "demo", (), "en")


# ---- webhook


def test_a_webhook_gets_signed_json() -> None:
    with receivers.http() as seen:
        Webhook("soc", seen.url, "s3cret", now=lambda: 1_772_600_000.5).send(message(1, 2))
    ((headers, body),) = seen.got
    told = json.loads(body)
    assert [one["alert_id"] for one in told["alerts"]] == [alert(1).id, alert(2).id]
    assert (told["kind"], told["tenant"], told["response"]) == ("alert", "demo", 2)
    assert headers["X-Mingjian-Id"] == told["id"] == message(1, 2).id != message(1).id
    assert headers["X-Mingjian-Timestamp"] == "1772600000"
    whole = hmac.new(b"s3cret", b"1772600000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Mingjian-Signature"] == f"v1={whole}"


def test_without_a_secret_there_is_no_signature() -> None:
    with receivers.http() as seen:
        Webhook("soc", seen.url).send(TESTING)
    assert "X-Mingjian-Signature" not in seen.got[0][0]


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [(429, {"Retry-After": "7"}, 7.0), (500, {}, 1.0), (503, {"Retry-After": "soon"}, 1.0),
     (401, {}, 1.0), (404, {}, 1.0), (302, {"Location": "http://127.0.0.1:1/"}, 1.0)],
)  # fmt: skip
def test_what_may_pass_is_waited_for(status: int, headers: dict[str, str], wait: float) -> None:
    with receivers.http() as seen:
        seen.answers = [(status, b"secret words", headers)]
        with pytest.raises(SinkBusy) as raised:
            Webhook("soc", seen.url + "?key=topsecret").send(message(1))
        assert raised.value.retry_after == wait
        assert raised.value.why == f"HTTP {status}"
        assert len(seen.got) == 1  # a redirect is not followed


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_message_that_will_never_be_taken_is_refused(status: int) -> None:
    with receivers.http() as seen:
        seen.answers = [(status, b"", {})]
        with pytest.raises(Refused, match=f"HTTP {status}"):
            Webhook("soc", seen.url).send(message(1))


def test_nobody_there_says_no_address() -> None:
    with receivers.http() as seen:
        url = seen.url
    with pytest.raises(SinkBusy) as raised:
        Webhook("soc", url + "?key=topsecret").send(message(1))
    assert "topsecret" not in str(raised.value)
    assert raised.value.__cause__ is None


# ---- robot


def test_a_robot_gets_markdown_that_fits() -> None:
    with receivers.http() as seen:
        seen.default = b'{"errcode": 0, "errmsg": "ok"}'
        robot = WecomRobot("group", seen.url)
        robot.send(message(1))
        robot.send(message(*range(50), summary="员工对客户承诺保本" * 20))
        robot.send(TESTING)
    one, many, test = (json.loads(body)["markdown"]["content"] for _, body in seen.got)
    assert one.startswith("**明鉴 告警：")
    assert alert(1).id[:12] in one
    assert len(many.encode()) <= ROBOT_BYTES
    assert "×50" in many
    assert "还有" in many.splitlines()[-1]
    assert "the channel works" in test


@pytest.mark.parametrize(("code", "wait"), [(45009, 60.0), (93000, 1.0)])
def test_what_a_robot_answers_with_200_is_read(code: int, wait: float) -> None:
    with receivers.http() as seen:
        seen.default = json.dumps({"errcode": code, "errmsg": "no"}).encode()
        with pytest.raises(SinkBusy, match=f"errcode {code}") as raised:
            WecomRobot("group", seen.url).send(message(1))
        assert raised.value.retry_after == wait


# ---- mail


def test_a_mail_says_it_in_subject_and_text() -> None:
    with receivers.smtp() as seen:
        mail = Mail("mail", seen.url, "mingjian@example.com", ("soc@example.com", "b@example.com"))
        mail.send(message(1, language="en"))
    (text,) = seen.mails
    head, _, body = text.partition("\r\n\r\n")
    assert "To: soc@example.com, b@example.com" in head
    assert f"Message-ID: <{message(1).id}@mingjian>" in head
    assert "Subject: " in head
    assert body.strip()


@pytest.mark.parametrize(("answer", "error"), [("451 later", SinkBusy), ("554 never", Refused)])
def test_a_mail_server_that_will_not(answer: str, error: type[Exception]) -> None:
    with receivers.smtp() as seen:
        seen.refuse = answer
        with pytest.raises(error, match=f"SMTP {answer[:3]}"):
            Mail("mail", seen.url, "a@example.com", ("b@example.com",)).send(message(1))


def test_no_mail_server_is_waited_for() -> None:
    with receivers.smtp() as seen:
        url = seen.url
    with pytest.raises(SinkBusy, match="no answer"):
        Mail("mail", url, "a@example.com", ("b@example.com",)).send(message(1))


# ---- syslog


def test_syslog_gets_one_line_of_cef_an_alert() -> None:
    odd = rule(title="承诺|保本\\本金")
    with receivers.datagrams() as (url, receiver):
        syslog = Syslog("siem", url)
        syslog.send(message(1, 2, rule=odd, summary="a=b\nc\\d"))
        lines = [receiver.recv(65_536).decode() for _ in range(2)]
        syslog.close()
    assert lines[0].startswith("<108>1 20")
    assert "T" in lines[0].split()[1]
    assert "|承诺" not in lines[0]
    assert "承诺\\|保本\\\\本金|7|" in lines[0]
    assert r"msg=a\=b\nc\\d" in lines[0]
    assert [f"externalId={alert(n).id}" in line for n, line in zip((1, 2), lines, strict=True)]


def test_over_a_connection_each_line_has_its_length() -> None:
    with receivers.stream() as (url, came):
        syslog = Syslog("siem", url)
        syslog.send(message(1))
        syslog.send(TESTING)
        syslog.close()
        until(lambda: len(came) == 2)
    assert b"CEF:0|Mingjian|mingjian|" in came[0]
    assert came[1].endswith(b"msg=If you read this, the channel works.")


def until(done: Any) -> None:
    end = time.monotonic() + 10
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    assert done()


# ---- outbox and policy


class Heard:
    """A sender that writes down; `answers` are raised first."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[str]]] = []
        self.answers: list[Exception] = []

    def send(self, told: Message) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.heard.append((told.kind, [one["alert_id"] for one in told.alerts]))

    def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 1_772_600_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sink(folder: Path, heard: Heard, clock: Clock, **policy: Any) -> ChannelSink:
    found = ChannelSink("soc", heard, Policy(**policy), folder / "soc.db", now=clock)
    found.open()
    return found


def test_an_alert_is_told_once_however_often_it_comes(tmp_path, heard, clock) -> None:
    first = sink(tmp_path, heard, clock)
    assert first.write([alert(1), evidence(1)]).written == 1
    assert first.write([alert(1)]).duplicates == 1
    first.close()
    again = sink(tmp_path, heard, clock)  # the deliverer was started anew
    clock.now += 3_600
    assert again.write([alert(1)]).duplicates == 1
    assert heard.heard == [("alert", [alert(1).id])]


def test_what_comes_between_is_one_message_at_the_next_tick(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=60)
    channel.write([alert(1)])
    channel.write([alert(2)])
    channel.write([alert(3)])
    channel.tick()
    assert len(heard.heard) == 1
    clock.now += 61
    channel.tick()
    assert heard.heard[1:] == [("alert", [alert(2).id, alert(3).id])]


def test_a_channel_that_is_away_gets_it_later(tmp_path, heard, clock) -> None:
    heard.answers = [SinkBusy("soc", "HTTP 503")]
    channel = sink(tmp_path, heard, clock)
    with pytest.raises(SinkBusy):
        channel.write([alert(1)])
    channel.close()  # killed: the position was not remembered, so it comes once more
    channel = sink(tmp_path, heard, clock)
    channel.write([alert(1)])
    assert heard.heard == [("alert", [alert(1).id])]


def test_what_a_channel_refuses_is_set_aside_and_blocks_nothing(tmp_path, heard, clock) -> None:
    heard.answers = [Refused("HTTP 413")]
    channel = sink(tmp_path, heard, clock, group_s=0)
    (refused,) = channel.write([alert(1)]).rejected
    assert (refused.record.id, refused.reason) == (alert(1).id, "HTTP 413")
    channel.write([alert(2)])
    assert heard.heard == [("alert", [alert(2).id])]


def test_only_alerts_of_the_asked_response_are_told(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, min_response=3)
    channel.write([alert(1, rule=rule(response=2)), alert(2, rule=rule(response=3))])
    assert heard.heard == [("alert", [alert(2).id])]


def test_what_was_told_ahead_is_told_once_and_taken_back(tmp_path, heard, clock) -> None:
    channel = sink(tmp_path, heard, clock, group_s=0)
    for status in (SPECULATIVE, FINAL, SPECULATIVE):
        channel.write([alert(1, status=status)])
    channel.write([alert(1, status=RETRACTED), alert(2, status=RETRACTED)])
    channel.write([alert(2, status=SPECULATIVE)])  # comes after its end: a repeat
    assert heard.heard == [("alert", [alert(1).id]), ("retraction", [alert(1).id])]
    assert message(1, kind=RETRACTION).title().startswith("明鉴 撤销")


# ---- the whole way


def settings_in(folder: Path, *channels: Channel) -> Settings:
    return Settings(
        profile="embedded",
        tenant="demo",
        data_dir=str(folder / "var"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=(),
        channels=channels,
    )


def test_the_deliverer_tells_a_webhook_what_the_job_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_SOC_SECRET", "s3cret")
    write_part(tmp_path / "outputs", [alert(1), evidence(1), alert(2)])
    with receivers.http() as seen:
        settings = settings_in(tmp_path, Channel(kind="webhook", name="soc", url=seen.url))
        (done,) = deliver.run(settings, once=True).targets
        assert (done.target, done.state, done.written) == ("soc", "done", 2)
        deliver.run(settings, once=True)
    ((headers, body),) = seen.got
    assert len(json.loads(body)["alerts"]) == 2
    assert headers["X-Mingjian-Signature"].startswith("v1=")


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("{kind: fax, name: a, url: 'https://x'}", "channels[0].kind"),
        ("{kind: webhook, name: a, url: 'ftp://x'}", "channels[0].url"),
        ("{kind: webhook, name: 'a b', url: 'https://x'}", "channels[0].name"),
        ("{kind: wecom_robot, name: a, url: 'https://x', per_minute: 21}", "WeCom takes no more"),
        ("{kind: webhook, name: a, url: 'https://x', quiet: '25:00-7'}", "22:00-07:00"),
        ("{kind: mail, name: a, url: 'smtp://x', sender: me, to: [b@c]}", "channels[0].sender"),
        ("{kind: mail, name: a, url: 'smtp://x', sender: a@b, to: []}", "channels[0].to"),
        ("{kind: webhook, name: sqlite, url: 'https://x'}", "no other target"),
    ],
)
def test_a_channel_that_could_tell_nobody_is_refused(channel: str, says: str) -> None:
    with pytest.raises(MingjianError) as raised:
        load("embedded", overrides=(f"channels=[{channel}]",))
    assert says in f"{raised.value.en} {raised.value.fix_en}"


def test_the_address_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_NIGHT_SHIFT_URL", "https://example.com/hook?key=1")
    (channel,) = load(
        "embedded", overrides=("channels=[{kind: wecom_robot, name: night-shift}]",)
    ).channels
    assert channel.address() == "https://example.com/hook?key=1"
    assert "key=1" not in msgspec.json.encode(channel).decode()
