# ruff: noqa: E501 - a table is read better with one case a row
"""Events: who acted, on whom, and what the rules can read of it."""

import json

import pytest

from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import FLAG_TIME_UNKNOWN, FLAG_UNKNOWN_TYPE
from rules.side_events import TYPES

T = 1_603_876_152_000
WM = "woAJ2GCAAAXtWyujaWJHDDGi0mACAAAA"
DECODER = Decoder("demo", assume_received_at=T)


def event(kind, source, payload, changes=None):
    made = {
        "v": 1,
        "kind": "event",
        "time": T,
        "received_at": T + 9,
        "tenant": "acme",
        "seq": 0,
        "id": "cb-1",
        "source": source,
        "type": kind,
        "payload": payload,
    }
    made = {k: v for k, v in {**made, **(changes or {})}.items() if v is not ...}
    return DECODER.decode(json.dumps(made).encode())


PEOPLE = {"UserID": "zhangsan", "ExternalUserID": WM}
LOGGED = {"userid": "sam", "oper_type": 4, "detail_info": "姓名：shel", "ip": "183.40.88.*"}
LOG_FIELDS = {"event.oper_type": 4, "event.detail": "姓名：shel", "event.ip": "183.40.88.*"}

# type, source, payload, actor, sender_kind, room, fields besides event.source
CASES = [
    (
        "customer_added", "callback", {**PEOPLE, "State": "teststate"},
        "zhangsan", "employee", "", {"customer": WM, "event.state": "teststate"},
    ),
    (
        "customer_deleted", "callback", {**PEOPLE, "Source": "DELETE_BY_TRANSFER"},
        "zhangsan", "employee", "",
        {"customer": WM, "event.source_reason": "DELETE_BY_TRANSFER"},
    ),
    ("customer_deleted", "callback", PEOPLE, "zhangsan", "employee", "", {"customer": WM}),
    (
        "customer_deleted", "callback", {"UserID": " zhangsan", "ExternalUserID": f"{WM} ", "Source": ""},
        "zhangsan", "employee", "", {"customer": WM},
    ),
    ("customer_edited", "callback", PEOPLE, "zhangsan", "employee", "", {"customer": WM}),
    (
        "customer_left", "callback", PEOPLE,
        "", "system", "", {"customer": WM, "event.employee": "zhangsan"},
    ),
    (
        "audit_approved", "callback", PEOPLE,
        "", "system", "", {"customer": WM, "event.employee": "zhangsan"},
    ),
    (
        "transfer_failed", "callback", {**PEOPLE, "FailReason": "customer_refused"},
        "", "system", "",
        {"customer": WM, "event.takeover": "zhangsan", "event.fail_reason": "customer_refused"},
    ),
    (
        "room_changed", "callback",
        {"ChatId": "wr1", "ChangeType": "update", "UpdateDetail": "add_member", "JoinScene": "1", "QuitScene": 0, "MemChangeCnt": "10"},
        "", "system", "wr1",
        {"event.change": "update", "event.detail": "add_member", "event.join_scene": 1, "event.quit_scene": 0, "event.members": 10},
    ),
    ("room_changed", "callback", {"ChatId": "wr1", "ChangeType": "dismiss"}, "", "system", "wr1", {"event.change": "dismiss"}),
    (
        "customer_transferred", "transfer_audit",
        {"operator": "boss", "handover_userid": "zhangsan", "takeover_userid": "lisi", "external_userid": WM, "approval_id": 77},
        "boss", "employee", "",
        {"customer": WM, "event.handover": "zhangsan", "event.takeover": "lisi", "event.approval": "77"},
    ),
    ("login_new_device", "member_oper_log", LOGGED, "sam", "employee", "", LOG_FIELDS),
    ("login_secondary_device", "member_oper_log", LOGGED, "sam", "employee", "", LOG_FIELDS),
    ("member_operation", "member_oper_log", LOGGED, "sam", "employee", "", LOG_FIELDS),
    (
        "admin_operation", "admin_oper_log", {**LOGGED, "detail_type": 2},
        "sam", "employee", "", {**LOG_FIELDS, "event.detail_type": 2},
    ),
    (
        "file_operation", "file_oper_record",
        {"userid": "zhangsan", "operation": {"type": 101, "source": 401}, "file_info": "1.jpg", "file_size": 405842, "file_md5": "GM", "device_type": 1, "device_code": "owM2ovo"},
        "zhangsan", "employee", "",
        {"event.operation": 101, "event.operation_source": 401, "file.name": "1.jpg", "file.size": 405842, "file.md5": "gm", "device.type": 1, "device.code": "owM2ovo"},
    ),
    (
        "file_operation", "file_oper_record",
        {"external_user": {"type": 2, "name": "xxx", "corp_name": "十分科技"}, "operation": {"type": 10001}, "file_info": "1.jpg"},
        "", "customer", "",
        {"event.operation": 10001, "file.name": "1.jpg", "external.name": "xxx", "external.corp": "十分科技"},
    ),
    (
        "screen_operation", "screen_oper_record",
        {"userid": "lisi", "department_id": 3, "screen_shot_type": 4, "screen_shot_content": "文件", "system": "iOS"},
        "lisi", "employee", "",
        {"event.operation": 4, "event.detail": "文件", "event.department": "3", "device.system": "iOS"},
    ),
    (
        "drive_changed", "drive_callback", {"SpaceId": "s", "FileId": "f1", "ChangeType": "delete_file"},
        "", "system", "", {"event.change": "delete_file", "drive.space": "s", "drive.files": ["f1"]},
    ),
    (
        "drive_changed", "drive_callback", {"FileId": ["f1 ", "f2", ""], "ChangeType": "delete_file"},
        "", "system", "", {"event.change": "delete_file", "drive.files": ["f1", "f2"]},
    ),
    ("drive_changed", "drive_callback", {"ChangeType": "x"}, "", "system", "", {"event.change": "x"}),
    (
        "archive_accessed", "own_audit", {"userid": "amy", "operation": "delete", "object": "m1"},
        "amy", "employee", "", {"event.operation": "delete", "event.object": "m1"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "source", "payload", "actor", "who", "room", "fields"), CASES)
def test_event(kind, source, payload, actor, who, room, fields):
    message = event(kind, source, payload)
    assert (message.kind, message.type, message.msgid) == ("event", kind, "cb-1")
    assert (message.sender, message.sender_kind) == (actor, who)
    assert message.field("actor") == actor
    assert message.fields == {"event.source": source, **fields}
    assert (message.room, message.conversation) == (room, "")
    assert (message.direction, message.text, message.flags) == ("internal", "", ())
    assert (message.tenant, message.time, message.received_at) == ("acme", T, T + 9)


def test_every_event_type_has_a_case():
    assert {case[0] for case in CASES} == TYPES


def test_unknown_events_are_kept_with_a_flag():
    message = event("phone_lost", "callback", {"userid": 3})
    assert (message.type, message.flags) == ("phone_lost", (FLAG_UNKNOWN_TYPE,))
    assert (message.sender, message.fields) == ("", {"event.source": "callback"})


def test_an_event_without_seq_and_with_unknown_time():
    message = event("customer_deleted", "callback", PEOPLE, {"seq": ..., "time": 0})
    assert (message.seq, message.time, message.flags) == (0, T + 9, (FLAG_TIME_UNKNOWN,))


@pytest.mark.parametrize(
    ("kind", "payload", "changes", "reason", "detail"),
    [
        ("customer_deleted", {"UserID": "a"}, {}, "missing_field", "payload.ExternalUserID"),
        ("customer_deleted", {"ExternalUserID": WM}, {}, "missing_field", "payload.UserID"),
        (
            "customer_deleted",
            {**PEOPLE, "UserID": ["a"]},
            {},
            "wrong_type",
            "payload.UserID: expected str, got array",
        ),
        ("customer_transferred", {"operator": "a"}, {}, "missing_field", "payload.external_userid"),
        ("login_new_device", {}, {}, "missing_field", "payload.userid"),
        (
            "login_new_device",
            {"userid": "a", "oper_type": "four"},
            {},
            "wrong_type",
            "payload.oper_type: expected int, got str",
        ),
        ("file_operation", {"file_info": "x"}, {}, "missing_field", "payload.userid"),
        (
            "file_operation",
            {"userid": "a", "operation": 101},
            {},
            "wrong_type",
            "payload.operation: expected object, got int",
        ),
        ("room_changed", {}, {}, "missing_field", "payload.ChatId"),
        (
            "drive_changed",
            {"FileId": [{}]},
            {},
            "wrong_type",
            "payload.FileId: expected str, got object",
        ),
        ("customer_deleted", PEOPLE, {"id": ...}, "missing_field", "id"),
        ("customer_deleted", PEOPLE, {"id": 5}, "wrong_type", "id: expected str, got int"),
        ("customer_deleted", PEOPLE, {"source": None}, "missing_field", "source"),
        ("customer_deleted", PEOPLE, {"type": ...}, "missing_field", "type"),
        ("customer_deleted", PEOPLE, {"seq": "1"}, "wrong_type", "seq: expected int, got str"),
        ("customer_deleted", PEOPLE, {"time": 16666666666}, "time_out_of_range", None),
    ],
)
def test_refused(kind, payload, changes, reason, detail):
    with pytest.raises(RecordError) as caught:
        event(kind, "callback", payload, changes)
    assert caught.value.reason == reason
    assert detail is None or caught.value.detail == detail
