"""Device and network facts, each with its source and how precise it is.

An archived message carries neither device nor address. What is known comes from side logs of the
same person around the same time; it is shown as that, and what nobody recorded is "not available".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rules.message import Message

NOT_AVAILABLE = "not available"

# event.source -> what the log is called (English, Chinese)
SOURCES = {
    "member_oper_log": ("member operation log", "成员操作记录"),
    "admin_oper_log": ("admin operation log", "管理端操作日志"),
    "file_oper_record": ("file leak prevention log", "文件防泄漏记录"),
    "screen_oper_record": ("screenshot and recording log", "截屏/录屏记录"),
    "callback": ("event callback", "事件回调"),
    "transfer_audit": ("customer transfer audit", "客户转移审计"),
    "drive_callback": ("drive callback", "微盘回调"),
    "own_audit": ("Mingjian's own audit", "明鉴操作审计"),
}
TYPES = {
    "customer_added": ("added a customer", "添加客户"),
    "customer_deleted": ("deleted a customer", "删除客户"),
    "customer_left": ("deleted by the customer", "被客户删除"),
    "customer_edited": ("edited a customer's data", "修改客户资料"),
    "transfer_failed": ("transfer of a customer failed", "客户转移失败"),
    "audit_approved": ("customer agreed to archiving", "客户同意存档"),
    "room_changed": ("group changed", "群变更"),
    "customer_transferred": ("transferred a customer", "转移客户"),
    "login_new_device": ("login on a new device", "新设备登录"),
    "login_secondary_device": ("login on a second device", "副设备登录"),
    "member_operation": ("member operation", "成员操作"),
    "admin_operation": ("admin operation", "管理端操作"),
    "file_operation": ("file operation", "文件操作"),
    "screen_operation": ("screenshot or recording", "截屏/录屏"),
    "drive_changed": ("drive changed", "微盘变更"),
    "archive_accessed": ("archive accessed", "访问存档"),
}


def device_rows(events: Iterable[tuple[int, Message]]) -> list[dict[str, Any]]:
    """Rows of device.json: first what archived messages carry (nothing), then the side logs.

    Args:
        events: (number of the record in events.jsonl, decoded event).
    """
    rows: list[dict[str, Any]] = [
        {
            "about": "archived messages",
            "source": "WeCom session archive",
            "ip": NOT_AVAILABLE,
            "ip_granularity": NOT_AVAILABLE,
            "device": NOT_AVAILABLE,
            "device_granularity": NOT_AVAILABLE,
            "note": "WeCom does not record the device or the network address of a message",
        },
        {
            "about": "trusted device list",
            "source": "WeCom trusted devices (MAC, board, disk)",
            "ip": NOT_AVAILABLE,
            "ip_granularity": NOT_AVAILABLE,
            "device": NOT_AVAILABLE,
            "device_granularity": NOT_AVAILABLE,
            "note": "not collected: this installation does not read that list",
        },
    ]
    for number, event in events:
        row = _row(number, event)
        if row:
            rows.append(row)
    return rows


# what the operations of the file log are called; others are shown by their number
OPERATIONS = {
    101: ("upload", "上传"),
    103: ("download", "下载"),
    10001: ("download from outside by a link", "外部经链接下载"),
}
# (source, number of the operation) -> (English, Chinese), as WeCom's interface names them
_MEMBER, _ADMIN, _SCREEN = "member_oper_log", "admin_oper_log", "screen_oper_record"
_NUMBERED = {
    (_MEMBER, 1): ("added an external contact", "添加外部联系人"),
    (_MEMBER, 2): ("deleted an external contact", "删除外部联系人"),
    (_MEMBER, 3): ("tagged a customer", "标记企业客户"),
    (_MEMBER, 4): ("login on a new device", "新设备登录"),
    (_MEMBER, 5): ("changed the mobile number", "更换手机号"),
    (_MEMBER, 6): ("linked a WeChat account", "绑定微信号"),
    (_MEMBER, 7): ("linked another WeChat account", "换绑微信号"),
    (_MEMBER, 8): ("invited a member", "邀请成员"),
    (_MEMBER, 9): ("login blocked", "封禁登录"),
    (_MEMBER, 11): ("changed the nickname", "修改昵称"),
    (_MEMBER, 12): ("changed the name", "修改姓名"),
    (_MEMBER, 13): ("login on a second device", "副设备登录"),
    (_MEMBER, 15): ("confirmed an order of advanced functions", "确认高级功能订单"),
    (_MEMBER, 16): ("changed applications", "应用变更"),
    (_MEMBER, 17): ("confirmed an order of session archiving", "确认会话存档订单"),
    (_MEMBER, 20): ("contact with WeChat blocked", "封禁互通"),
    (_MEMBER, 21): ("locked a device", "锁定设备"),
    (_ADMIN, 2): ("rights", "权限"),
    (_ADMIN, 3): ("members and departments", "成员与部门"),
    (_ADMIN, 7): ("other", "其它"),
    (_ADMIN, 8): ("applications", "应用"),
    (_ADMIN, 11): ("contacts and chats", "通讯录与聊天"),
    (_ADMIN, 12): ("company data", "企业信息"),
    (_ADMIN, 13): ("external contacts", "外部联系人"),
    (_SCREEN, 1): ("chat", "聊天"),
    (_SCREEN, 2): ("contacts", "通讯录"),
    (_SCREEN, 3): ("mail", "邮件"),
    (_SCREEN, 4): ("file", "文件"),
    (_SCREEN, 5): ("calendar", "日程"),
    (_SCREEN, 6): ("other", "其他"),
}
_PARTS = {"设备": "device", "部门": "department", "姓名": "name", "手机号": "mobile number"}
_HAN = re.compile("[\u3400-\u9fff]")


def detail(event: Message, *, chinese: bool = True) -> str:
    """What the log says of the deed beside its kind, "" if nothing. In English the kind of the
    operation by its number, and what the log has in Chinese and no English, in quotation marks."""
    told = str(event.field("event.detail") or "").strip()
    code = event.field("event.operation")
    if event.type == "file_operation" and isinstance(code, int):
        return OPERATIONS.get(code, (f"operation {code}", f"操作码 {code}"))[chinese]
    if chinese or not _HAN.search(told):
        return told
    source = str(event.field("event.source") or "")
    if source in (_MEMBER, _ADMIN):
        code = event.field("event.oper_type")
    en, zh = _NUMBERED.get((source, code), ("", "")) if isinstance(code, int) else ("", "")
    if en == TYPES.get(event.type, ("",))[0]:
        en = ""  # that is its kind, which is said already
    if told == zh:
        return en
    parts = [part.partition("：") for part in told.split("；")]
    if all(name in _PARTS for name, _, _ in parts):
        rest = "; ".join(f"{_PARTS[name]}: {value}" for name, _, value in parts)
        return f"{en}; {rest}" if en else rest
    return f'{en}: "{told}"' if en else f'"{told}"'


def _row(number: int, event: Message) -> dict[str, Any] | None:
    ip = str(event.field("event.ip") or "")
    kind, code = event.field("device.type"), event.field("device.code")
    system = event.field("device.system")
    if not (ip or kind is not None or code or system):
        return None
    parts = [f"type {kind}"] if kind is not None else []
    parts += [f"code {code}"] if code else []
    parts += [f"system {system}"] if system else []
    if code:
        precision = "one device, by WeCom's device code"
    elif parts:
        precision = "kind of device only"
    else:
        precision = NOT_AVAILABLE
    masked = ip.endswith("*")
    return {
        "about": event.type,
        "record": number,
        "time": event.time,
        "actor": event.sender,
        "source": str(event.field("event.source") or ""),
        "detail": detail(event),
        "ip": ip or NOT_AVAILABLE,
        "ip_granularity": ("network /24, masked by WeCom" if masked else "full address")
        if ip
        else NOT_AVAILABLE,
        "device": ", ".join(parts) or NOT_AVAILABLE,
        "device_granularity": precision,
        "note": "same person, near in time; does not show what a message was sent from",
    }
