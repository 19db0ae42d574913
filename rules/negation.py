"""Is a found word forbidden, denied, quoted or asked about, rather than said in earnest?

Works on folded text and looks no further than the sentence (。！？; or a line break). The aim is
to let 「公司严禁承诺保本」 pass without letting 「请勿外传，这款保本」 pass: a prohibition reaches
to the end of its own clause only, a denial must stand right before the word, and a question that
makes an offer (「转我卡上可以吗」) is no question. Where it is not clear, the word counts.
"""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[。！？!?;；\n]")
_CLAUSE = re.compile(r"[，,：:]")
_LOOK = 200  # code points looked at on either side, so that a long text costs no more
_REACH = 25  # code points that a prohibition reaches over

_NOT = r"(?<![不没未无])(?<!没有)(?<!并未)"
_prohibition = re.compile(
    _NOT
    + r"(?:严禁|禁止|不得(?![不已])|不准|不许|不允许|不可以|不应当?|请勿|切勿|勿|杜绝|谨防|警惕"
    r"|防范|远离|抵制|拒绝|举报|查处|打击|违规|违法|非法|涉嫌|反对|整治)"
)
# After these a prohibition is about something else: 「请勿外传这个保本产品」.
_other_aim = re.compile(
    r"错过|犹豫|担心|怀疑|害怕|怕|告诉|外传|声张|说出去|截图|留痕|转发|走公司|走平台|走对公|对公"
)
# What nobody wants is what is refused, not the word behind it: 「拒绝亏损稳赚不赔」. And who
# prohibits what is denied (「杜绝不保本」) asserts it.
_avoiding = frozenset({"杜绝", "谨防", "警惕", "防范", "远离", "抵制", "拒绝"})
_avoided = re.compile(
    r"(?:任何|一切|所有)?(?:的?(?:高|市场|投资|资金|本金)?(?:亏损|亏钱|亏本|赔钱|损失|风险)"
    r"(?:[、 ](?![^，,]*(?:承诺|宣|保证|虚假|骗|诱|话术|以))[^，,]*)?|不)"
).fullmatch
_warned_of = re.compile(
    r"[”\"」』》）)]*的?(?:等|之类|承诺|宣传|说法|话术|陷阱|骗|圈套|套路)"
).match
_heading = re.compile(r"(?:以下|下列|如下|包括|例如|比如|诸如)[^，,。]{0,8}[：:]?[^。]{0,20}$")
_denial = re.compile(
    r"(?:不可能|(?<!会)不会|(?<!能)不能|(?<!是)不是|(?<!要)不要|不再|不提供|不承诺|不保证|不存在|不接受|不支持|不属于|不等于"
    r"|(?<!敢)不敢|从不|从未|绝不|决不|并非|(?<!有)没有?|无法|绝无|并无|谈不上|算不上|哪有|哪里有|怎么可能|何来"
    r"|(?<![要是可能好差行对会敢])不|(?<!除)(?<!是)非(?!常)|未(?!来)|(?<![特分区级性个])别(?![的人处家]))"
)
# What may stand between a denial and the word.
_filler = re.compile(
    r"(?:承诺|保证|宣传|提供|出现|使用|收取|收受|索要|索取|接受|支付|给予|[做作]出|做到|存在|真正"
    r"|我们|您|你|客户|投资者|任何|所谓|这种|那种|此类|这个|那个|什么|完全|绝对|百分之百|百分百"
    r"|可以|通过|私下|口头|[的说是有在向对给让跟和与或、及会能要拿谈写提收“”\"「」『』《》（）()])*"
).fullmatch
_double = re.compile(
    r"(?:不会|不能|不可能|不得|不是|没有|并非|无|莫|未必|不见得|不至于|没(?:有)?(?:道理|理由)|哪有|哪能|岂能?|何尝"
    r"|谁说|怎么(?:会|可能|能)|怎[会能]|(?:拒绝|远离|杜绝)(?:任何|一切|所有)?)$"
).search
# 「非保本不卖」 sells nothing else.
_nothing_else = re.compile(
    r"(?:的|型|类|产品|理财|基金|项目)*[不莫](?:卖|买|做|推|投|可|要(?!求)|选|收|走|碰|谈|干|行)"
).match
_LINK = (
    r"[”\"」』》）)]*(?:的|话|之类|等|这种|这类|行为|说法|字样|产品|承诺|表述|宣传|情况|做法|话术)*"
)
_BAD = (
    r"(?:违规|违法|违纪|违反|犯法|不合规|不合法|被?禁止|严禁|不允许|骗局|骗人|诈骗|骗子|红线|虚假|假的"
    r"|不对(?![外公个私])|错误|不可信|不存在(?![^，,]{0,8}(?:风险|亏|损|赔|问题|隐患|套路|猫腻|违|骗|陷阱|水分))"
    r"|不可取|严肃处理|开除|处罚|追究"
    r"|(?:不可能|不可以|不能|不行)(?=的|$|[，,。！]))"
)
# Up to six characters that do not turn it round: 「这绝不违规」, 「这怎么会是骗人」.
_STRETCH = r"(?:(?!不(?![折仅但光只])|没|非(?!常)|无(?!疑)|未|怎|哪|难道|岂|谁说)[^，,]){0,6}"
_condemned = re.compile(
    rf"{_LINK}(?:都|就|均|也|一律|全|将)*(?:是|属于|属|算|要|会)?{_BAD}"
    rf"|{_LINK}[，,](?:这|那|都|均|一律|此类)+{_STRETCH}(?:是|属于|属|算)?{_BAD}"
    rf"|{_LINK}[，,](?:是|属于){_BAD}"
).match
_quoted_for = re.compile(
    r"字样|表述|话术|关键词|敏感词|词|所谓|宣称|号称|声称|谎称|意思|含义|解释|定义|说法|谣"
)
# What was asked about is quoted, unless it is being sold: 「您问的“稳赚”产品今天开抢」.
_asked_for = re.compile(r"问(?!题)").search
_selling = re.compile(
    r"开抢|开售|开卖|发售|预售|上架|上线|到货|有货|额度|名额|抢购|秒杀|认购|申购|下单|抓紧|赶紧|赶快|来了|了解一下"
).search
_called = re.compile(r"(?:所谓|号称|宣称|声称|谎称|自称|吹嘘)的?[“\"「『]?$").search
_OPENING, _CLOSING = "“「『《", "”」』》"

