"""The other spellings of a lexicon's words: repeats, taken-apart characters (拆字), pinyin.

They are written into one linear-time pattern a word, when rules are loaded, so that a message
costs no more than the one pass it had. A pattern matches the word itself as well:

* a Chinese character inside the word may be repeated, up to nine times (加我我微微信); at the ends
  it needs nothing, but that 不 and 别 must not seem to deny the word;
* a character may be written as its parts, where `PARTS` knows them (言 beside 亻 is 信);
* in a word flagged `pinyin`, of `SYLLABLES` characters or more, each character may be its toneless
  syllable, with or without blanks (jia wo wei xin, 加我weixin).

The tables are small and written by hand for the characters of the shipped lexicons.
"""

from __future__ import annotations

import re

SYLLABLES = 3  # fewer are too often a part of something else

# Parts with one that is no word by itself: they never meet in ordinary text.
_STRICT = (
    "信亻言 给纟合 红纟工 打扌丁 账贝长 付亻寸 银钅艮 行彳亍 私禾厶 扫扌彐 收丩攵 保亻呆 "
    "证讠正 赚贝兼 赔贝咅 涨氵张 险阝佥 底广氐 佣亻用 扣扌口 返辶反 提扌是 谢讠射 绍纟召 "
    "绕纟尧 避辶辟 独犭虫 俩亻两 们亻门 接扌妾 作亻乍 删册刂 记讠己 控扌空 清氵青 件亻牛 "
    "换扌奂 统纟充 径彳圣 道辶首 诉讠斥 说讠兑 话讠舌 便亻更 钱钅戋 号口丂 维纟隹 细纟田 "
    "零雨令 绝纟色 损扌员 诺讠若 刚冈刂 性忄生 涝氵劳 你亻尔 进辶井 宝宀玉 份亻分 补衤卜 "
    "待彳寺 到至刂 别另刂 公八厶 加力口 汇氵匚 没氵殳 溦氵微"
)
# Parts that are words themselves: only in words of three characters and more.
_LOOSE = (
    "信人言 转车专 卡上卜 码石马 稳禾急 躺身尚 现王见 费弗贝 好女子 喝口曷 感咸心 台厶口 "
    "跳足兆 跟足艮 和禾口 咱口自 易日勿 合人一口 聊耳卯 看手目 留卯田 查木旦 软车欠 地土也 "
    "方亠力 机木几 对又寸 理王里 知矢口 息自心 拿合手 跌足失 您你心 让讠上 本木一 保人呆 "
    "给纟合 付人寸 你人尔 便人更 们人门 件人牛 作人乍 佣人用 档木当 检木佥 图囗冬 走土止 "
    "点占灬 只口八"
)
_SYLLABLES = (
    "加jia 我wo 微wei 信xin 的de 下xia 一yi 个ge 私si 人ren 号hao 小xiao 大da 薇wei 威wei "
    "换huan 聊liao 转zhuan 到dao 卡ka 上shang 里li 打da 给gei 账zhang 户hu 支zhi 付fu 宝bao "
    "银yin 行hang 汇hui 直zhi 接jie 收shou 款kuan 码ma 扫sao 红hong 包bao 发fa 就jiu 保bao "
    "本ben 证zheng 息xi 益yi 金jin 无wu 忧you 承cheng 诺nuo 稳wen 赚zhuan 不bu 赔pei 亏kui "
    "零ling 没mei 有you 风feng 险xian 好hao 处chu 费fei 辛xin 苦ku 茶cha 水shui 介jie 绍shao "
    "返fan 点dian 别bie 走zou 公gong 司si 平ping 台tai 绕rao 过guo 开kai 单dan 独du 跟gen "
    "签qian 先xian 去qu 钱qian 删shan 掉diao 天tian 记ji 录lu 阅yue 后hou 即ji 焚fen 留liu "
    "痕hen 截jie 图tu"
)
_DENYING = "不别没无"
_REPEATS = "{1,9}"  # with no end to it, a text of one character repeated takes quadratic time
_BLANKS = "[ '-]{0,2}"  # a class and no more, so that every engine reads it alike


def _parts(words: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for word in words.split():
        if word[1:] not in table.get(word[0], ()):
            table[word[0]] = (*table.get(word[0], ()), word[1:])
    return table


STRICT, LOOSE = _parts(_STRICT), _parts(_LOOSE)
PINYIN = {word[0]: word[1:] for word in _SYLLABLES.split()}


def spelled(word: str) -> bool:
    """Can the folded word be written in pinyin: long enough, its characters in the table?"""
    return len(word) >= SYLLABLES and all(char in PINYIN for char in word)


def parts(char: str, word: str) -> tuple[str, ...]:
    """The ways in which `char` of the folded `word` is taken apart."""
    loose = LOOSE.get(char, ()) if len(word) >= SYLLABLES else ()
    return (*STRICT.get(char, ()), *loose)


def pattern(word: str, pinyin: bool = False) -> str:
    """Source of the linear-time regex (Hyperscan, RE2, `re`) of a folded word and its variants."""
    return "".join(_place(word, at, pinyin) for at in range(len(word)))


def _place(word: str, at: int, pinyin: bool) -> str:
    char, last = word[at], at == len(word) - 1
    if not _chinese(char):
        return re.escape(char)
    # beside its like a character has another number of repeats already
    inside = not last and char not in (word[at - 1], word[at + 1])
    if at == 0:  # 别别别说: else the first two would seem to deny what the third begins
        inside = char in _DENYING and word[1:2] not in ("", char)
    options = [char + _REPEATS if inside else char, *parts(char, word)]
    if pinyin:
        options.append(PINYIN[char] + ("" if last else _BLANKS))
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def disguises(word: str, piece: str) -> tuple[str, ...]:
    """Which variants make the folded text `piece` another spelling of the folded `word`."""
    if piece == word:
        return ()
    names, rest = set(), piece
    for char in word:
        for split in parts(char, word):
            if split not in word and split in rest:
                rest = rest.replace(split, char)
                names.add("chaizi")
    if _latin(rest) > _latin(word):
        names.add("pinyin")
    if any(rest.count(2 * char) for char in word if _chinese(char) and 2 * char not in word):
        names.add("repeat")
    return tuple(sorted(names))


def _chinese(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


def _latin(text: str) -> int:
    return sum(char.isascii() and char.isalpha() for char in text)
