"""Each kind of channel over real sockets: what arrives, and what an answer means."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rules.alert import Alert
from rules.operations import RESOLVED as ENDED
from rules.operations import Incident, incident
from sinks.channels.http import ROBOT_BYTES, Webhook, WecomRobot
from sinks.channels.mail import Mail
from sinks.channels.message import (
    ALERT,
    INCIDENT,
    RESOLVED,
    RETRACTION,
    Away,
    Message,
    Refused,
    trial,
)
from sinks.channels.syslog import Syslog
from sinks.channels.wording import lines, title
from tests.support import receivers
from tests.support.records import T0, alert, rule

TESTING = trial("demo", "en", "Asia/Shanghai", 1)
OK = b'{"errcode": 0, "errmsg": "ok"}'


def alerts(*numbers: int, **changes: Any) -> tuple[Alert, ...]:
    return tuple(
        msgspec.json.decode(alert(number, **changes).body, type=Alert) for number in numbers
    )


def message(*numbers: int, kind: str = ALERT, language: str = "zh", **changes: Any) -> Message:
    items = alerts(*numbers, **changes)
    return Message("1d" * 16, kind, "demo", items, language=language)


def gap(**changes: Any) -> Incident:
    found = incident(
        "sequence_gap", tenant="demo", source="archive", key="7", time=T0, detail="7 to 9", count=3
    )
    return msgspec.structs.replace(found, **changes)


def mail(url: str, **options: Any) -> Mail:
    return Mail(
        "mail", url, "mingjian@example.com", ("soc@example.com", "b@example.com"), **options
    )


# ---- what people read


@pytest.mark.parametrize(
    ("told", "zh", "en"),
    [
        (message(1), "明鉴【实时告警】A07-01 承诺保本", "Mingjian [alert] A07-01 承诺保本"),
        (
            message(1, 2, rule=rule(response=3)),
            "明鉴【紧急】A07-01 承诺保本 ×2",
            "Mingjian [EMERGENCY] A07-01 承诺保本 ×2",
        ),
        (
            message(1, kind=RETRACTION),
            "明鉴【告警撤回】A07-01 承诺保本",
            "Mingjian [taken back] A07-01 承诺保本",
        ),
        (
            message(1)._replace(items=alerts(1) + alerts(2, rule=rule("other")), more=5),
            "明鉴【实时告警】zhangsan：2 条规则的告警 ×7",
            "Mingjian [alert] zhangsan: alerts of 2 rules ×7",
        ),
        (
            Message("1", INCIDENT, "demo", (gap(),)),
            "明鉴【事件·严重】存档序号不连续：有消息始终没有到达",
            "Mingjian [CRITICAL incident] numbers are missing in the archive's sequence: messages"
            " never arrived",
        ),
        (
            Message("1", RESOLVED, "demo", (gap(status=ENDED),)),
            "明鉴【事件·已结束】存档序号不连续：有消息始终没有到达",
            "Mingjian [incident over] numbers are missing in the archive's sequence: messages"
            " never arrived",
        ),
        (TESTING, "明鉴【测试】测试消息", "Mingjian [test] a test message"),
    ],
)
def test_a_title_says_how_grave_what_and_how_many(told: Message, zh: str, en: str) -> None:
    assert title(told._replace(language="zh")) == zh
    assert title(told._replace(language="en")) == en


def test_a_line_says_when_which_and_what() -> None:
    assert lines(message(1)) == [
        f"2026-09-21 22:13:21 {alert(1).id[:12]} 张三 向客户 wm1 承诺「保本」"
    ]
    assert lines(Message("1", INCIDENT, "demo", (gap(),))) == [
        f"2026-09-21 22:13:20 {gap().incident_id[:12]} archive 7 to 9（3 条消息）"
    ]
    ahead = message(1, status="speculative", response_state="enforced", language="en")
    assert lines(ahead)[0].endswith(" (blocked before it was sent; not settled yet)")
    back = message(1, status="retracted", retraction="undone", replaced_by="ab" * 16)
    assert lines(back)[0].endswith("（后到的消息表明条件并不成立；见 abababababab）")


@pytest.mark.parametrize("response", [0, 1, 2, 3])
def test_no_title_claims_a_block_that_did_not_happen(response: int) -> None:
    for language in ("zh", "en"):
        told = message(1, language=language, rule=rule(response=response))
        text = title(told) + lines(told)[0]
        assert not re.search("拦截|block", text)


def test_what_a_message_quotes_is_one_line_without_links_and_hidden_characters() -> None:
    (line,) = lines(message(1, summary="看\n\x1b[31m这里\u202e https://evil.example/x"))
    assert line.endswith("看 ［31m这里 https：//evil.example/x".replace("［", "["))
    assert len(lines(message(1, summary="长" * 5000))[0]) == 300
    assert len(title(message(1, rule=rule(title="长\r\nTo: all" * 100)))) < 150
    assert "\n" not in title(message(1, rule=rule(title="a\r\nTo: all")))


# ---- webhook


def test_a_webhook_gets_signed_json() -> None:
    with receivers.http() as seen:
        hook = Webhook("soc", seen.url, "s3cret", token="t0ken", now=lambda: 1_772_600_000.5)
        hook.send(message(1, 2))
    ((headers, body),) = seen.got
    told = json.loads(body)
    assert [one["alert_id"] for one in told["alerts"]] == [alert(1).id, alert(2).id]
    assert told["alerts"][0] == json.loads(alert(1).body)
    assert (told["kind"], told["tenant"], told["response"]) == ("alert", "demo", 2)
    assert headers["X-Mingjian-Id"] == told["id"] == "1d" * 16
    assert headers["X-Mingjian-Timestamp"] == "1772600000"
    whole = hmac.new(b"s3cret", b"1772600000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Mingjian-Signature"] == f"v1={whole}"
    assert headers["Authorization"] == "Bearer t0ken"


def test_a_webhook_gets_incidents() -> None:
    with receivers.http() as seen:
        Webhook("soc", seen.url).send(Message("1", INCIDENT, "demo", (gap(),)))
    told = json.loads(seen.got[0][1])
    assert (told["kind"], told["alerts"], told["response"]) == ("incident", [], 3)
    assert told["incidents"] == [json.loads(msgspec.json.encode(gap()))]


def test_without_a_secret_there_is_no_signature() -> None:
    with receivers.http() as seen:
        Webhook("soc", seen.url).send(TESTING)
    assert not {"X-Mingjian-Signature", "Authorization"} & set(seen.got[0][0])


@pytest.mark.parametrize("page", ["docs/channels.md", "docs/channels.zh-CN.md"])
def test_the_documented_check_takes_what_was_signed_and_nothing_else(page: str) -> None:
    text = (Path(__file__).resolve().parents[2] / page).read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - our own page
    verify = found["verify"]
    with receivers.http() as seen:
        Webhook("soc", seen.url, "s3cret").send(message(1))
    ((headers, body),) = seen.got
    assert verify(b"s3cret", headers, body)
    assert not verify(b"other", headers, body)
    assert not verify(b"s3cret", headers, body + b" ")
    assert not verify(b"s3cret", {**headers, "X-Mingjian-Timestamp": "1"}, body)
    assert not verify(b"s3cret", {}, body)
    with receivers.http() as seen:
        Webhook("soc", seen.url, "s3cret", now=lambda: time.time() - 3600).send(message(1))
    assert not verify(b"s3cret", *seen.got[0]), "an old one, played again"


@pytest.mark.parametrize(
    ("status", "headers", "wait", "says"),
    [
        (429, {"Retry-After": "7"}, 7.0, "HTTP 429"),
        (500, {}, 0.0, "HTTP 500"),
        (503, {"Retry-After": "soon"}, 0.0, "HTTP 503"),
        (401, {}, 0.0, "HTTP 401; check the secret or token"),
        (404, {}, 0.0, "HTTP 404; check the address"),
        (302, {"Location": "http://127.0.0.1:1/"}, 0.0, "HTTP 302; it redirects; give the final"),
    ],
)
def test_what_may_pass_is_waited_for(
    status: int, headers: dict[str, str], wait: float, says: str
) -> None:
    with receivers.http() as seen:
        seen.answers = [(status, b"secret words", headers)]
        with pytest.raises(Away) as raised:
            Webhook("soc", seen.url + "?key=topsecret").send(message(1))
        assert raised.value.retry_after == wait
        assert raised.value.why.startswith(says)
        assert raised.value.zh.startswith(f"HTTP {status}")
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
    with pytest.raises(Away) as raised:
        Webhook("soc", url + "?key=topsecret").send(message(1))
    assert "topsecret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "sender",
    [
        Webhook("soc", "http://a..b/"),
        mail("smtp://a..b:25"),
        Syslog("soc", "syslog+tcp://a..b:514"),
        Syslog("soc", "syslog://a..b:514"),
    ],
)
def test_a_name_that_no_host_can_have_is_no_crash(sender: Any) -> None:
    with pytest.raises(Away, match=r"no answer|no connection"):
        sender.send(TESTING)


def test_a_token_may_hold_any_letter() -> None:
    with receivers.http() as seen:
        Webhook("soc", seen.url, token="钥匙").send(TESTING)
    assert "钥匙".encode() in seen.got[0][0]["Authorization"].encode("latin-1")


def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    trusted, tls = receivers.certificate(tmp_path)
    with receivers.http(tls) as seen:
        with pytest.raises(Away, match="its certificate is not trusted; see ca_certs"):
            Webhook("soc", seen.url).send(TESTING)
        Webhook("soc", seen.url, ca_certs=str(trusted)).send(TESTING)
    assert len(seen.got) == 1


# ---- robot


def robot_says(seen: receivers.Http) -> list[str]:
    return [json.loads(body)["markdown"]["content"] for _, body in seen.got]


def test_a_robot_gets_markdown_that_fits_and_says_what_is_left_out() -> None:
    with receivers.http() as seen:
        seen.default = OK
        robot = WecomRobot("group", seen.url)
        robot.send(message(1))
        long = message(*range(50), summary="员工对客户承诺保本" * 20)
        robot.send(long._replace(more=1_000))
        robot.send(TESTING)
    one, many, test = robot_says(seen)
    assert one.splitlines() == [
        "**明鉴【实时告警】A07-01 承诺保本**",
        f"> {lines(message(1))[0]}",
        f"查看：mingjian alerts show {alert(1).id[:12]}",
    ]
    assert ROBOT_BYTES - 700 < len(many.encode()) <= ROBOT_BYTES
    assert many.startswith("**明鉴【实时告警】A07-01 承诺保本 ×1,050**")
    shown = sum(line.startswith("> ") for line in many.splitlines())
    assert f"……另有 {1_050 - shown:,} 条未列出" in many.splitlines()
    assert "the channel works" in test


def test_a_robot_calls_people_for_what_is_grave() -> None:
    with receivers.http() as seen:
        seen.default = OK
        robot = WecomRobot("group", seen.url, mention=("lisi", "wangwu"), mention_response=3)
        robot.send(message(1))
        robot.send(message(1, rule=rule(response=3)))
        robot.send(TESTING)
    first, second, third = robot_says(seen)
    assert second.splitlines()[-1] == "<@lisi> <@wangwu>"
    assert "<@" not in first + third


def test_what_a_robot_quotes_has_no_marks_of_its_own() -> None:
    with receivers.http() as seen:
        seen.default = OK
        WecomRobot("group", seen.url).send(
            message(1, summary="<@all> [点我](https://evil.example) ja**** `x` # y")
        )
    (text,) = robot_says(seen)
    assert "＜@all> ［点我］(https：//evil.example) ja＊＊＊＊ ＇x＇ ＃ y" in text


@pytest.mark.parametrize(("code", "wait"), [(45009, 60.0), (93000, 0.0), (-1, 0.0)])
def test_what_a_robot_answers_with_200_is_read(code: int, wait: float) -> None:
    with receivers.http() as seen:
        said = "no, hint: [12], from ip: 192.0.2.7, more info at https://example.com"
        seen.default = json.dumps({"errcode": code, "errmsg": said}).encode()
        with pytest.raises(Away, match=f"errcode {code} no") as raised:
            WecomRobot("group", seen.url).send(message(1))
        assert raised.value.retry_after == wait
        assert "192.0.2.7" not in raised.value.why


def test_a_message_that_no_robot_takes_is_refused() -> None:
    with receivers.http() as seen:
        seen.default = b'{"errcode": 40058, "errmsg": "markdown.content exceed max length"}'
        with pytest.raises(Refused, match="errcode 40058"):
            WecomRobot("group", seen.url).send(message(1))


@pytest.mark.parametrize("answer", [b"<html>log in</html>", b"[]", b"{}", b"\xff", b""])
def test_what_does_not_answer_like_a_robot_has_not_taken_it(answer: bytes) -> None:
    with receivers.http() as seen:
        seen.default = answer
        with pytest.raises(Away, match="something else than a robot"):
            WecomRobot("group", seen.url).send(message(1))


# ---- mail


def test_a_mail_says_it_in_subject_and_text() -> None:
    with receivers.smtp() as seen:
        mail(seen.url).send(message(1, 2)._replace(more=3))
    found = email.message_from_bytes(seen.mails[0], policy=email.policy.default)
    assert found["Subject"] == "明鉴【实时告警】A07-01 承诺保本 ×5"
    assert found["To"] == "soc@example.com, b@example.com"
    assert found["Message-ID"] == f"<{'1d' * 16}@mingjian>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found.get_content().splitlines() == [
        "明鉴【实时告警】A07-01 承诺保本 ×5",
        "",
        *lines(message(1, 2)),
        "……另有 3 条未列出",
        "",
        "查看：mingjian alerts list",
        "时间均为 Asia/Shanghai",
    ]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_mail_goes_over_tls_and_logs_in_there(tmp_path: Path, at_once: bool) -> None:
    trusted, tls = receivers.certificate(tmp_path)
    with receivers.smtp(tls, at_once=at_once) as seen:
        with pytest.raises(Away, match="its certificate is not trusted"):
            mail(seen.url).send(TESTING)
        login = {"username": "mj", "password": "p4ss"}
        mail(seen.url, ca_certs=str(trusted), **login).send(TESTING)
    assert seen.logins == ["\0mj\0p4ss"]
    assert len(seen.mails) == 1


@pytest.mark.parametrize(("answer", "error"), [("451 later", Away), ("554 never", Refused)])
def test_a_mail_server_that_will_not(answer: str, error: type[Exception]) -> None:
    with receivers.smtp() as seen:
        seen.refuse = answer
        with pytest.raises(error, match=f"SMTP {answer[:3]}"):
            mail(seen.url).send(message(1))


def test_a_recipient_who_is_unknown_keeps_no_other_from_his_mail() -> None:
    with receivers.smtp() as seen:
        seen.unknown = (b"b@example.com",)
        mail(seen.url).send(message(1))
        assert len(seen.mails) == 1
        seen.unknown = (b"b@example.com", b"soc@example.com")
        with pytest.raises(Away, match="no recipient was taken: SMTP 550"):
            mail(seen.url).send(message(1))


def test_no_mail_server_is_waited_for() -> None:
    with receivers.smtp() as seen:
        url = seen.url
    with pytest.raises(Away, match="no answer"):
        mail(url).send(message(1))


# ---- syslog


def test_syslog_gets_one_line_of_cef_an_alert() -> None:
    odd = rule(title="承诺|保本\\本金")
    with receivers.datagrams() as (url, receiver):
        syslog = Syslog("siem", url)
        syslog.send(message(1, 2, rule=odd, summary="a=b\nc\\d"))
        rows = [receiver.recv(65_536).decode() for _ in range(2)]
    assert re.match(r"<108>1 2026-09-21T14:13:21\.000Z \S+ mingjian - alert - CEF:0\|", rows[0])
    assert "A07-01 承诺\\|保本\\\\本金|7|" in rows[0]
    assert rows[0].endswith(r"msg=a\=b\nc\\d")
    assert [f"externalId={alert(n).id}" in row for n, row in zip((1, 2), rows, strict=True)]
    fields = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", rows[0].split("|7|")[1]))
    assert fields["end"] == str(T0 + 1000)
    assert (fields["suser"], fields["duser"], fields["act"]) == ("zhangsan", "wm1", "post_hoc")
    assert (fields["cs1Label"], fields["cs1"]) == ("tenant", "demo")


def test_syslog_tells_of_retractions_and_incidents() -> None:
    with receivers.datagrams() as (url, receiver):
        syslog = Syslog("siem", url)
        syslog.send(message(1, kind=RETRACTION, status="retracted", retraction="undone"))
        syslog.send(Message("1", INCIDENT, "demo", (gap(),)))
        back, broken = (receiver.recv(65_536).decode() for _ in range(2))
    assert back.startswith("<110>1 ")
    assert "cat=retraction" in back
    assert "outcome=retracted reason=undone" in back
    assert broken.startswith("<106>1 ")
    assert "|sequence_gap|" in broken
    assert "cs2=archive msg=7 to 9" in broken


def test_a_line_of_syslog_stays_a_line_of_bounded_length_whatever_it_holds() -> None:
    with receivers.datagrams() as (url, receiver):
        Syslog("siem", url).send(
            message(1, summary="\\=\n\x00\u2028" * 9_000, actor="员" * 9_000, room="r" * 9_000,
                    conversation="", counterparties=("c" * 99,) * 99)
        )  # fmt: skip
        row = receiver.recv(65_536)
    assert len(row) < 8192
    assert not re.search(r"[\x00-\x1f\u2028]", row.decode())


def test_over_a_connection_each_line_has_its_length() -> None:
    with receivers.stream() as (url, came):
        syslog = Syslog("siem", url, now=lambda: T0 / 1000)
        syslog.send(message(1, 2))
        syslog.send(TESTING)
        until(lambda: len(came) == 3)
    assert b"CEF:0|Mingjian|mingjian|" in came[0]
    assert came[2].startswith(b"<110>1 2026-09-21T14:13:20.000Z ")
    assert came[2].endswith(b"msg=If you read this, the channel works. No alert was found.")


def test_syslog_over_tls(tmp_path: Path) -> None:
    trusted, tls = receivers.certificate(tmp_path)
    with receivers.stream(tls) as (url, came):
        with pytest.raises(Away, match="TLS failed; see ca_certs"):
            Syslog("siem", url).send(message(1))
        Syslog("siem", url, ca_certs=str(trusted)).send(message(1))
        until(lambda: len(came) == 1)
    assert b"CEF:0|" in came[0]


def test_a_receiver_that_breaks_off_has_not_taken_it() -> None:
    with receivers.stream(breaks_off=True) as (url, _), pytest.raises(Away, match="no connection"):
        Syslog("siem", url).send(message(1))


def until(done: Any) -> None:
    end = time.monotonic() + 10
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    assert done()