_asking = re.compile(
    r"(?:是不是|是否|有没有|会不会|算不算|能否|什么是|什么叫|何为|何谓|为什么|怎么看|如何看待|难道)"
    r"[^，,]{0,12}$"
).search
_question_end = re.compile(r"[吗么嘛]$").search
_offer = re.compile(
    r"转我|打我|[转打汇付存][到给]我|给我|加我|加个|加下|跟我|和我|找我|给您|给你|考虑|要不要"
    r"|好吗|行吗|可以吗|方便吗|可否|能不能|行不行|好不好|怎么样|如何|可好|试试|了解一下"
)


def negation(text: str, start: int, end: int) -> str:
    """Why the word `text[start:end]` does not count, "" if it does.

    One of "prohibition", "denial", "condemned", "quotation", "question".
    """
    first = max(0, start - _LOOK)
    first = max((m.end() for m in _SENTENCE_END.finditer(text, first, start)), default=first)
    last = min(len(text), end + _LOOK)
    stop = _SENTENCE_END.search(text, end, last)
    last = stop.start() if stop else last
    before, after = text[first:start], text[end:last]
    clause = _CLAUSE.split(before)[-1]
    if _forbidden(before, clause, after):
        return "prohibition"
    if _denied(clause, after):
        return "denial"
    asked = _CLAUSE.search(after) is None and (
        _question_end(after) is not None or (stop is not None and stop[0] in "？?")
    )
    if not asked and _condemned(after):
        return "condemned"
    if _called(before) or _quoted(before, after):
        return "quotation"
    inquiry = asked or _asking(clause) is not None
    if inquiry and _offer.search(clause + text[start:end] + after) is None:
        return "question"
    return ""


def negated(text: str, start: int, end: int) -> bool:
    """Is the word `text[start:end]` of a folded text forbidden, denied, quoted or asked about?"""
    return negation(text, start, end) != ""


def _forbidden(before: str, clause: str, after: str) -> bool:
    for match in _prohibition.finditer(clause):
        reach = clause[match.end() :]
        if match[0] in _avoiding and _avoided(reach) and not _warned_of(after):
            continue
        if len(reach) <= _REACH and _other_aim.search(reach) is None:
            return True
    heading = _prohibition.search(before)
    return heading is not None and _heading.search(before, heading.end()) is not None


def _denied(clause: str, after: str) -> bool:
    for match in _denial.finditer(clause):
        if match[0] == "非" and _nothing_else(after):
            continue
        if _filler(clause, match.end()) and not _double(clause[: match.start()]):
            return True
    return False


def _quoted(before: str, after: str) -> bool:
    """Inside quotation marks, and the words around them tell why it is quoted."""
    opened = max(before.rfind(mark) for mark in _OPENING)
    if opened >= 0 and all(before.rfind(mark) < opened for mark in _CLOSING):
        closed = min((at for at in map(after.find, _CLOSING) if at >= 0), default=-1)
    elif before.count('"') % 2:
        opened, closed = before.rfind('"'), after.find('"')
    else:
        return False
    if closed < 0:
        return False
    around = before[:opened] + after[closed + 1 :]
    if _asked_for(around) and not _selling(around):
        return True
    return any(p.search(around) for p in (_quoted_for, _prohibition)) or bool(
        _condemned(after[closed + 1 :])
    )
