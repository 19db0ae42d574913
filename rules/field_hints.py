"""Which field an author meant: by the name other systems have for it, or by what is asked of it."""

from __future__ import annotations

from collections.abc import Iterable

from rules.conditions import TEXT_FIELDS
from rules.fields import FIELDS
from rules.nearest import nearest
from rules.refused import UnknownName
from rules.time_conditions import TIME_MODIFIERS

# our name -> what others call it, in lower case without _ and blanks
_CALLED = {
    "text": "content contents message messages msg body words word textcontent msgcontent 内容",
    "quoted": "quote quotes quotedtext reply 引用",
    "sender": "user userid employee staff speaker author owner senderid fromuser 发送人 员工",
    "recipients": "receiver receivers recipient to touser tousers 接收人",
    "conversation": "chat chatid session sessionid dialog dialogue conversationid thread 会话",
    "room": "group groupid chatroom groupchat 群",
    "time": "date datetime timestamp at hour when msgtime 时间",
    "type": "messagetype msgkind eventtype 类型",
    "msgid": "id messageid 编号",
    "sender_kind": "senderkind sendertype role 身份",
    "sender.department": "department dept 部门",
    "sender.role": "job position post 岗位",
    "customer.segment": "segment customersegment 分层",
    "file.name": "filename file 文件名",
    "file.size": "filesize size 文件大小",
    "file.md5": "md5 filemd5",
    "link.url": "url link links 链接",
    "redpacket.amount": "amount money 金额",
    "revoke.pre_msgid": "premsgid recalled",
}
_CUSTOMERS = ("customers", "customerid", "client", "clients", "externaluserid", "客户")
_MEANT = {name: ours for ours, names in _CALLED.items() for name in names.split()}


def unknown_field(
    name: str,
    modifiers: Iterable[str] = (),
    *,
    known: Iterable[str] = FIELDS,
    groups: bool = False,
) -> UnknownName:
    """The error for a field that does not exist; it names those, of all `known` ones, that can be
    asked what `modifiers` ask. `groups`: messages are to be grouped by it."""
    asked = {*modifiers}
    fitting = {*known}
    if asked & {"lexicon", "detect", "re"}:
        fitting = fitting & TEXT_FIELDS
    elif asked & {*TIME_MODIFIERS}:
        fitting = {"time"}
    elif "in_list" in asked:
        fitting = fitting - TEXT_FIELDS
    key = "".join(name.casefold().replace("_", "").split())
    called = _MEANT.get(key, "")
    if key in _CUSTOMERS:  # messages have no such field: who talks with whom is the conversation
        called = "conversation" if groups else "customer"
    near = called if called in fitting else nearest(name, sorted(fitting))
    return UnknownName("field", name, sorted(fitting), meant=near or _first(fitting))


def _first(fitting: set[str]) -> str:
    """The one field that can be asked this; of the texts of a message the sender's own."""
    return "text" if fitting == TEXT_FIELDS else next(iter(fitting)) if len(fitting) == 1 else ""
