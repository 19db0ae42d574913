"""The other spellings of a lexicon's words: found, named, and shown in the original."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import lookout
from rules.calendar import load_calendar
from rules.character_tables import PARTS
from rules.conditions import InLexicon, View
from rules.errors import RuleError
from rules.fold import Folded, fold
from rules.lexicon import Lexicon
from rules.lexicon_file import load_lexicon
from rules.message import Message
from rules.scan import NothingScanner, Re2Scanner
from rules.triggers import Trigger
from rules.variants_parts import APART, JOINED
from rules.variants_read import EMOJI
from rules.variants_sounds import SOUND_OF, SOUNDS, SPELLED, gate, is_common, sound, spelled
from rules.variants_wake import OtherSpellings

WORDS = (
    "加我微信", "保本", "发我红包就行", "v信", "加我vx", "转我卡上", "转我", "别走公司", "老师返利",
)  # fmt: skip
BOOK = Lexicon(
    name="t",
    words=WORDS,
    pinyin=frozenset({"加我微信", "转我卡上", "老师返利"}),
    boundary=frozenset({"转我"}),
)
TRIGGERS = [
    *(Trigger("word", one) for one in BOOK.folded),
    *(Trigger("sound", one) for one in BOOK.sounding),
]


def by_re2(patterns, keep=None):
    return Re2Scanner(patterns) if patterns else NothingScanner()


with pytest.MonkeyPatch.context() as patch:
    patch.setattr(lookout, "scanner", by_re2)
    ELSEWHERE = lookout.Lookout(TRIGGERS)  # as on a machine without Hyperscan
LOOKOUTS = (lookout.Lookout(TRIGGERS), ELSEWHERE)


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
    """Whether the matcher would look at rules that have a word, with either scanner."""
    return [bool(one.fired([text])) for one in LOOKOUTS]


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
    ("别别别走公公司", "别走公司", ("repeat",)),
    # emoji
    ("➕我微信", "加我微信", ("emoji",)),
    ("➕️我V✖", "加我vx", ("confusable", "emoji", "zero_width")),
    ("发我🧧就行", "发我红包就行", ("emoji",)),
    ("加我微❤信", "加我微信", ("gap",)),
    ("➕我微❤信", "加我微信", ("emoji", "gap")),
    ("➕ 我❤微❤信", "加我微信", ("emoji", "gap")),
    ("➕❤我❤微❤信", "加我微信", ("emoji", "gap")),
    ("加我🆙微信", "加我微信", ("gap",)),
    ("➕我微❤", "加我微信", ("emoji", "pinyin")),
    ("发我🧧❤就行", "发我红包就行", ("emoji", "gap")),
    # taken apart
    ("加我微亻言", "加我微信", ("chaizi",)),
    ("力口我微人言", "加我微信", ("chaizi",)),
    ("亻呆本", "保本", ("chaizi",)),
    ("发我纟工包就行", "发我红包就行", ("chaizi",)),
    ("力 口我微亻 言", "加我微信", ("chaizi", "gap")),
    ("另刂走公司", "别走公司", ("chaizi",)),
    # pinyin
    ("jia wo wei xin", "加我微信", ("pinyin",)),
    ("jiawoweixin", "加我微信", ("pinyin",)),
    ("jia'wo-wei xin", "加我微信", ("pinyin",)),
    ("jia1 wo3 wei1 xin4", "加我微信", ("pinyin",)),
    ("加我 weixin", "加我微信", ("pinyin",)),
    ("jiā wǒ wēi xìn", "加我微信", ("combining", "pinyin")),
    ("力口我Wei xin", "加我微信", ("chaizi", "pinyin")),
    # what is mixed up: zh and z, ng and n, sh and s, n and l
    ("zuan wo ka san", "转我卡上", ("pinyin",)),
    ("zhuan wo ka shang", "转我卡上", ("pinyin",)),
    ("naosi fanni", "老师返利", ("pinyin",)),
    # characters of the same sound
    ("家我威信", "加我微信", ("pinyin",)),
    ("佳窝为心", "加我微信", ("pinyin",)),
    ("砖我卡上", "转我卡上", ("pinyin",)),
    ("家 我 威 信", "加我微信", ("gap", "pinyin")),
    ("家我我威信", "加我微信", ("pinyin", "repeat")),
    ("➕我❤威❤信", "加我微信", ("emoji", "gap", "pinyin")),
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
        "加我weixiao",
        "家我胃口好",
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


@pytest.mark.parametrize(
    ("written", "word", "variants"),
    [
        ("🍵💰", "茶钱", ("emoji",)),  # nothing but emoji
        ("🚶usdt", "走usdt", ("emoji",)),
        ("绕开gonsi", "绕开公司", ("pinyin",)),  # gon is no syllable, and is written
        ("饶开公司", "绕开公司", ("pinyin",)),
    ],
)
def test_a_word_of_any_list_is_found_so(written, word, variants):
    flagged = frozenset({word} if spelled(word) else ())
    assert hits(f"，{written}，", Lexicon(name="t", words=(word,), pinyin=flagged)) == [
        (word, variants, written)
    ]


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


def test_every_common_character_has_a_syllable_and_nearly_every_one_has_parts():
    """All 6 763 characters of GB/T 2312, not only those of shipped words."""
    common = [
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xF8)
        for cell in range(0xA1, 0xFF)
        if not (row == 0xD7 and cell > 0xF9)
    ]
    assert len(common) == 6763
    assert [char for char in common if char not in SOUNDS] == []
    assert sum(char in APART for char in common if is_common(char)) > 0.9 * 3755


def test_tables_are_folded_and_consistent():
    for way, made in JOINED.items():
        assert fold(way).text == way
        assert len(way) in (2, 3)
        assert not set(made) & set(way)
    assert set(SPELLED) <= set(SOUND_OF)
    assert len(PARTS.split()) == sum(map(len, APART.values()))
    assert all(sound(sound(one)) == sound(one) for one in SOUND_OF)


@pytest.mark.parametrize(
    ("one", "other"),
    [("zhi", "zi"), ("chang", "can"), ("shi", "si"), ("nai", "lai"), ("xing", "xin"), ("lv", "lu")],
)
def test_syllables_that_people_mix_up_sound_alike(one, other):
    assert sound(one) == sound(other)


PLAIN = "加我微信保本转卡上公司别走老师返利的了你好"
COMMON = st.sampled_from([char for char in SOUNDS if is_common(char) and char in APART])


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMON, min_size=3, max_size=5, unique=True).map("".join), st.data())
def test_any_word_of_common_characters_is_found_taken_apart_and_by_its_sound(word, data):
    assert spelled(word)
    book = Lexicon(name="t", words=(word,), pinyin=frozenset({word}))
    others = OtherSpellings(book.folded, book.sounding)
    looking = lookout.Lookout([Trigger("word", word), Trigger("sound", word)])
    syllables = {}
    for syllable, chars in SPELLED.items():
        for char in chars:
            syllables.setdefault(char, syllable)
    at = data.draw(st.integers(0, len(word) - 1))
    apart = word[:at] + data.draw(st.sampled_from(APART[word[at]])) + word[at + 1 :]
    latin = word[:at] + " ".join(syllables[char] for char in word[at:])
    for written in (apart, latin):
        text = f"您好，{written}，谢谢"
        assert hits(text, book), written
        assert re2.search(gate(word), fold(text).text) or others.woken(fold(text)), written
        assert looking.fired([text]), written


ALPHABET = st.sampled_from([*PLAIN, *"vx a1 ，", *list(EMOJI)[:3], "亻", "言", "力", "口"])


@settings(max_examples=500, deadline=None)
@given(st.text(ALPHABET, max_size=25))
def test_what_the_lexicon_finds_wakes_its_rule(text):
    if hits(text):
        assert wakes(text) == [True, True]


CHINESE = "保本转我们金"


@given(
    st.lists(st.text(CHINESE, min_size=1, max_size=4), min_size=1, max_size=8, unique=True),
    st.text(CHINESE, max_size=40),
)
def test_words_are_found_as_an_alternation_of_all_of_them_would(words, text):
    """The longest at a place, places from left to right, none over another."""
    longest_first = sorted(words, key=len, reverse=True)
    expected = [(m.start(), m.end(), m[0]) for m in re.finditer("|".join(longest_first), text)]
    assert list(Lexicon(name="t", words=tuple(words)).find(text)) == expected


def test_the_places_that_do_not_count_say_why():
    book = Lexicon(
        name="t", words=("保本", "转我", "vx"), allow=("确保本周",), boundary=frozenset({"转我"})
    )
    told = [(p.word, p.why) for p in book.places(fold("确保本周周转我们avx，保本"))]
    assert told == [("保本", "allowed"), ("转我", "boundary"), ("vx", "run"), ("保本", "")]


@pytest.mark.parametrize("char", [*PLAIN, "❤", "➕", "亻", "人", "x", "w", " ", "·", "×"])
def test_a_hostile_text_of_one_character_is_read_in_linear_time(char):
    """Counted in places of the tree that are tried, not in seconds: 30 000 characters end."""
    text = Folded(char * 30_000, char * 30_000, None, None, True)
    assert sum(1 for _ in BOOK.places(text)) < 30_000


@pytest.mark.parametrize("word", ["100%收益", "0风险", "a.b*c", "百分百"])
def test_signs_in_words_are_taken_literally(word):
    book = Lexicon(name="t", words=(word,))
    assert hits(f"，{word}，", book)
    assert not hits("，axbbc，", book)
