# ruff: noqa: E501 - a table is read better with one case a row
"""URLs in Chinese text and their canonical form."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.links import MOST, TRACKING, canonical, extract, may_contain

FOUND = [
    ("请点https://a.com/b，谢谢", ["https://a.com/b"]),
    ("请点https://a.com/b。", ["https://a.com/b"]),
    ("http://a.com看看这个", ["http://a.com"]),
    ("（http://a.com/x）", ["http://a.com/x"]),
    ("(http://a.com/x) and more", ["http://a.com/x"]),
    ("(http://a.com/x),then", ["http://a.com/x"]),
    ("http://a.com/wiki/x_(y)", ["http://a.com/wiki/x_(y)"]),
    ("[报告](https://a.com/r.pdf)", ["https://a.com/r.pdf"]),
    ("【https://a.com/r】", ["https://a.com/r"]),
    ("<https://a.com/r>", ["https://a.com/r"]),
    ('"https://a.com/r"', ["https://a.com/r"]),
    ("https://a.com/r?x=1&y=2#top!", ["https://a.com/r?x=1&y=2#top"]),
    ("go to www.a.com.", ["www.a.com"]),
    ("Www.A.com/X", ["Www.A.com/X"]),
    ("HTTPS://A.COM/X", ["HTTPS://A.COM/X"]),
    ("邮箱 me@www.a.com", []),
    ("awww.a.com", []),
    ("http://", []),
    ("http://。", []),
    ("http://...", []),
    ("没有链接", []),
    ("", []),
    (
        "https://a.com https://b.com\nhttps://c.com",
        ["https://a.com", "https://b.com", "https://c.com"],
    ),
    ("https://a.comhttps://b.com", ["https://a.com", "https://b.com"]),
    ("https://a.com/x?u=http://b.com/", ["https://a.com/x?u=http://b.com/"]),
    ("https://a.com/x https://A.com:443/x/", ["https://a.com/x"]),  # the same place once
    ("http://例子.中国/a看", ["http://例子.中国/a"]),
    ("http://www.例子.com", ["http://www.例子.com"]),
    ("http://127.0.0.1:8080/x", ["http://127.0.0.1:8080/x"]),
    ("http://[::1]:80/x", ["http://[::1]:80/x"]),
    ("http://a.com/%E4%BD%A0%E5%A5%BD", ["http://a.com/%E4%BD%A0%E5%A5%BD"]),
    ("http://a.com/a'b", ["http://a.com/a'b"]),
    ("'http://a.com/a'", ["http://a.com/a"]),
]

CANONICAL = [
    ("HTTP://A.Com", "http://a.com/"),
    ("http://a.com/", "http://a.com/"),
    ("http://a.com./x", "http://a.com/x"),
    ("www.A.com", "http://www.a.com/"),
    ("http://a.com:80/x", "http://a.com/x"),
    ("https://a.com:443/x", "https://a.com/x"),
    ("https://a.com:0443/x", "https://a.com/x"),
    ("https://a.com:/x", "https://a.com/x"),
    ("http://a.com:443/x", "http://a.com:443/x"),
    ("http://a.com/x/", "http://a.com/x"),
    ("http://a.com/x//", "http://a.com/x"),
    ("http://a.com/a/./b/../c", "http://a.com/a/c"),
    ("http://a.com/../../x", "http://a.com/x"),
    ("http://a.com/x#part", "http://a.com/x"),
    ("http://a.com?x=1", "http://a.com/?x=1"),
    ("http://a.com/x?", "http://a.com/x"),
    ("http://a.com/x?b=2&a=1", "http://a.com/x?a=1&b=2"),
    ("http://a.com/x?a=2&a=1&&", "http://a.com/x?a=1&a=2"),
    ("http://a.com/x?utm_source=q&a=1&utm_Campaign=z", "http://a.com/x?a=1"),
    ("http://a.com/x?from=timeline&isappinstalled=0&scene=2", "http://a.com/x"),
    ("http://a.com/x?share_id=1&spm=a.b.c", "http://a.com/x"),
    ("http://a.com/x?fromage=1", "http://a.com/x?fromage=1"),
    ("http://a.com/%7euser/%3f%e4%bd%a0", "http://a.com/~user/%3F%E4%BD%A0"),
    ("http://a.com/你", "http://a.com/%E4%BD%A0"),
    ("http://a.com/a b", "http://a.com/a%20b"),
    ("http://a.com/100%", "http://a.com/100%25"),
    ("http://例子.中国/", "http://xn--fsqu00a.xn--fiqs8s/"),
    ("http://EXÄMPLE.com", "http://xn--exmple-cua.com/"),
    ("http://User@A.com/", "http://User@a.com/"),
    ("https://mp.weixin.qq.com/s?__biz=M&mid=1&idx=1&sn=a&chksm=b&scene=27#rd", "https://mp.weixin.qq.com/s?__biz=M&idx=1&mid=1&sn=a"),
    ("http://a.com/x?chksm=b", "http://a.com/x?chksm=b"),
    # left as they are
    ("", ""),
    (" weixin://dl/chat?x ", "weixin://dl/chat?x"),
    ("pages/index.html", "pages/index.html"),
    ("javascript:alert(1)", "javascript:alert(1)"),
    ("http://", "http://"),
    ("http:///x", "http:///x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "urls"), FOUND)
def test_urls_in_text(text, urls):
    assert [link.url for link in extract(text)] == urls
    assert may_contain(text) or not urls


@pytest.mark.parametrize(("url", "expected"), CANONICAL)
def test_canonical_form(url, expected):
    assert canonical(url) == expected


@pytest.mark.parametrize("name", TRACKING)
def test_every_tracking_parameter_is_dropped(name):
    written = name.replace("*", "x")
    assert canonical(f"http://a.com/?{written}=1&id=2") == "http://a.com/?id=2"


url_like = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            [*["http", "https", "://", "www.", "a.com", "例子.中国", ":", "80", "443", "/", ".", "..", "%41", "%2f", "%zz", "%", "?", "&", "=", "#", "@", "[", "]", "(", ")", "utm_x"], " ", "，", "xn--", "\ud800", "。"]
        ),
        max_size=14,
    ),
)  # fmt: skip


hosts = st.text(max_size=12).map(lambda host: f"http://{host}/x")


@given(url_like | st.text() | hosts)
@example("www.例子.中国%2f")
@example("http://⒈例。/")
@example("http://xn--例/")
@example("www.%41[")
@settings(max_examples=300)
def test_nothing_raises_and_the_canonical_form_is_settled(text):
    once = canonical(text)
    assert canonical(once) == once
    for link in extract(text):
        assert link.url in text
        assert link.canonical == canonical(link.url)
        assert may_contain(text)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=5),
    st.randoms(),
)
def test_order_tracking_and_fragment_do_not_make_another_link(pairs, random):
    query = [f"{name}={number}" for name, number in pairs]
    shuffled = [*query, "utm_medium=x", "from=singlemessage"]
    random.shuffle(shuffled)
    one = canonical(f"https://a.com/x?{'&'.join(query)}")
    assert canonical(f"HTTPS://A.com:443/x/?{'&'.join(shuffled)}#y") == one


@given(
    st.text(alphabet="甲乙丙，。！？ \n", max_size=10),
    st.text(alphabet="甲乙丙，。！？》」 \n", max_size=10),
)
def test_chinese_around_a_url_never_belongs_to_it(before, after):
    (link,) = extract(f"{before}https://a.com/x?y=1{after}")
    assert link.url == "https://a.com/x?y=1"


@pytest.mark.parametrize(
    "text",
    [
        "http://" * 30_000,
        "www." * 50_000,
        "http://" + "a." * 100_000,
        "http://甲" + "a." * 50_000,
        "http://甲" * 20_000,
        "http://a.com/" + "(" * 200_000,
        "http://a.com/" + "%" * 100_000,
        "http://a.com/?" + "&" * 200_000,
        "http://a.com" + "/.." * 60_000,
        "http://a.com/" + ")http://a" * 20_000,
    ],
)
def test_hostile_text_costs_linear_time(text):
    started = time.perf_counter()
    extract(text)
    assert time.perf_counter() - started < 1.5


def test_a_text_stuffed_with_urls_is_read_up_to_a_bound():
    text = " ".join(f"http://a.com/{number}" for number in range(MOST + 50))
    assert [link.url for link in extract(text)] == text.split()[:MOST]
