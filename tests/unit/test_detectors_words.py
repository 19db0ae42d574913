"""Credentials and WeChat ids: what is one, and what only talks about one."""

from __future__ import annotations

import pytest

from rules.detectors import DETECTORS
from rules.fold import fold


def found(name, text):
    return [f.value for f in DETECTORS[name].find(fold(text).text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("密码：Abc12345", "abc12345"),
        ("密码 abc123", "abc123"),
        ("登录密码是 Qwer!234，请尽快修改", "qwer!234"),
        ("您的密码已改为Xy7788!!", "xy7788!!"),
        ("密码123456", "123456"),
        ("口令：letmein", "letmein"),
        ("password=hunter2", "hunter2"),
        ('"password": "s3cr3t-v4lue"', "s3cr3t-v4lue"),
        ("pwd: P@ssw0rd", "p@ssw0rd"),
        ("the password is hunter22", "hunter22"),
        ("api_key = 9f8e7d6c5b4a", "9f8e7d6c5b4a"),
        ("access key id: Zx81kk20aa", "zx81kk20aa"),
        ("client_secret=0a1b2c3d4e", "0a1b2c3d4e"),
        ("token=abc123def456", "abc123def456"),
        ("AKID" + "z8krbsJ5yKBZQpn74WFk", "akidz8krbsj5ykbzqpn74wfk"),
        ("LTAI" + "4GxYz12AbCdEf34", "ltai4gxyz12abcdef34"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "akiaiosfodnn7example"),
        ("ghp_" + "a1" * 18, "ghp_" + "a1" * 18),
        ("-----BEGIN RSA PRIVATE KEY-----", "-----begin rsa private key-----"),
        ("ｐａｓｓｗｏｒｄ：ａｂｃ１２３４", "abc1234"),
    ],
)
def test_secrets_are_found(text, value):
    assert found("credential", text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "密码是多少",
        "请重置密码",
        "密码忘了怎么办",
        "密码：6-16位字母数字组合",
        "密码长度为8-20位",
        "密码：******",
        "密码：xxxxxx",
        "密码错误，请重试",
        "password=<your password>",
        "password: ${PASSWORD}",
        "password: required",
        "please enter your password",
        "token expired",
        "密码重置请看https://a.example/reset?x=1",
        "验证码不要告诉别人",
        "the secret garden is a book",
        "-----BEGIN PUBLIC KEY-----",
        "skill-building exercises",
    ],
)
def test_talk_about_passwords_is_not_a_secret(text):
    assert found("credential", text) == []


@pytest.mark.parametrize(
    ("text", "value", "confidence"),
    [
        ("wxid_a1b2c3d4e5f6g7", "wxid_a1b2c3d4e5f6g7", 85),
        ("我的是wxid_a1b2c3d4e5f6g7", "wxid_a1b2c3d4e5f6g7", 85),
        ("加我微信 abc_1234", "abc_1234", 75),
        ("加我 VX：zhang-san1", "zhang-san1", 75),
        ("薇信abc12345", "abc12345", 75),
        ("🅥🅧 abc12345", "abc12345", 75),
        ("微信号：zhangsan", "zhangsan", 60),
        ("微 信 号 是 zhangsan", "zhangsan", 60),
        ("微信同号13800138000", "13800138000", 75),
    ],
)
def test_wechat_ids_are_found(text, value, confidence):
    hits = [(f.value, f.confidence) for f in DETECTORS["wechat_id"].find(fold(text).text)]
    assert hits == [(value, confidence)]


@pytest.mark.parametrize(
    "text",
    [
        "企业微信 abc1234",
        "请关注我们的微信公众号",
        "WeChat official account",
        "wechat payment",
        "微信abc",
        "微信支付 100元",
        "加我微信",
        "vxworks",
    ],
)
def test_talk_about_wechat_is_not_an_id(text):
    assert found("wechat_id", text) == []
