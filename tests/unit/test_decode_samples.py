"""Every published archive sample, bare and inside an envelope, decodes to exactly this."""

import json
from pathlib import Path

import pytest

from rules.archive import TYPES
from rules.decode import Decoder
from rules.message import FLAG_TIME_UNKNOWN

SAMPLES = Path(__file__).parents[1] / "data" / "archive_samples.jsonl"
RAW = {
    record.get("msgtype", "switch"): line
    for line in SAMPLES.read_bytes().splitlines()
    for record in [json.loads(line)]
}
RECEIVED = 1_700_000_000_000

# type → (text, quoted, sender_kind, direction, fields)
EXPECTED = {
    "text": ("test", "", "employee", "internal", {}),
    "image": (
        "",
        "",
        "employee",
        "internal",
        {
            "media.md5": "50de8e5ae8ffe4f1df7a93841f71993a",
            "media.size": 70961,
            "media.id": "CtYBMzA2…",
        },
    ),
    "revoke": (
        "",
        "",
        "employee",
        "outbound",
        {"revoke.pre_msgid": "14822339130656386894_1603875600"},
    ),
    "agree": (
        "",
        "",
        "customer",
        "inbound",
        {"agree.userid": "wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOuQ", "agree.time": 1603875826656},
    ),
    "disagree": (
        "",
        "",
        "customer",
        "inbound",
        {"agree.userid": "wmErxtDgAA9AW32YyyuYRimKr7D1KWlw", "agree.time": 1603875944122},
    ),
    "voice": (
        "",
        "",
        "customer",
        "inbound",
        {
            "media.md5": "9db09c7fa627c9e53f17736c786a74d5",
            "media.size": 6810,
            "media.seconds": 10,
            "media.id": "kcyZjZqO…",
        },
    ),
    "video": (
        "",
        "",
        "employee",
        "outbound",
        {
            "media.md5": "d06fc80c01d6fbffcca3b229ba41eac6",
            "media.size": 15169724,
            "media.seconds": 108,
            "media.id": "MzAzMjYx…",
        },
    ),
    "card": (
        "",
        "",
        "employee",
        "outbound",
        {"card.userid": "wmGAgeDQAAGjFmfnP7A3j2JxQDdLNhSw", "card.corpname": "微信联系人"},
    ),
    "location": (
        "",
        "",
        "employee",
        "outbound",
        {
            "location.latitude": 39.911125799,
            "location.longitude": 116.586285899,
            "location.address": "北京市xxx区xxx路xxx大厦x座",
            "location.title": "xxx管理中心",
        },
    ),
    "emotion": (
        "",
        "",
        "employee",
        "outbound",
        {
            "emotion.type": 1,
            "media.md5": "94c2b0bba52cc456cb8221b248096612",
            "media.size": 962604,
            "media.id": "4eE1ESTV…",
        },
    ),
    "file": (
        "",
        "",
        "employee",
        "outbound",
        {
            "file.name": "资料.docx",
            "file.ext": "docx",
            "file.size": 18181,
            "file.md5": "18e93fc2ea884df23b3d2d3b8667b9f0",
            "media.id": "E4ODRkZj…",
        },
    ),
    "link": (
        "邀请你加入群聊\n技术支持群，进入可查看详情",
        "",
        "employee",
        "internal",
        {
            "link.title": "邀请你加入群聊",
            "link.url": "https://work.weixin.qq.com/wework_admin/external_room/join/exceed?vcode=xxx",
            "link.canonical": "https://work.weixin.qq.com/wework_admin/external_room/join/exceed?vcode=xxx",
            "link.urls": [
                "https://work.weixin.qq.com/wework_admin/external_room/join/exceed?vcode=xxx"
            ],
        },
    ),
    "weapp": (
        "开始聊天前请仔细阅读服务须知事项\n客户需同意存档聊天记录",
        "",
        "employee",
        "outbound",
        {
            "link.title": "开始聊天前请仔细阅读服务须知事项",
            "weapp.username": "xxx@app",
            "weapp.name": "服务须知",
        },
    ),
    "chatrecord": (
        "",
        "test",
        "employee",
        "internal",
        {
            "chatrecord.title": "群聊",
            "items": [{"type": "text", "time": 1603875610000, "text": "test"}],
        },
    ),
    "collect": (
        "这是填表title\n表项1，文本\n表项2，数字",
        "",
        "employee",
        "internal",
        {"collect.creator": "nick", "collect.room_name": "这是一个群"},
    ),
    "redpacket": (
        "恭喜发财，大吉大利",
        "",
        "employee",
        "internal",
        {"redpacket.type": 1, "redpacket.count": 1, "redpacket.amount": 3000},
    ),
    "external_redpacket": (
        "恭喜发财，大吉大利",
        "",
        "customer",
        "inbound",
        {"redpacket.type": 1, "redpacket.count": 2, "redpacket.amount": 20},
    ),
    "meeting": (
        "夕会",
        "",
        "employee",
        "internal",
        {
            "meeting.id": "1210342560",
            "meeting.start": 1603877400000,
            "meeting.end": 1603881000000,
            "meeting.type": 102,
            "meeting.status": 1,
        },
    ),
    "switch": ("", "", "employee", "internal", {}),
    "docmsg": (
        "测试&演示客户",
        "",
        "employee",
        "internal",
        {
            "link.title": "测试&演示客户",
            "link.url": "https://doc.weixin.qq.com/txdoc/excel?docid=xxx",
            "link.canonical": "https://doc.weixin.qq.com/txdoc/excel?docid=xxx",
            "link.urls": ["https://doc.weixin.qq.com/txdoc/excel?docid=xxx"],
            "doc.creator": "test",
        },
    ),
    "markdown": ("请前往系统查看，谢谢。", "", "employee", "internal", {}),
    "news": (
        "service \ntest",
        "",
        "employee",
        "internal",
        {
            "link.title": "service ",
            "link.url": "http://xxx",
            "link.canonical": "http://xxx/",
            "link.urls": ["http://xxx/"],
        },
    ),
    "calendar": (
        "xxx业绩复盘会",
        "",
        "employee",
        "internal",
        {
            "meeting.start": 1603882800000,
            "meeting.end": 1603886400000,
            "meeting.attendees": ["aaa", "bbb"],
        },
    ),
    "mixed": (
        "你好[微笑]\n",
        "",
        "employee",
        "internal",
        {
            "items": [
                {"type": "text", "text": "你好[微笑]\n"},
                {
                    "type": "image",
                    "media.md5": "368b6c18c82e6441bfd89b343e9d2429",
                    "media.size": 13177,
                    "media.id": "CtYBMzA2…",
                },
            ]
        },
    ),
    "meeting_voice_call": (
        "",
        "",
        "customer",
        "inbound",
        {
            "call.id": "grb8a4c48a3c094a70982c518d55e40557",
            "call.seconds": 53,
            "call.shared_files": ["65eb1cdd3e7a3c1740ecd74220b6c627.docx"],
            "call.screen_shares": 1,
            "media.id": "CpsBKjAq…",
        },
    ),
    "voip_doc_share": (
        "",
        "",
        "employee",
        "outbound",
        {
            "call.id": "gr2751c98b19300571f8afb3b74514bd32",
            "file.name": "欢迎使用微盘.pdf.pdf",
            "file.ext": "pdf",
            "file.size": 4400654,
            "file.md5": "ff893900f24e55e216e617a40e5c4648",
            "media.id": "CpsBKjAq…",
        },
    ),
    "sphfeed": (
        "瑞士丨盖尔默缆车…\n\n#旅行#风景#热门",
        "",
        "employee",
        "outbound",
        {"sph.name": "云游天地旅行家", "sph.type": 4},
    ),
    "todo": ("来源文本\n待办内容", "", "employee", "internal", {}),
    "vote": ("主题\nA\nB", "", "employee", "internal", {"vote.id": "V1", "vote.type": 101}),
    "meeting_notification": (
        "…",
        "",
        "employee",
        "internal",
        {"meeting.id": "1210342560", "meeting.type": 1},
    ),
    "voiptext": ("", "", "employee", "internal", {"call.seconds": 10, "call.type": 2}),
    "qydiskfile": (
        "",
        "",
        "employee",
        "internal",
        {"file.name": "资料.xlsx", "file.ext": "xlsx"},
    ),
}


