"""Fields that are worked out of a message when a rule asks."""

from __future__ import annotations

import pytest

from rules.cases import record
from rules.decode import Decoder
from rules.derived import DERIVED
from rules.reference import Reference
from rules.view import field_value


def value(name: str, **said: object) -> object:
    message = Decoder("demo").decode(
        record({"at": "10:00", "from": "a", "to": "c1", **said}, "m", 1)
    )
    return field_value(message, Reference(), name)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("请看 https://www.Example.com/a?b=1", "example.com"),
        ("请看 www.example.com", "example.com"),
        ("请看 http://h5.example.com:8080/x", "h5.example.com"),
        ("请看 https://user@example.com/x", "example.com"),
        ("请看 https://例子.公司/x", "xn--fsqu00a.xn--55qx5d"),
        ("请看 http://[2001:db8::1]/x", "[2001:db8::1]"),
        ("https://one.example/ https://two.example/", "one.example"),
        ("没有链接", None),
    ],
)
def test_domain_of_the_first_link(text: str, domain: str | None) -> None:
    assert value("link.domain", text=text) == domain


def test_domain_of_a_card() -> None:
    payload = {
        "title": "t",
        "description": "d",
        "link_url": "https://m.example.com/",
        "image_url": "",
    }
    assert value("link.domain", type="link", payload=payload) == "m.example.com"


BODY = "本周限时优惠活动价起，详情请留言咨询"
GIST = "本周限时优惠活动价起详情请留言咨询"


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        (BODY, GIST),
        (f"张总，{BODY}", GIST),
        (f"张总，您好！{BODY}", GIST),
        (f"尊敬的客户您好：{BODY}😊", GIST),
        (f"李姐～{BODY}！！！", GIST),
        (f"李姐 {BODY}", GIST),
        ("张总，本周限时优惠活动价88元起，详情请留言咨询", "本周限时优惠活动价元起详情请留言咨询"),
        ("张总，本週限時優惠活動價起，詳情請留言諮詢", GIST),
        ("限时优惠，速抢！", "限时优惠速抢"),
        ("张总，限时优惠", "张总限时优惠"),
        ("好的", None),
        ("12345678901234567890", None),
        ("", None),
    ],
)
def test_gist_is_what_copies_of_a_text_have_in_common(text: str, gist: str | None) -> None:
    assert value("text.gist", text=text) == gist


def test_another_text_has_another_gist() -> None:
    assert value("text.gist", text=f"张总，{BODY}") != value("text.gist", text=f"张总，{BODY}谢谢")


def test_what_is_derived_is_in_no_record() -> None:
    for name in DERIVED:
        assert (
            name
            not in Decoder("demo")
            .decode(record({"at": "10:00", "from": "a", "to": "c1", "text": BODY}, "m", 1))
            .fields
        )
