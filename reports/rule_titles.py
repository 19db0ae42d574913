"""What a rule is called: by its title, and in English, which rules do not have, by its class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reports.words import Words

# classes of violations: first part of `item` -> (English, Chinese)
CLASSES: Mapping[str, tuple[str, str]] = {
    "A01": ("Orders diverted past the company", "飞单与绕单"),
    "A02": ("Private collection of payments", "私收款项"),
    "A03": ("Leaks of customer data", "客户数据泄露"),
    "A04": ("Customers drawn off the channel", "私域外引流"),
    "A05": ("Destroyed records and evasion of supervision", "记录销毁与规避监管"),
    "A06": ("Customers taken or moved improperly", "客户资源侵占与异常转移"),
    "A07": ("Mis-selling and forbidden promises", "误导销售与违规承诺"),
    "A08": ("Sensitive personal data", "敏感个人信息违规处理"),
    "A09": ("Inside information and trade secrets", "内幕信息与商业秘密"),
    "A10": ("Bribery and conflicts of interest", "商业贿赂与利益输送"),
    "A11": ("Nuisance marketing and misconduct in service", "骚扰营销与服务失范"),
    "A12": ("Anomalies of accounts, devices and rights", "账号设备与权限异常"),
}
_HAN = re.compile("[\u3400-\u9fff]")


def called(rule: Mapping[str, Any], words: Words) -> str:
    """The title of a rule. An English report has the class before a title that is Chinese.

    Args:
        rule: `title` and `item`, as an alert names its rule.
    """
    title, item = str(rule["title"]), str(rule["item"])
    if words.language == "zh" or not _HAN.search(title):
        return title
    known = CLASSES.get(item.partition("-")[0])
    return f'{known[0]}: "{title}"' if known else f'"{title}"'