def test_each_type_the_decoder_knows_has_a_sample_or_is_tested_as_a_trap():
    assert set(RAW) == set(EXPECTED)
    assert TYPES - set(RAW) == {"solitaire", "note"}


@pytest.mark.parametrize("kind", EXPECTED)
def test_sample(kind):
    text, quoted, sender_kind, direction, fields = EXPECTED[kind]
    message = Decoder("demo", assume_received_at=RECEIVED).decode(RAW[kind])
    assert message.type == kind
    assert (message.text, message.quoted) == (text, quoted)
    assert (message.sender_kind, message.direction) == (sender_kind, direction)
    assert message.fields == fields
    assert message.flags == ((FLAG_TIME_UNKNOWN,) if kind == "image" else ())


@pytest.mark.parametrize("kind", EXPECTED)
def test_sample_in_an_envelope_says_the_same_and_brings_seq_tenant_and_receipt(kind):
    payload = json.loads(RAW[kind])
    envelope = {
        "v": 1,
        "kind": "archive",
        "time": payload.get("msgtime", payload.get("time")),
        "received_at": RECEIVED - 5,
        "tenant": "acme",
        "seq": 2**64 - 1,
        "payload": payload,
    }
    decoder = Decoder("demo", assume_received_at=RECEIVED)
    bare, message = decoder.decode(RAW[kind]), decoder.decode(json.dumps(envelope).encode())
    assert (message.tenant, message.seq, message.received_at) == (
        "acme",
        2**64 - 1,
        RECEIVED - 5,
    )
    for name in ("type", "action", "sender", "recipients", "conversation", "text", "fields"):
        assert getattr(message, name) == getattr(bare, name)


@pytest.mark.parametrize(
    ("kind", "sender", "recipients", "room", "conversation"),
    [
        ("text", "XuJinSheng", ("icefog",), "", "XuJinSheng|icefog"),
        (
            "collect",
            "nick",
            ("XuJinSheng", "15108264797"),
            "wrjc7bDwYAOAhf9quEwRRxyyoMm0QAAA",
            "wrjc7bDwYAOAhf9quEwRRxyyoMm0QAAA",
        ),
        ("switch", "XuJinSheng", (), "", ""),
        (
            "meeting_voice_call",
            "wo137MCgAAYW6pIiKKrDe5SlzEhSgwbA",
            ("wo137MCgAAYW6pIiKKrDe5SlzEhSgwbA",),
            "",
            "wo137MCgAAYW6pIiKKrDe5SlzEhSgwbA",
        ),
    ],
)
def test_parties(kind, sender, recipients, room, conversation):
    message = Decoder("demo", assume_received_at=RECEIVED).decode(RAW[kind])
    assert message.sender == sender
    assert message.recipients == recipients
    assert (message.room, message.conversation) == (room, conversation)


def test_a_recall_and_a_switch_keep_their_action_and_time():
    decoder = Decoder("demo", assume_received_at=RECEIVED)
    assert decoder.decode(RAW["revoke"]).action == "recall"
    switch = decoder.decode(RAW["switch"])
    assert (switch.action, switch.time) == ("switch", 1554119421840)
