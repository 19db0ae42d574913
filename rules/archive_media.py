"""Archive types that carry a file, a person, a place or money."""

from __future__ import annotations

from rules.archive_text import Content, Json
from rules.reading import body, ident, number, put, text, to_millis, whole


def image(payload: Json) -> Content:
    """`image`."""
    return _media(body(payload, "payload", "image"), "payload.image", "filesize")


def voice(payload: Json) -> Content:
    """`voice`."""
    return _media(body(payload, "payload", "voice"), "payload.voice", "voice_size")


def video(payload: Json) -> Content:
    """`video`."""
    return _media(body(payload, "payload", "video"), "payload.video", "filesize")


def emotion(payload: Json) -> Content:
    """`emotion`: type 1 is a GIF, 2 a PNG."""
    found = body(payload, "payload", "emotion")
    content = _media(found, "payload.emotion", "imagesize")
    put(content.fields, emotion__type=whole(found, "type", "payload.emotion"))
    return content


def _media(found: Json, path: str, size_key: str) -> Content:
    fields: Json = {}
    put(
        fields,
        media__md5=text(found, "md5sum", path).strip().lower(),
        media__size=whole(found, size_key, path),
        media__seconds=whole(found, "play_length", path),
        media__id=text(found, "sdkfileid", path),
    )
    return Content(fields=fields)


def file(payload: Json) -> Content:
    """`file`."""
    return _file(body(payload, "payload", "file"), "payload.file")


def qydiskfile(payload: Json) -> Content:
    """`qydiskfile`: a file of the company drive; often only its name is there."""
    return _file(body(payload, "payload", "info", "qydiskfile"), "payload.info")


def voip_doc_share(payload: Json) -> Content:
    """`voip_doc_share`: a document shown in a call."""
    content = _file(body(payload, "payload", *DOC_SHARE), "payload.voip_doc_share")
    put(content.fields, call__id=ident(payload, "voipid", "payload"))
    return content


DOC_SHARE = ("voip_doc_share", "voipdocshare")


def _file(found: Json, path: str) -> Content:
    name = text(found, "filename", path)
    ext = text(found, "fileext", path).strip() or (name.rpartition(".")[2] if "." in name else "")
    fields: Json = {}
    put(
        fields,
        file__name=name,
        file__ext=ext.strip().lower(),
        file__size=whole(found, "filesize", path),
        file__md5=text(found, "md5sum", path).strip().lower(),
        media__id=text(found, "sdkfileid", path),
    )
    return Content(fields=fields)


def card(payload: Json) -> Content:
    """`card`: a contact; some sources spell `Userid`."""
    found, path = body(payload, "payload", "card"), "payload.card"
    fields: Json = {}
    put(
        fields,
        card__userid=ident(found, "userid", path) or ident(found, "Userid", path),
        card__corpname=text(found, "corpname", path),
    )
    return Content(fields=fields)


def location(payload: Json) -> Content:
    """`location`: degrees, as the phone gave them."""
    found, path = body(payload, "payload", "location"), "payload.location"
    fields: Json = {}
    put(
        fields,
        location__latitude=number(found, "latitude", path),
        location__longitude=number(found, "longitude", path),
        location__address=text(found, "address", path),
        location__title=text(found, "title", path),
    )
    return Content(fields=fields)


def redpacket(payload: Json) -> Content:
    """`redpacket` and `external_redpacket`: amounts in 分; the wish is the text."""
    found = body(payload, "payload", "redpacket", "external_redpacket")
    path = "payload.redpacket"
    fields: Json = {}
    put(
        fields,
        redpacket__type=whole(found, "type", path),
        redpacket__count=whole(found, "totalcnt", path),
        redpacket__amount=whole(found, "totalamount", path),
    )
    return Content(text(found, "wish", path), fields=fields)


def revoke(payload: Json) -> Content:
    """`revoke`: which message was taken back."""
    found = body(payload, "payload", "revoke")
    return Content(
        fields={"revoke.pre_msgid": ident(found, "pre_msgid", "payload.revoke", required=True)}
    )


def agree(payload: Json) -> Content:
    """`agree` and `disagree`: a customer's answer to being archived."""
    key = "disagree" if "disagree" in payload else "agree"
    found, path = body(payload, "payload", key), f"payload.{key}"
    fields: Json = {}
    put(
        fields,
        agree__userid=ident(found, "userid", path),
        agree__time=to_millis(whole(found, f"{key}_time", path)),
    )
    return Content(fields=fields)
