"""Presets: what the law says of keeping, with the article. Looked up in the texts in force that
`rules/legal/laws.yaml` lists; where a period runs from the end of a contract or an account, which
no message tells, the policy has to say how long that lasts at most (`business`)."""

from __future__ import annotations

from typing import NamedTuple

from rules.retention.periods import Period


class Preset(NamedTuple):
    """One line of business. `keep` is None where the law names no period; `from_en` and `from_zh`
    say what it runs from when that is not the message; `kinds` of records it is for, all when
    empty; `law` and `article` as in `laws.yaml`, `text` the version whose numbers they are."""

    name: str
    title_en: str
    title_zh: str
    keep: Period | None
    law: str
    article: int
    text: str
    duty: bool
    from_en: str = ""
    from_zh: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The citation."""
        if not self.article:
            return self.law
        return f"{self.law}（{self.text}）第{self.article}条"


PRESETS: dict[str, Preset] = {
    one.name: one
    for one in (
        Preset(
            "securities", "Securities companies", "证券公司", Period(20),
            "证券法", 137, "2019年修订", True,
        ),
        Preset(
            "securities_services", "Securities service bodies", "证券服务机构", Period(10),
            "证券法", 162, "2019年修订", True,
            "the end of the engagement", "业务委托结束之日",
        ),
        Preset(
            "futures", "Futures companies", "期货经营机构", Period(20),
            "期货和衍生品法", 117, "2022年通过", True,
        ),
        Preset(
            "futures_services", "Futures service bodies", "期货服务机构", Period(10),
            "期货和衍生品法", 117, "2022年通过", True,
        ),
        Preset(
            "funds", "Fund unit registrars", "基金份额登记机构", Period(20),
            "证券投资基金法", 102, "2015年修正", True,
            "the closing of the fund account", "基金账户销户之日",
        ),
        Preset(
            "insurance_short", "Insurance for a year or less", "保险期间一年以下", Period(5),
            "保险法", 87, "2015年修正", True,
            "the end of the insurance contract", "保险合同终止之日",
        ),
        Preset(
            "insurance_long", "Insurance for more than a year", "保险期间超过一年", Period(10),
            "保险法", 87, "2015年修正", True,
            "the end of the insurance contract", "保险合同终止之日",
        ),
        Preset(
            "bank_recording", "Sales in banks, recorded twice", "银行专区双录",
            Period(months=6), "银监办发〔2017〕110号", 0, "", True,
            "the end of the product or contract", "产品终止或合同关系解除之日",
        ),
        Preset(
            "anti_money_laundering", "Identity and transactions", "客户身份资料与交易信息",
            Period(10), "反洗钱法", 34, "2024年修订", True,
            "the end of the business relation or transaction", "业务关系或交易结束之日",
        ),
        Preset(
            "network_logs", "Logs of networks", "网络日志", Period(months=6),
            "网络安全法", 23, "2025年修正", True, kinds=("event",),
        ),
        Preset(
            "ecommerce", "Transactions on a platform", "电子商务平台交易信息", Period(3),
            "电子商务法", 31, "2018年通过", True,
            "the completion of the transaction", "交易完成之日",
        ),
        Preset(
            "limitation", "Claims from contracts", "合同请求权时效", Period(3),
            "民法典", 188, "2020年通过", False,
        ),
        Preset(
            "personal", "Personal information, no longer than necessary", "个人信息最短必要时间",
            None, "个人信息保护法", 19, "2021年通过", False,
        ),
    )
}  # fmt: skip
