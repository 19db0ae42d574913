"""Quoted replies: three layouts, nothing that merely looks like one, own words never cut."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.quotes import split

DASHES = "- - - - - - - - - - - - - - -"
ZH, EN = "这是一条引用/回复消息：", "This is a quote/reply:"

SPLITS = [
    (f"{ZH}\n“李四：\n转我卡上”\n------\n不可以", "李四：\n转我卡上", "不可以"),
    (f'{ZH}\n"李四：\n转我卡上"\n------\n不可以', "李四：\n转我卡上", "不可以"),
    (f'{ZH}"\n------\n@nick777', "", "@nick777"),  # as published: one quotation mark
    (f"{ZH}\n“”\n------\n好", "", "好"),
    (f"{ZH}\n------\n好", "", "好"),
    (f"{ZH}\n“李四：\n原话”\n------\n", "李四：\n原话", ""),
    (f"{ZH}\n“李四：\n原话”\n------", "李四：\n原话", ""),
    (f"{ZH}\r\n“李四：\r\n原话”\r\n------\r\n好", "李四：\r\n原话", "好"),
    (f"{ZH}\n“a”\n------\n一\n------\n二", "a", "一\n------\n二"),
    (f"{ZH}\n“他说“好””\n------\n嗯", "他说“好”", "嗯"),
    (f"{ZH}\n“李四：\n一\n------\n二”\n------\n嗯", "李四：\n一\n------\n二", "嗯"),
    (f'{EN}\n"Li Si: \nsend it to my card"\n------\nno', "Li Si: \nsend it to my card", "no"),
    (f"{EN}\n“”\n------\nno", "", "no"),
    (f"「李四：转我卡上」\n{DASHES}\n不可以", "李四：转我卡上", "不可以"),
    (f"「Li Si: words」\n{DASHES}\nno", "Li Si: words", "no"),
    (f"「李四：」\n{DASHES}\n在", "李四：", "在"),
    (f"「」\n{DASHES}\n在", "", "在"),
    (f"「李四：一\n二」\n{DASHES}\n三\n四", "李四：一\n二", "三\n四"),
    ("「李四：a」\n------------\nb", "李四：a", "b"),
    # quotations of quotations
    (
        f"{ZH}\n“李四：\n{ZH}\n“王五：\n甲”\n------\n乙”\n------\n丙",
        f"李四：\n{ZH}\n“王五：\n甲”\n------\n乙",
        "丙",
    ),
    (
        f"「李四：「王五：甲」\n{DASHES}\n乙」\n{DASHES}\n丙",
        f"李四：「王五：甲」\n{DASHES}\n乙",
        "丙",
    ),
    (
        f"{ZH}\n“李四：\n「王五：甲」\n{DASHES}\n乙”\n------\n丙",
        f"李四：\n「王五：甲」\n{DASHES}\n乙",
        "丙",
    ),
    # doubtful: what cannot be told apart stays with the sender
    (f"「李四：「重要」」\n{DASHES}\n甲」\n{DASHES}\n乙", "李四：「重要」", f"甲」\n{DASHES}\n乙"),
    (f"{ZH}\nnick: 原话\n------\n好", "\nnick: 原话", "好"),
]

NO_QUOTES = [
    "",
    "\n",
    "你好",
    "第一部分\n------\n第二部分",
    f"报价单\n{DASHES}\n合计 100",
    f"他说「好」\n{DASHES}\n然后走了",
    f"「重要通知」\n{DASHES}\n今天放假",
    "「李四：原话」",
    "「李四：原话」\n好的",
    "「李四：原话」\n---\n好的",
    f"{ZH}",
    f"{ZH}\n“李四：\n原话”",
    f"{ZH}\n“李四：\n原话”\n好的",
    f"看这里 {ZH}\n“李四：\n转我卡上”\n------\n好",
    "这是一条引用/回复消息\n“a”\n------\n好",
]


@pytest.mark.parametrize(("text", "quoted", "own"), SPLITS)
def test_quoted_reply_is_split(text, quoted, own):
    assert split(text) == (quoted, own)


@pytest.mark.parametrize("text", NO_QUOTES)
def test_other_texts_are_all_the_senders_own(text):
    assert split(text) is None


words = st.text(alphabet=st.sampled_from('甲乙 ab：:“”"「」-\n\r这T'), max_size=30) | st.text(
    max_size=30
)
FRAMES = {
    "zh": (f"{ZH}\n“", "”\n------\n"),
    "zh_ascii": (f'{ZH}\n"', '"\n------\n'),
    "en": (f'{EN}\n"', '"\n------\n'),
    "corner": ("「李四：", f"」\n{DASHES}\n"),
}


@pytest.mark.parametrize("frame", FRAMES)
@given(quoted=words, own=words)
def test_what_was_put_together_comes_apart(frame, quoted, own):
    head, end = FRAMES[frame]
    # a quotation that carries a separator of its own cannot be told from the sender's words
    assume("---" not in quoted and "- -" not in quoted and not quoted.endswith(("\n", "\r")))
    assume(not (quoted + end).lstrip().startswith(('"\n', "”\n", "“")) or not quoted.strip())
    found = split(head + quoted + end + own)
    assert found is not None
    name = "李四：" if frame == "corner" else ""
    assert found == (name + quoted, own)


@given(
    st.text(max_size=20),
    st.lists(
        st.sampled_from([*(part for frame in FRAMES.values() for part in frame), "甲", "\n"]),
        max_size=12,
    ),
)
def test_own_words_are_always_the_end_of_the_text(head, parts):
    text = "".join(parts) + head
    found = split(text)
    if found is not None:
        quoted, own = found
        assert text.endswith(own)
        assert quoted in text
        last = max(text.rfind("------\n"), text.rfind("- -\n"))
        assert len(own) >= len(text) - last - len("------\n")


@pytest.mark.parametrize(
    "text",
    [
        ZH + "“" * 200_000 + "\n",
        ZH + "\n“" + "”\n------x" * 20_000,
        ZH + " " * 200_000 + "\n-",
        "「a：" * 50_000 + "\n",
        "「a：" + "」 " * 100_000 + "\n",
        "「a：」\n" + "- " * 100_000,
    ],
)
def test_hostile_text_costs_linear_time(text):
    started = time.perf_counter()
    split(text)
    assert time.perf_counter() - started < 0.5
