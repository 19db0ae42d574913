"""One small case, whole: a conversation in which an employee asks for private payment.

Everything is made here from plain values, so tests of the report need no running part.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from reports.anchor import Anchors
from reports.case import ALERT, Bundle, Raised, Request, Subject
from reports.context_files import FileContext
from reports.evidence import build_bundle
from reports.rule_text import RuleText, rule_text
from rules.alert import sm3_raw
from rules.decode import Decoder
from sinks.sealing import Sealer, binding

TENANT = "demo"
EMPLOYEE, CUSTOMER = "zhangwei", "wmJk8QBgAAxY3vTqLmN0pRsUwZcDeFgH"
OTHER = "wmOther0BgAAbCdEfGhIjKlMnOpQrStUv"
CONVERSATION = "|".join(sorted((EMPLOYEE, CUSTOMER)))
START = 1_780_279_200_000  # 2026-06-01 10:00:00 in Beijing
CREATED_AT = START + 3 * 3_600_000
CARD = "6222021234567890128"
RESIDENT_ID = "11010519491231002X"

RULE = """\
title: 要求客户向个人账户付款
id: 6a1f3f0e-8d1c-4a5e-9b1e-0c3f5d7a9b21
name: a02_03_transfer_to_individual
description: 员工在与客户的会话中要求把款项付到个人账户，属于私收款项。
level: high
logsource: {product: wecom, category: conversation}
detection:
  words:
    text|contains:
      - 转我卡上
      - 打到我个人账户
      - 我的私人账户
  staff: {sender_kind: employee, direction: outbound}
  condition: words and staff
mingjian:
  version: 3
  item: A02-03
  response: 2
  legal:
    - 《中华人民共和国刑法》第一百六十三条、第二百七十一条
    - 《中华人民共和国商业银行法》第五十二条
  tests:
    - {name: 命中, text: 打到我个人账户, match: true}
