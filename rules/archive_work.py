"""Archive types of working together: meetings, calls, forms, votes, tasks."""

from __future__ import annotations

from typing import Any

from rules.archive_text import Content, Json, from_words, lines
from rules.reading import body, ident, objects, put, strings, text, to_millis, whole

VOICE_CALL = ("meeting_voice_call", "meetingvoicecall")
_MAX_DEPTH = 6
# Keys of the two types without a published layout that carry no words of anybody.
_NOT_WORDS = frozenset(
    ("type", "msgtype", "sdkfileid", "md5sum", "fileid", "id", "userid", "creator", "owner", "time")
)


def meeting(payload: Json) -> Content:
    """`meeting`: times in seconds become milliseconds; the id may exceed 2^63, so it is text."""
    found, path = body(payload, "payload", "meeting"), "payload.meeting"
    fields: Json = {}
    put(
        fields,
        meeting__id=ident(found, "meetingid", path),
        meeting__start=to_millis(whole(found, "starttime", path)),
        meeting__end=to_millis(whole(found, "endtime", path)),
        meeting__place=text(found, "address", path),
        meeting__type=whole(found, "meetingtype", path),
        meeting__status=whole(found, "status", path),
    )
    return Content(lines(text(found, "topic", path), text(found, "remarks", path)), fields=fields)


def meeting_notification(payload: Json) -> Content:
    """`meeting_notification`."""
    info = body(payload, "payload", "info", "meeting_notification")
    words = from_words(text(info, "content", "payload.info"))
    fields = dict(words.fields)
    put(
        fields,
        meeting__id=ident(info, "meeting_id", "payload.info")
        or ident(info, "meetingid", "payload.info"),
        meeting__type=whole(info, "notification_type", "payload.info"),
    )
    return words._replace(fields=fields)


def calendar(payload: Json) -> Content:
    """`calendar`."""
    found, path = body(payload, "payload", "calendar"), "payload.calendar"
    fields: Json = {}
    put(
        fields,
        meeting__start=to_millis(whole(found, "starttime", path)),
        meeting__end=to_millis(whole(found, "endtime", path)),
        meeting__place=text(found, "place", path),
        meeting__attendees=strings(found, "attendeename", path),
    )
    return Content(lines(text(found, "title", path), text(found, "remarks", path)), fields=fields)


def meeting_voice_call(payload: Json) -> Content:
    """`meeting_voice_call`: the recording of a call; its length follows from start and end."""
    found, path = body(payload, "payload", *VOICE_CALL), "payload.meeting_voice_call"
    start, end = payload.get("msgtime"), to_millis(whole(found, "endtime", path))
    lasted = (end - start) // 1000 if end and type(start) is int and 0 < start <= end else None
    fields: Json = {}
    put(
        fields,
        call__id=ident(payload, "voiceid", "payload"),
        call__seconds=lasted,
        media__id=text(found, "sdkfileid", path),
        call__shared_files=[
            text(shown, "filename", f"{path}.demofiledata[{index}]")
            for index, shown in enumerate(objects(found, "demofiledata", path))
        ],
        call__screen_shares=len(objects(found, "sharescreendata", path)) or None,
    )
    return Content(fields=fields)


def voiptext(payload: Json) -> Content:
    """`voiptext`: that a call took place; type 1 to 4 as WeCom's `invitetype`."""
    info = body(payload, "payload", "info", "voiptext")
    fields: Json = {}
    put(
        fields,
        call__seconds=whole(info, "callduration", "payload.info"),
        call__type=whole(info, "invitetype", "payload.info"),
    )
    return Content(fields=fields)


def collect(payload: Json) -> Content:
    """`collect`: a form; title and questions are the text."""
    found, path = body(payload, "payload", "collect"), "payload.collect"
    questions = [
        text(item, "ques", f"{path}.details[{index}]")
        for index, item in enumerate(objects(found, "details", path))
    ]
    fields: Json = {}
    put(
        fields,
        collect__creator=ident(found, "creator", path),
        collect__room_name=text(found, "room_name", path),
    )
    return Content(lines(text(found, "title", path), *questions), fields=fields)


def vote(payload: Json) -> Content:
    """`vote`: its keys stand in the object `vote` or directly in the payload."""
    nested = isinstance(payload.get("vote"), dict)
    found, path = (payload["vote"], "payload.vote") if nested else (payload, "payload")
    fields: Json = {}
    put(fields, vote__id=ident(found, "voteid", path), vote__type=whole(found, "votetype", path))
    words = lines(text(found, "votetitle", path), *strings(found, "voteitem", path))
    return Content(words, fields=fields)


def todo(payload: Json) -> Content:
    """`todo`."""
    found = body(payload, "payload", "todo")
    words = from_words(text(found, "content", "payload.todo"))
    return words._replace(text=lines(text(found, "title", "payload.todo"), words.text))


def free_form(payload: Json) -> Content:
    """`solitaire` and `note`: no layout is published, so every string that may be words is kept."""
    kind = str(payload.get("msgtype"))
    return from_words(lines(*_words(body(payload, "payload", "info", kind), 0)))


def _words(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value]
    if depth >= _MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [word for item in value for word in _words(item, depth + 1)]
    if isinstance(value, dict):
        return [
            word
            for key, item in value.items()
            if key not in _NOT_WORDS
            for word in _words(item, depth + 1)
        ]
    return []
