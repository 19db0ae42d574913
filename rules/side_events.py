"""Event payloads (callbacks and side logs) → actor, room and fields (docs/data-formats.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rules.reading import body, ident, put, text, whole

Json = dict[str, Any]
_P = "payload"


class Deed(NamedTuple):
    """Who did it ("" where the source names nobody), in which room, and the fields.

    `text` and what follows are set for what another system read in a message (`rules.feeds`): its
    words, and between whom they were said.
    """

    actor: str
    fields: Json
    room: str = ""
    actor_kind: str = ""  # "": employee when an actor is named, else system
    text: str = ""
    recipients: tuple[str, ...] = ()
    conversation: str = ""
    direction: str = "internal"


def deed(kind: str, payload: Json) -> Deed | None:
    """The deed of an event of type `kind`, None for a type this version does not know.

    Raises:
        RecordError: `missing_field` or `wrong_type` in a type we know.
    """
    read = _TYPES.get(kind)
    return read(payload) if read else None


def _customer(payload: Json) -> Deed:
    fields: Json = {}
    put(
        fields,
        customer=ident(payload, "ExternalUserID", _P, required=True),
        event__state=text(payload, "State", _P),
        event__source_reason=text(payload, "Source", _P).strip(),
    )
    return Deed(ident(payload, "UserID", _P, required=True), fields)


def _by_customer(payload: Json) -> Deed:
    """The customer acted (left, agreed to the archive): the employee is named, not blamed."""
    fields: Json = {}
    put(
        fields,
        customer=ident(payload, "ExternalUserID", _P, required=True),
        event__employee=ident(payload, "UserID", _P),
    )
    return Deed("", fields)


def _transfer_failed(payload: Json) -> Deed:
    """The customer refused or the taker is full; `UserID` is the taker, who did nothing."""
    fields: Json = {}
    put(
        fields,
        customer=ident(payload, "ExternalUserID", _P, required=True),
        event__takeover=ident(payload, "UserID", _P),
        event__fail_reason=text(payload, "FailReason", _P).strip(),
    )
    return Deed("", fields)


def _room_changed(payload: Json) -> Deed:
    fields: Json = {}
    put(
        fields,
        event__change=text(payload, "ChangeType", _P).strip(),
        event__detail=text(payload, "UpdateDetail", _P).strip(),
        event__join_scene=whole(payload, "JoinScene", _P),
        event__quit_scene=whole(payload, "QuitScene", _P),
        event__members=whole(payload, "MemChangeCnt", _P),
    )
    return Deed("", fields, room=ident(payload, "ChatId", _P, required=True))


def _customer_transferred(payload: Json) -> Deed:
    fields: Json = {}
    put(
        fields,
        customer=ident(payload, "external_userid", _P, required=True),
        event__handover=ident(payload, "handover_userid", _P),
        event__takeover=ident(payload, "takeover_userid", _P),
        event__approval=ident(payload, "approval_id", _P),
    )
    return Deed(ident(payload, "operator", _P, required=True), fields)


def _logged(payload: Json) -> Deed:
    """Member and admin logs: codes are kept as numbers, an unknown one included."""
    fields: Json = {}
    put(
        fields,
        event__oper_type=whole(payload, "oper_type", _P),
        event__detail_type=whole(payload, "detail_type", _P),
        event__ip=text(payload, "ip", _P).strip(),
        event__detail=text(payload, "detail_info", _P),
    )
    return Deed(ident(payload, "userid", _P, required=True), fields)


def _file_operation(payload: Json) -> Deed:
    fields: Json = {}
    if payload.get("operation") is not None:
        operation = body(payload, _P, "operation")
        put(
            fields,
            event__operation=whole(operation, "type", f"{_P}.operation"),
            event__operation_source=whole(operation, "source", f"{_P}.operation"),
        )
    put(
        fields,
        file__name=text(payload, "file_info", _P),
        file__size=whole(payload, "file_size", _P),
        file__md5=text(payload, "file_md5", _P).strip().lower(),
        device__type=whole(payload, "device_type", _P),
        device__code=ident(payload, "device_code", _P),
    )
    if payload.get("external_user") is None:
        return Deed(ident(payload, "userid", _P, required=True), fields)
    outsider, path = body(payload, _P, "external_user"), f"{_P}.external_user"
    put(
        fields,
        external__name=text(outsider, "name", path),
        external__corp=text(outsider, "corp_name", path),
    )
    return Deed("", fields, actor_kind="customer")


def _screen_operation(payload: Json) -> Deed:
    fields: Json = {}
    put(
        fields,
        event__operation=whole(payload, "screen_shot_type", _P),
        event__detail=text(payload, "screen_shot_content", _P),
        event__department=ident(payload, "department_id", _P),
        device__system=text(payload, "system", _P).strip(),
    )
    return Deed(ident(payload, "userid", _P, required=True), fields)


def _drive_changed(payload: Json) -> Deed:
    """`FileId` repeats as sibling elements in the XML, so it may be one id or a list."""
    written = payload.get("FileId")
    listed = written if isinstance(written, list) else [written]
    files = [ident({"FileId": one}, "FileId", _P) for one in listed]
    fields: Json = {}
    put(
        fields,
        event__change=text(payload, "ChangeType", _P).strip(),
        drive__space=ident(payload, "SpaceId", _P),
        drive__files=[file for file in files if file],
    )
    return Deed("", fields)


def _archive_accessed(payload: Json) -> Deed:
    fields: Json = {}
    put(
        fields,
        event__operation=text(payload, "operation", _P).strip(),
        event__object=ident(payload, "object", _P),
    )
    return Deed(ident(payload, "userid", _P, required=True), fields)


_TYPES: dict[str, Callable[[Json], Deed]] = {
    "customer_added": _customer,
    "customer_deleted": _customer,
    "customer_left": _by_customer,
    "customer_edited": _customer,
    "transfer_failed": _transfer_failed,
    "audit_approved": _by_customer,
    "room_changed": _room_changed,
    "customer_transferred": _customer_transferred,
    "login_new_device": _logged,
    "login_secondary_device": _logged,
    "member_operation": _logged,
    "admin_operation": _logged,
    "file_operation": _file_operation,
    "screen_operation": _screen_operation,
    "drive_changed": _drive_changed,
    "archive_accessed": _archive_accessed,
}
TYPES = frozenset(_TYPES)