"""

# (seconds after START, msgid, sender, msgtype, body)
_TALK: list[tuple[int, str, str, str, dict[str, Any]]] = [
    (0, "m01", CUSTOMER, "text", {"content": "张经理，上次说的咨询服务，年费还是 28000 吗？"}),
    (41, "m02", EMPLOYEE, "text", {"content": "王总好，标准价是 28000，签两年可以谈到 25000。"}),
    (95, "m03", EMPLOYEE, "file", {
        "md5sum": "18e93fc2ea884df23b3d2d3b8667b9f0", "filename": "咨询服务合同（2026版）.docx",
        "fileext": "docx", "filesize": 181_810, "sdkfileid": "CtYBMzA2x",
    }),
    (180, "m04", CUSTOMER, "text", {"content": "收到。付款还是走你们公司对公账户吧？"}),
    (236, "m05", EMPLOYEE, "text", {
        "content": "这是一条引用/回复消息：\n\"王总：付款还是走你们公司对公账户吧？\"\n------\n"
        "不用那么麻烦，您直接打到我个人账户，22000 就行，公司那边我来处理。",
    }),
    (262, "m06", EMPLOYEE, "text", {"content": f"卡号 {CARD}，工行。转我卡\u200b上就行 😊"}),
    (300, "m07", CUSTOMER, "text", {"content": "这样合适吗？<b>发票</b>{{ 7 * 7 }}怎么开？"}),
    (331, "m08", EMPLOYEE, "text", {"content": "发票后面补，您放心。您的身份证也发我登记一下。"}),
    (390, "m09", CUSTOMER, "text", {"content": f"{RESIDENT_ID}，我先问问法务。"}),
    (402, "m10", EMPLOYEE, "link", {
        "title": "如何快速转账", "description": "手机银行操作说明",
        "link_url": "https://bank.example/help?id=3", "image_url": "",
    }),
    (455, "m11", EMPLOYEE, "revoke", {"pre_msgid": "m06"}),
    (520, "m12", CUSTOMER, "image", {"md5sum": "50de8e5ae8ffe4f1df7a93841f71993a",
                                     "filesize": 70_961, "sdkfileid": "CtYBMzA2y"}),
    (610, "m13", CUSTOMER, "location", {
        "longitude": 116.397, "latitude": 39.908, "address": "北京市东城区长安街 1 号",
        "title": "办公室", "zoom": 15,
    }),
    (700, "m14", EMPLOYEE, "redpacket", {
        "type": 1, "wish": "合作愉快", "totalcnt": 1, "totalamount": 8800,
    }),
    (760, "m15", CUSTOMER, "text", {"content": "法务说只能付对公账户，麻烦您按合同来。"}),
]  # fmt: skip
_DEEDS: list[tuple[int, str, str, str, dict[str, Any]]] = [
    (-5400, "cb-01", "login_new_device", "member_oper_log", {
        "userid": EMPLOYEE, "oper_type": 4, "detail_info": "新设备登录", "ip": "183.40.88.*",
    }),
    (130, "cb-02", "file_operation", "file_oper_record", {
        "userid": EMPLOYEE, "operation": {"type": 103, "source": 401},
        "file_info": "客户名单.xlsx", "file_size": 405_842, "file_md5": "9db09c7fa627c9e5",
        "device_type": 1, "device_code": "owM2ovo",
    }),
    (470, "cb-03", "screen_operation", "screen_oper_record", {
        "userid": EMPLOYEE, "department_id": 3, "screen_shot_type": 1,
        "screen_shot_content": "聊天", "system": "iOS",
    }),
]  # fmt: skip
MEMBERS = ("m05", "m06")


def said(at: int, msgid: str, sender: str, kind: str, body: dict[str, Any], seq: int) -> bytes:
    """One archived message in the envelope of docs/data-formats.md."""
    time = START + at * 1000
    payload = {
        "msgid": msgid,
        "action": "recall" if kind == "revoke" else "send",
        "from": sender,
        "tolist": [CUSTOMER if sender == EMPLOYEE else EMPLOYEE],
        "roomid": "",
        "msgtime": time,
        "msgtype": kind,
        kind: body,
    }
    return _line({"v": 1, "kind": "archive", "time": time, "received_at": time + 1500,
                  "tenant": TENANT, "seq": seq, "payload": payload})  # fmt: skip


def done(at: int, key: str, kind: str, source: str, payload: dict[str, Any]) -> bytes:
    """One side event in the same envelope."""
    time = START + at * 1000
    return _line({"v": 1, "kind": "event", "time": time, "received_at": time + 60_000,
                  "tenant": TENANT, "seq": 0, "id": key, "source": source, "type": kind,
                  "payload": payload})  # fmt: skip


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def records() -> dict[str, bytes]:
    """All raw records of the case by id, in time order."""
    rows = [(at, key, said(at, key, who, kind, body, 100 + int(key[1:])))
            for at, key, who, kind, body in _TALK]  # fmt: skip
    rows += [(at, key, done(at, key, kind, src, body)) for at, key, kind, src, body in _DEEDS]
    return {key: raw for _, key, raw in sorted(rows)}


def write_day(folder: Path) -> Path:
    """The case as a file of messages, among others' talk, bad lines and another customer's."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(records().values())
    lines.insert(3, b'{"v":1,"kind":"archive","time":1,"broken')
    lines.insert(5, f"not json {CUSTOMER}".encode())
    lines.insert(6, said(200, "x01", "lisi", "text", {"content": "与本案无关"}, 900))
    (folder / "messages-p0.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def rule() -> RuleText:
    """The rule that judged."""
    return rule_text(RULE)


def alert_and_evidence(sealer: Sealer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The alert and its evidence as a reader gives them."""
    raws, decoder = records(), Decoder(TENANT)
    messages = {key: decoder.decode(raw) for key, raw in raws.items()}
    alert_id = "5f0c2ab19d7e4c3688aa01b2c3d4e5f6"
    hits = []
    for key, pattern in (("m05", "打到我个人账户"), ("m06", "转我卡上")):
        text = messages[key].text
        start = text.index(pattern[:3])
        end = start + len(pattern) + ("\u200b" in text)
        variant = ["zero_width"] if "\u200b" in text else []
        hits.append({"msgid": key, "field": "text", "start": start, "end": end,
                     "pattern": pattern, "excerpt": pattern, "variant": variant})  # fmt: skip
    evidence = []
    for key in MEMBERS:
        message, raw, evidence_id = (
            messages[key],
            raws[key],
            hashlib.sha256(key.encode()).hexdigest()[:32],
        )
        evidence.append({
            "v": 1, "evidence_id": evidence_id, "alert_id": alert_id, "tenant": TENANT,
            "msgid": key, "seq": message.seq, "time": message.time, "type": message.type,
            "sender": message.sender, "conversation": message.conversation,
            "direction": message.direction, "text": "（已脱敏）",
            "raw_sm3": sm3_raw(raw), "raw_sha256": hashlib.sha256(raw).hexdigest(),
            "raw_size": len(raw),
            "position": {"source": "kafka:messages", "partition": 1, "offset": message.seq},
            "sealed": sealer.seal(raw, binding(TENANT, evidence_id)),
        })  # fmt: skip
    members = [
        {"msgid": row["msgid"], "seq": row["seq"], "time": row["time"], "type": row["type"],
         "sender": row["sender"], "evidence_id": row["evidence_id"]}
        for row in evidence
    ]  # fmt: skip
    alert = {
        "v": 1, "alert_id": alert_id, "tenant": TENANT,
        "rule": {"id": "6a1f3f0e-8d1c-4a5e-9b1e-0c3f5d7a9b21",
                 "name": "a02_03_transfer_to_individual", "title": "要求客户向个人账户付款",
                 "version": 3, "digest": rule().digest, "item": "A02-03", "level": "high",
                 "response": 2},
        "ruleset": sm3_raw(b"the first ruleset"), "status": "final",
        "response_state": "post_hoc", "time": members[-1]["time"],
        "first_time": members[0]["time"], "actor": EMPLOYEE, "actor_kind": "employee",
        "conversation": CONVERSATION, "counterparties": [CUSTOMER],
        "group": {"sender": EMPLOYEE}, "count": 2, "members": members, "hits": hits,
        "summary": "员工 zhangwei 要求客户 wmJk…FgH 把服务费付到其个人账户，并发送了个人卡号",
    }  # fmt: skip
    return alert, evidence


def request(**changes: Any) -> Request:
    """Who asks for the pack."""
    values: dict[str, Any] = {
        "created_at": CREATED_AT, "created_by": "审计员 li.na", "reason": "内审 2026-017",
        "company": "明鉴示范咨询有限公司", "tool": "mingjian 0.1.0",
        "names": {EMPLOYEE: "张伟", CUSTOMER: "王总"},
    }  # fmt: skip
    return Request(**{**values, **changes})


def bundle(folder: Path, *, anchors: Anchors | None = None, **changes: Any) -> Bundle:
    """The bundle of the case, with its surroundings read from `folder`; `anchors`: its ledger."""
    sealer = Sealer("sample", {"sample": bytes(range(16))})
    alert, evidence = alert_and_evidence(sealer)
    decoder = Decoder(TENANT)
    return build_bundle(
        Subject(ALERT, alert["alert_id"]),
        [Raised(alert, evidence, rule())],
        context=FileContext(write_day(folder), decoder),
        sealer=sealer,
        decoder=decoder,
        request=request(**changes),
        anchors=anchors,
    )
