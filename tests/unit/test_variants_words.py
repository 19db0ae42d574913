"""The other spellings of a lexicon's words: found, named, and shown in the original."""

from __future__ import annotations

from pathlib import Path

import pytest
import re2

import rules.lexicon
from rules.calendar import load_calendar
from rules.conditions import InLexicon, View
from rules.errors import RuleError
from rules.fold import fold
from rules.lexicon import Lexicon
from rules.lexicon_file import load_lexicon, load_lexicons
from rules.message import Message
from rules.scan import Re2Scanner, scanner
from rules.variants_words import LOOSE, PINYIN, STRICT, pattern

WORDS = ("加我微信", "保本", "发我红包就行", "v信", "加我vx", "转我卡上", "转我")
BOOK = Lexicon(
    name="t", words=WORDS, pinyin=frozenset({"加我微信", "转我卡上"}), boundary=frozenset({"转我"})
)
PATTERNS = list(BOOK.patterns)
SCANNERS = (scanner(PATTERNS), Re2Scanner(PATTERNS))


def hits(text, book=BOOK):
    """(word, variants, the original's piece) of every hit, found the way a rule finds it."""
    message = Message(
        tenant="t", seq=1, msgid="m", kind="archive", type="text", time=0, received_at=0, text=text
    )
    view = View(message, load_calendar())
    held = InLexicon("text", book).holds(view)
    assert held == bool(view.spans)
    return [(s.pattern, s.variant, text[s.start : s.end]) for s in view.spans]


def wakes(text):
    folded = fold(text)
    texts = [folded.text, *([folded.read().text] if folded.readable else [])]
    return [any(one.scan(t.encode()) for t in texts) for one in SCANNERS]


SPELLINGS = [
    # as it stands
    ("加我微信", "加我微信", ()),
    # look-alike letters
    ("ν信", "v信", ("confusable",)),
    ("√信", "v信", ("confusable",)),
    ("加我Vх", "加我vx", ("confusable",)),
    ("加我VХ", "加我vx", ("confusable",)),
    ("加我vㄨ", "加我vx", ("confusable",)),
    ("加我V×", "加我vx", ("confusable",)),
    # repeats
    ("加我我微微微信", "加我微信", ("repeat",)),
    ("转我我卡 卡上", "转我卡上", ("gap", "repeat")),
    # emoji
    ("➕我微信", "加我微信", ("emoji",)),
    ("➕️我V✖", "加我vx", ("confusable", "emoji", "zero_width")),
    ("发我🧧就行", "发我红包就行", ("emoji",)),
    ("加我微❤信", "加我微信", ("gap",)),
    # taken apart
    ("加我微亻言", "加我微信", ("chaizi",)),
    ("力口我微人言", "加我微信", ("chaizi",)),
    ("亻呆本", "保本", ("chaizi",)),
    ("发我纟工包就行", "发我红包就行", ("chaizi",)),
    ("力 口我微亻 言", "加我微信", ("chaizi", "gap")),
    # pinyin
    ("jia wo wei xin", "加我微信", ("pinyin",)),
    ("jiawoweixin", "加我微信", ("pinyin",)),
    ("加我 weixin", "加我微信", ("pinyin",)),
    ("jiā wǒ wēi xìn", "加我微信", ("combining", "pinyin")),
    ("力口我Wei xin", "加我微信", ("chaizi", "pinyin")),
]


@pytest.mark.parametrize(("written", "word", "variants"), SPELLINGS)
def test_a_spelling_is_found_and_named(written, word, variants):
    text = f"您好，{written}，谢谢"
    assert hits(text) == [(word, variants, written)]
    assert wakes(text) == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        "个人呆本地",  # parts that are words do not count in a word of two characters
        "加我weixing",
        "xjia wo wei xin",
        "baoben",  # not flagged
        "加我微博",
        "请问α和β的区别是什么",
        "Привет, как дела",
        "发我❤就行",
        "3×5",
        "谢谢谢谢❤️❤️",
    ],
)
def test_others_are_left_alone(text):
    assert hits(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("周转我们的资金", False),
        ("文件转我们部门", False),
        ("资金周转我", False),
        ("中转我司", False),
        ("转我就行", True),
        ("请转 我", True),
    ],
)
def test_a_flagged_word_is_not_cut_out_of_others(text, found):
    assert bool(hits(text)) is found
    plain = Lexicon(name="t", words=("转我",))
    assert hits(text, plain), "without the flag it counts"


def test_a_repeated_first_character_does_not_deny_the_word():
    book = Lexicon(name="t", words=("别走公司",))
    assert hits("别别别走公公司", book) == [("别走公司", ("repeat",), "别别别走公公司")]


def test_a_denied_spelling_does_not_count():
    assert hits("公司严禁承诺亻呆本") == []


HEAD = "name: mine\ntitle: x\nowner: y\n"


def test_flags_are_read_from_the_file():
    book = load_lexicon(
        "mine.yaml",
        HEAD + "words: [保本, {word: 加我微信, pinyin: true}, {word: 转我, boundary: true}]",
    )
    assert book.words == ("保本", "加我微信", "转我")
    assert hits("jia wo wei xin", book)
    assert not hits("周转我", book)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("words: [{word: 保本, pinyin: true}]", "fewer than 3"),
        ("words: [{word: 加我齉信, pinyin: true}]", "syllable is not known"),
        ("words: [{word: 保本, pinyn: true}]", "did you mean 'pinyin'"),
        ("words: [{word: 转我, boundary: 1}]", "true or false"),
        ("words: [{boundary: true}]", "not a text"),
        ("words: [{word: 转我, boundary: true}, 转 我]", "there already"),
    ],
)
def test_a_wrong_flag_says_so_with_its_place(body, said):
    with pytest.raises(RuleError) as caught:
        load_lexicon("mine.yaml", HEAD + body)
    text, fix = caught.value.text("en")
    assert "mine.yaml:4" in text
    assert said in text + fix


def test_tables_are_folded_and_name_characters_of_shipped_words():
    shipped = load_lexicons(Path(rules.lexicon.__file__).parent / "lexicons").values()
    used = set("".join(word for book in shipped for word in book.folded))
    for table in (STRICT, LOOSE):
        for char, ways in table.items():
            assert char in used, char
            for way in ways:
                assert fold(way).text == way
                assert len(way) > 1
    assert [char for char in PINYIN if char not in used] == []
    assert all(p.isascii() and p.isalpha() for p in PINYIN.values())


@pytest.mark.parametrize("word", ["100%收益", "0风险", "a.b*c", "百分百"])
def test_signs_in_words_are_taken_literally(word):
    assert re2.fullmatch(pattern(word), word)
    assert not re2.fullmatch(pattern("a.b*c"), "axbbc")
