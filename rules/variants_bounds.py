"""Whether a found word is cut out of other words, for words flagged `boundary`.

「周转我们」 holds 转我 but does not say it: its first character belongs to 周转, its last to 我们.
A small list of words written by hand tells so, and no segmenter: what is not on it counts.
"""

from __future__ import annotations

# Words whose second character begins a flagged word, and words whose first character ends one.
_BEFORE = (
    "周转 运转 流转 旋转 扭转 好转 中转 翻转 逆转 辗转 反转 公转 自转 婉转 斗转 回转 空转 "
    "结转 划转 拨打 殴打 敲打 吹打 雷打 单打 双打 主打 攻打 抽打 扑打 追加 增加 参加 更加 "
    "添加 外加 附加 叠加 施加 累加 倍加 愈加 略加 严加 横加 确保 担保 环保 投保 参保 承保 "
    "续保 社保 医保 劳保 安保 质保 维保 难保 自保 面包 钱包 红包 荷包 背包 书包 承包 外包 "
    "打包 发包 分包 事先 预先 首先 优先 领先 率先 原先 返回 退回 收回 撤回 来回 挽回 驳回 "
    "正直 一直 垂直 简直"
)
_AFTER = (
    "我们 我司 我方 我国 我校 我行 我院 我省 我市 我区 我县 我局 我处 我部 我店 卡片 卡通 "
    "卡车 卡座 卡券 本周 本月 本季 本年 本次 本人 本来 本身 本地 本科 本着 本期 本轮 本市 "
    "扣款 扣除 扣减 扣分 扣押 扣留 扣子 签字 签名 签到 签收 签发 签证 签约 信息 信用 信任 "
    "信号 信件 信心 信贷 信托 信封 信箱 信仰 人员 人民 人士 人事 人工 人力 人数 人才 人物"
)
_BEFORE_WORDS = frozenset(_BEFORE.split())
_AFTER_WORDS = frozenset(_AFTER.split())


def cut_out(text: str, start: int, end: int) -> bool:
    """Does text[start:end] begin or end inside a word of the lists?"""
    return text[max(0, start - 1) : start + 1] in _BEFORE_WORDS or (
        text[end - 1 : end + 1] in _AFTER_WORDS
    )
