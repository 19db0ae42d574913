"""What each role may do, and who somebody is."""

from __future__ import annotations

from typing import NamedTuple

from config.access import ADMINISTRATOR, AUDITOR, OFFICER, REVIEWER, Access
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.disposing import DELIVERER

SEARCH, SEE, UNMASK, EXPORT = "search", "see", "unmask", "export"
KEYS, READ_CUSTODY, CHECK = "keys", "read_custody", "check"
HOLD, SEE_HOLDS = "hold", "see_holds"
RETENTION, SEE_RETENTION, DISPOSE = "retention", "see_retention", "dispose"
SUBJECT, SEE_RESTRICTED = "subject", "see_restricted"
PUBLISH = "publish"
SEE_ALERTS, TEST_CHANNELS = "see_alerts", "test_channels"
ACCESS, FIND_MASKED = "access", "find_masked"
OPEN = "open"  # the role of everybody where nobody is told apart
NO_ROLE = "none"  # of who is named nowhere, in the line that says what they wanted

# right -> the roles that have it
RIGHTS = {
    SEARCH: (OFFICER, REVIEWER),
    SEE: (OFFICER, REVIEWER),
    UNMASK: (OFFICER,),
    EXPORT: (OFFICER,),
    KEYS: (ADMINISTRATOR,),
    READ_CUSTODY: (AUDITOR,),
    CHECK: (ADMINISTRATOR, AUDITOR),
    HOLD: (OFFICER,),
    SEE_HOLDS: (OFFICER, AUDITOR),
    RETENTION: (OFFICER,),
    SEE_RETENTION: (OFFICER, ADMINISTRATOR, AUDITOR),
    DISPOSE: (OFFICER, ADMINISTRATOR),  # another person than who made the plan
    SUBJECT: (OFFICER,),
    SEE_RESTRICTED: (OFFICER,),
    PUBLISH: (OFFICER,),
    SEE_ALERTS: (OFFICER, REVIEWER),
    TEST_CHANNELS: (ADMINISTRATOR, OFFICER),
    ACCESS: (ADMINISTRATOR,),
    FIND_MASKED: (OFFICER,),
}
RIGHT_NAMES = {
    SEARCH: ("search the archive", "检索归档"),
    SEE: ("see messages", "查看消息"),
    UNMASK: ("see personal data unmasked", "查看未脱敏的个人信息"),
    EXPORT: ("export messages", "导出消息"),
    KEYS: ("manage the archive's keys", "管理归档密钥"),
    READ_CUSTODY: ("read the custody book", "查阅保管记录"),
    CHECK: ("check the archive and the ledger", "核查归档与账本"),
    HOLD: ("place and lift legal holds", "设置与解除法律保全"),
    SEE_HOLDS: ("see legal holds", "查阅法律保全"),
    RETENTION: ("set retention policies and plan deletions", "设置留存策略、制定删除计划"),
    SEE_RETENTION: ("see retention policies and plans", "查阅留存策略与删除计划"),
    DISPOSE: ("approve deletions", "批准删除"),
    PUBLISH: ("publish rules", "发布规则"),
    SEE_ALERTS: ("see alerts", "查看告警"),
    TEST_CHANNELS: ("test notification channels", "测试通知渠道"),
    ACCESS: ("say who may do what", "设定各人的权限"),
    FIND_MASKED: ("look for what is masked for them", "检索对其脱敏的内容"),
    SUBJECT: ("answer requests of persons", "处理个人的查阅与删除请求"),
    SEE_RESTRICTED: (
        "see messages that may only be stored (PIPL art. 47)",
        "查看只可存储的消息（个人信息保护法第四十七条）",
    ),
}
ROLE_NAMES = {
    ADMINISTRATOR: ("administrator", "系统管理员"),
    OFFICER: ("officer", "合规官"),
    REVIEWER: ("reviewer", "复核员"),
    AUDITOR: ("auditor", "审计员"),
    OPEN: ("open to all", "未分权"),
    DELIVERER: ("deliverer", "投递进程"),
    NO_ROLE: ("no role", "无角色"),
}
_AND = ", "


class Actor(NamedTuple):
    """Who sits at the desk: the account, and their roles."""

    account: str
    roles: tuple[str, ...]

    def every_role(self) -> str:
        """All their roles, as a refusal is written down; `NO_ROLE` when they have none."""
        return _AND.join(self.roles) or NO_ROLE

    def acts_as(self, right: str) -> str:
        """The role that gives them this right; "" when none does."""
        if OPEN in self.roles:
            return OPEN
        return next((role for role in RIGHTS[right] if role in self.roles), "")


def actor_of(access: Access, account: str) -> Actor:
    """Who this account is; without roles when it is not named."""
    if access.open:
        return Actor(account, (OPEN,))
    for person in access.people:
        if person.account == account:
            return Actor(account, person.roles)
    return Actor(account, ())


def role_words(role: str) -> tuple[str, str]:
    """The role of a line of the book, or the roles, in English and Chinese."""
    named = [ROLE_NAMES.get(one, (one, one)) for one in role.split(_AND)]
    return ", ".join(en for en, _ in named), "、".join(zh for _, zh in named)


class NotAllowed(MingjianError):
    """Somebody wanted what none of their roles may do. `noted`: that is in the custody book."""

    def __init__(self, actor: Actor, right: str, *, noted: bool = True) -> None:
        en, zh = RIGHT_NAMES[right]
        roles = [ROLE_NAMES[role] for role in actor.roles]
        are = f"is {' and '.join(name for name, _ in roles)}" if roles else "has no role"
        sind = f"是{'、'.join(name for _, name in roles)}" if roles else "没有角色"
        needed = [ROLE_NAMES[role] for role in RIGHTS[right]]
        too_en = "; this was written into the custody book" if noted else ""
        too_zh = "；此次尝试已写入保管记录" if noted else ""
        super().__init__(
            f"{actor.account} {are} and may not {en}{too_en}",
            f"{actor.account} {sind}，无权{zh}{too_zh}",
            fix_en=f"ask somebody who is {' or '.join(name for name, _ in needed)}"
            " (access.people in the settings)",
            fix_zh=f"请由{'或'.join(name for _, name in needed)}操作（配置中的 access.people）",
            exit_code=EXIT_USAGE,
        )


def reason_given(why: str, right: str, option: str = "--why") -> str:
    """The reason, without blanks around it; `option` is where it is given.

    Raises:
        MingjianError: it is empty.
    """
    reason = " ".join(why.split())
    if not any(char.isalnum() for char in reason):
        en, zh = RIGHT_NAMES[right]
        raise MingjianError(
            f"a reason is needed to {en}",
            f"{zh}需要写明事由",
            fix_en=f"give {option} with the ticket or the reason; it is kept in the custody book",
            fix_zh=f"请用 {option} 写明工单号或事由，它会记入保管记录",
            exit_code=EXIT_USAGE,
        )
    return reason
