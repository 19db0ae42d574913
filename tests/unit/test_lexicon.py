"""Lexicon files: what is read, what is found, and what a broken file says."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

import rules.lexicon
from rules.errors import MingjianError, RuleError
from rules.fold import fold
from rules.lexicon import Lexicon
from rules.lexicon_file import load_lexicon, load_lexicons
from rules.ruleset import LEXICONS

HEAD = "name: mine\ntitle: 词库\nowner: compliance\n"


def lexicon(body):
    return load_lexicon("lexicons/mine.yaml", HEAD + body)


def words(book, text):
    folded = fold(text).text
    return [word for _, _, word in book.find(folded)]


def test_reads_every_key():
    book = lexicon(
        "scene: finance\nexpires: 2026-12-31\nwords: [保本]\nallow: [不保本]\nvalues: ['1']"
    )
    assert (book.name, book.title, book.owner, book.scene) == (
        "mine", "词库", "compliance", "finance",
    )  # fmt: skip
    assert (book.words, book.allow, book.values) == (("保本",), ("不保本",), ("1",))
    assert not book.expired(date(2026, 12, 31))
    assert book.expired(date(2027, 1, 1))


def test_a_list_of_values_needs_no_owner_and_finds_nothing():
    book = load_lexicon("accounts.yaml", 'name: accounts\nvalues: ["6222021001099550011"]')
    assert book.values == ("6222021001099550011",)
    assert words(book, "6222021001099550011") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("这款保本", ["保本"]),
        ("这款保*本", ["保本"]),
        ("保本保息的", ["保本保息"]),
        ("保本又保本", ["保本", "保本"]),
        ("本产品不保本", []),
        ("确保本周完成", []),
        ("确保本周完成，这款保本", ["保本"]),
        ("确保保本", ["保本"]),
        ("不保本不保本保本", ["保本"]),
        ("加我 Ｖ信", ["V信"]),
        ("TV信号", []),
    ],
)
def test_finds_words_outside_allowed_phrases(text, expected):
    book = lexicon("words: [保本, 保本保息, V信]\nallow: [不保本, 确保本周, TV信]")
    assert words(book, text) == expected


def test_offsets_are_those_of_the_folded_text():
    assert list(lexicon("words: [保本]").find("都保本的")) == [(1, 3, "保本")]


@pytest.mark.parametrize("name", sorted(load_lexicons(LEXICONS)))
def test_no_word_makes_the_search_of_a_hostile_text_slow(name):
    """A character without end, before and inside a word; quadratic time would take hours."""
    lexicon = load_lexicons(LEXICONS)[name]
    for char in sorted({char for word in lexicon.folded for char in word}):
        list(lexicon.find(char * 5_000))
    for word in lexicon.folded:
        list(lexicon.find("".join(char * 200 for char in word[:-1]) * 2))


def test_many_hits_in_a_long_text_are_found_quickly():
    book = lexicon("words: [保本]\nallow: [不保本]")
    assert len(words(book, "不保本保本" * 5000)) == 5000


def test_survives_the_way_to_a_worker_process():
    book = pickle.loads(pickle.dumps(lexicon("words: [保本]\nallow: [不保本]")))  # noqa: S301
    assert words(book, "不保本，保本") == ["保本"]


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ("words: [保本]\nalow: [x]", "mine.yaml:5:1", "did you mean 'allow'"),
        ("words: [保本]\nexpires: soon", "mine.yaml:5:1", "2026-12-31"),
        ("words: [保本, 保 本]", "mine.yaml:4:13", "there already, as '保本'"),
        ("words: [保本, '  ']", "mine.yaml:4:13", "empty entry"),
        ("words: [123]", "mine.yaml:4:9", "quotation marks"),
        ("words: 保本", "mine.yaml:4:1", "must be a list"),
        ("words: []", "mine.yaml:4:1", "empty"),
        ("", "mine.yaml:1:1", "empty"),
        ("words: [保本]\nscene: 3", "mine.yaml:5:1", "must be a text"),
        ("words: [保本]\nwords: [稳赚]", "mine.yaml:5:1", "twice"),
        ("words: [保本", "mine.yaml:", "not valid YAML"),
        ("scenes: sales", "mine.yaml:4:1", "'scenes' must be a mapping"),
        ("scenes: 5", "mine.yaml:4:1", "'scenes' must be a mapping"),
        ("scenes: [sales]", "mine.yaml:4:1", "'scenes' must be a mapping"),
        ("scenes: {sales: null}", "mine.yaml:4:10", "'scenes' must be a mapping"),
        ("scenes: {sales: [返佣]}", "mine.yaml:4:10", "'scenes' must be a mapping"),
        ("scenes: {null: {words: [返佣]}}", "mine.yaml:4:10", "'scenes' must be a mapping"),
        ("scenes: {7: {words: [返佣]}}", "mine.yaml:4:10", "'scenes' must be a mapping"),
        ("words: [保本]\nsynonyms: {7: [八]}", "mine.yaml:5:1", "'synonyms' must be"),
        ("words: [保本]\nsynonyms: {'': [八]}", "mine.yaml:5:1", "'synonyms' must be"),
    ],
)
def test_a_broken_file_says_where_and_what_to_do(body, place, said):
    with pytest.raises(RuleError) as caught:
        lexicon(body)
    en, fix_en = caught.value.text("en")
    zh, _ = caught.value.text("zh")
    assert place in en
    assert place in zh
    assert said in en + fix_en


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: other\ntitle: x\nowner: y\nwords: [a]", "write 'mine'"),
        ("title: x\nowner: y\nwords: [a]", "'name' is missing"),
        ("name: mine\ntitle: x\nwords: [a]", "'owner' is missing"),
    ],
)
def test_name_and_owner_are_asked_for(text, said):
    with pytest.raises(RuleError) as caught:
        load_lexicon("lexicons/mine.yaml", text)
    assert said in " ".join(caught.value.text("en"))


def test_a_missing_directory_is_said_so(tmp_path):
    with pytest.raises(MingjianError, match="no lexicon directory"):
        load_lexicons(tmp_path / "none")


SHIPPED = load_lexicons(Path(rules.lexicon.__file__).parent / "lexicons")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_word_is_found_and_every_allowed_phrase_matters(name):
    book = SHIPPED[name]
    for word in book.words:
        assert words(book, f"，{word}，"), word
    bare = book.words and load_lexicon(
        f"{name}.yaml", f"name: {name}\ntitle: x\nowner: y\nwords: {list(book.words)}"
    )
    for phrase in book.allow:
        assert not words(book, f"，{phrase}，"), phrase
        assert words(bare, f"，{phrase}，"), f"no word stands in the allowed phrase {phrase}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guarantee-promise", "我跟您保证，保本保收益"),
        ("loss-compensation", "跌了算我的"),
        ("order-diversion", "您单独跟我签，价格好商量"),
        ("private-payment", "先打到我个人账户"),
        ("private-payment", "不用对公了，直接转我就好"),
        ("wechat-slang", "我的薇信号"),
        ("wechat-slang", "➕我ＶＸ，加我vx"),
        ("kickback", "返点给您个人"),
        ("burn-after-read", "看完就删，别留痕"),
    ],
)
def test_shipped_lexicons_find_what_people_say(name, text):
    assert words(SHIPPED[name], text)


@pytest.mark.parametrize(
    "text",
    [
        "务必确保本周五前把材料交齐",
        "贵司这笔资金周转我们可以协助",
        "资料直接转我邮箱",
        "款项直接转我司对公账户",
        "系统会退回扣款",
        "我先回扣款的电话",
        "导出csv信息",
        "往返点北京上海",
        "面包涨价了",
        "公司不会亏待客户",
        "无风险利率下行",
        "环保本身很重要",
        "为保护您的权益，本次会话会按规定留存记录，请知悉",
    ],
)
def test_shipped_lexicons_leave_ordinary_talk_alone(text):
    assert {name: words(book, text) for name, book in SHIPPED.items() if words(book, text)} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("这款0风险", True),
        ("养老目标2040风险等级r3", False),
        ("加vx细聊", True),
        ("devx平台", False),
        ("vx88", False),
        ("加我vx123456", True),
        ("加我vxworks", False),
        ("加我vx", True),
    ],
)
def test_a_word_never_begins_or_ends_inside_a_run_of_letters_and_digits(text, found):
    lexicon = Lexicon(name="t", words=("0风险", "vx", "加我vx"))
    assert bool(list(lexicon.find(text))) is found
