"""Said in earnest, or forbidden, denied, quoted, asked about? One sentence a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.fold import fold
from rules.negation import negated, negation

# [..] marks the word that was found.
NEGATED = [
    ("prohibition", "公司严禁承诺[保本]"),
    ("prohibition", "公司严禁承诺保本、[稳赚]"),
    ("prohibition", "不得向客户承诺[保本]或者最低收益"),
    ("prohibition", "员工不准收[回扣]"),
    ("prohibition", "任何人不许索要[好处费]"),
    ("prohibition", "请勿把款项[转到我个人]账户"),
    ("prohibition", "切勿相信[零风险]的宣传"),
    ("prohibition", "谨防[稳赚不赔]的骗局"),
    ("prohibition", "警惕以[保本]为名的非法集资"),
    ("prohibition", "我们拒绝任何形式的[回扣]"),
    ("prohibition", "他因违规承诺[保本]被处罚"),
    ("prohibition", "远离宣称[零风险]的产品"),
    ("prohibition", "禁止出现下列话术：[稳赚]、零风险"),
    ("prohibition", "话术里不得出现以下内容：[保本]"),
    ("prohibition", "合规要求，不得承诺[保本]"),
    ("denial", "我们不能承诺[保本]"),
    ("denial", "这个产品不[保本]"),
    ("denial", "这款不是[保本]的"),
    ("denial", "理财没有[零风险]的"),
    ("denial", "并非[零风险]"),
    ("denial", "我们从不收[回扣]"),
    ("denial", "不要[转我卡上]"),
    ("denial", "别[转我卡上]，请走对公"),
    ("denial", "投资不可能[稳赚不赔]"),
    ("denial", "公司不会给您[返点]"),
    ("denial", "请不要[加我微信]"),
    ("denial", "我司不提供[保本]承诺"),
    ("denial", "怎么可能[稳赚]呢，都有风险"),
    ("denial", "哪有[零风险]的投资"),
    ("denial", "本产品非[保本]浮动收益"),
    ("denial", "我们绝不会要[好处费]"),
    ("condemned", "承诺[保本]是违规的"),
    ("condemned", "收[回扣]属于违法行为"),
    ("condemned", "[保本]这种说法是不允许的"),
    ("condemned", "[稳赚不赔]都是骗人的"),
    ("condemned", "收[好处费]一律开除"),
    ("condemned", "[回扣]这种行为，是违法的"),
    ("condemned", "[零风险]不存在"),
    ("quotation", "客户问的「[保本]」要按说明书解释"),
    ("quotation", "宣传页上“[稳赚]”字样已经删了"),
    ("quotation", '有人问"[零风险]"的意思'),
    ("quotation", "所谓的[零风险]只是营销"),
    ("quotation", "骗子号称[稳赚不赔]"),
    ("prohibition", "严禁承诺补偿亏损、[保本]"),
    ("prohibition", "拒绝亏损补偿、[保本]承诺"),
    ("prohibition", "谨防损失、以[保本]为名的集资"),
    ("prohibition", "警惕风险、[保本]等话术"),
    ("prohibition", "杜绝[保本]"),
    ("denial", "非[保本]不保收益"),
    ("denial", "哪有[保本]的道理"),
    ("condemned", "[保本],这都不合规"),
    ("condemned", "[保本],这无疑是骗局"),
    ("condemned", "[保本]产品不存在"),
    ("quotation", "您上次问的“[稳赚不赔]”我请示过了"),
    ("quotation", "“[保本]”字样的海报下架,新海报今天上线"),
    ("question", "您问的是不是[保本]"),
    ("question", "您是问这个产品[保本]吗"),
    ("question", "这款产品[保本]吗？"),
    ("question", "对方有没有要[回扣]？"),
    ("question", "什么叫[刚性兑付]"),
    ("question", "您是否收过[好处费]"),
]
EARNEST = [
    "拒绝亏损[稳赚不赔]",
    "远离亏损、[保本]理财，了解一下",
    "杜绝亏损[保本保息]",
    "远离市场风险[稳赚不赔]",
    "杜绝一切不[保本]",
    "这款[稳赚不赔]，这绝不违规",
    "[保本]，这不是骗人",
    "[保本]，这怎么会是骗人",
    "[保本]产品不存在任何风险",
    "[保本]不对外宣传",
    "您上次问的“[稳赚不赔]”产品今天开抢",
    "未必不[保本]",
    "没道理不[保本]",
    "没有理由不[保本]",
    "哪有不[保本]的道理",
    "怎么会不[保本]",
    "非[保本]不卖",
    "非[保本]产品不做",
    "不是不能[保本]",
    "这款[保本]的，比存定期强多了",
    "您就买吧，[稳赚不赔]，我自己也买了",
    "这个产品[零风险]，到期连本带息一起给您",
    "绝对[稳赚]，去年进来的客户都翻了",
    "[包赚]的，跌了算我的",
    "内部额度，[保本保息]，外面买不到",
    "请勿外传，这款[保本]",
    "请勿外传这个[保本]产品",
    "不要错过[保本]产品",
    "不要犹豫，[保本]的",
    "别担心，[保本]的",
    "不用担心[保本]的",
    "不仅[保本]还有分红",
    "不但[保本]，收益还高",
    "不过[保本]是肯定的",
    "不会让您吃亏，[保本]",
    "不会不[保本]",
    "除非天塌下来，[保本]没问题",
    "非常稳，[保本]",
    "特别[保本]",
    "未来三年[保本]",
    "没有比这更[保本]的了",
    "不违规的[保本]产品",
    "没有禁止[保本]",
    "严禁外传。这款[保本]",
    "别告诉别人，我们这个[保本]",
    "公司账户不能收款，您[转我卡上]",
    "不用对公了，[直接转我]就好",
    "要不[直接转我]吧",
    "要不您[转我卡上]",
    "不如[转我卡上]",
    "不得不[转我卡上]",
    "别的客户都是[转我卡上]的",
    "公司账户不能用[转我卡上]",
    "不要打公司账户[打我卡上]",
    "请勿走公司账户[转我卡上]",
    "这里不方便[加我微信]",
    "[转我卡上]可以吗？",
    "[转我卡上]，禁止走公司账户",
    "[返点]五个，您看行吗",
    "给您[回扣]三个点怎么样？",
    "[加我微信]好吗？",
    "要不要给您[返点]？",
    "能不能[转我卡上]？",
    "[保本]，您还在等什么呢",
    "这款[保本]，您知道吗",
    "“[保本]”两个字我敢写给您",
    "[零风险]，不可能亏的",
    "[回扣]少不了您的",
    "[好处费]不违规的",
]


def span(marked):
    start, end = marked.index("["), marked.index("]") - 1
    text = marked.replace("[", "").replace("]", "")
    folded = fold(text).text
    assert folded == text, "write the sentences folded"
    return text, start, end


@pytest.mark.parametrize(("why", "marked"), NEGATED)
def test_a_word_that_is_not_said_in_earnest_does_not_count(why, marked):
    assert negation(*span(marked)) == why


@pytest.mark.parametrize("marked", EARNEST)
def test_a_word_said_in_earnest_counts(marked):
    assert negation(*span(marked)) == ""


@pytest.mark.parametrize("end", ["。", "！", "？", "!", "?", ";", "；", "\n"])
def test_another_sentence_neither_forbids_nor_asks(end):
    text = f"公司严禁承诺收益{end}这款保本{end}您还有问题吗"
    start = text.index("保本")
    inside = text[: start + 2]
    assert not negated(inside, start, start + 2)
    assert negated(text, start, start + 2) == (end in "？?")


@given(st.text('严禁不得别没有保本回扣吗？，。“”"：是的违规转我', max_size=40), st.data())
def test_any_span_gets_an_answer(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    known = {"", "prohibition", "denial", "condemned", "quotation", "question"}
    assert negation(text, start, end) in known
