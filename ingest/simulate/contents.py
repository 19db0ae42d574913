"""Payloads of what people send: words, pictures, sound, files, links, cards.

Each builder gives the JSON after `msgtime`, in exactly WeCom's shape.
"""

from __future__ import annotations

import json
from random import Random

from ingest.simulate.mint import quote
from ingest.simulate.saying import Saying, body, md5, media
from ingest.simulate.saying import name as file_stem
from ingest.simulate.talk import pick, table
from ingest.simulate.world import COMPANY, SITE


def text(content: str) -> str:
    """A text message."""
    return f'"msgtype":"text","text":{{"content":{quote(content)}}}'


def revoke(msgid: str) -> str:
    """A recall of `msgid`."""
    return f'"msgtype":"revoke","revoke":{{"pre_msgid":"{msgid}"}}'


def file_of(rng: Random, name: str, digest: str, size: int) -> str:
    """A file with the given name and content."""
    return (
        f'"msgtype":"file","file":{{"md5sum":"{digest}","filename":{quote(name)},'
        f'"fileext":"{name.rsplit(".", 1)[-1]}","filesize":{size},"sdkfileid":"{media(rng)}"}}'
    )


def link_of(title: str, description: str, url: str) -> str:
    """A link card."""
    return (
        f'"msgtype":"link","link":{{"title":{quote(title)},"description":{quote(description)},'
        f'"link_url":{quote(url)},"image_url":"{SITE}/img/cover.jpg"}}'
    )


def image(s: Saying) -> str:
    """An image."""
    r = s.rng
    return (
        f'"msgtype":"image","image":{{"md5sum":"{md5(r)}",'
        f'"filesize":{20000 + int(r.random() * 900000)},"sdkfileid":"{media(r)}"}}'
    )


def voice(s: Saying) -> str:
    """A voice message."""
    r = s.rng
    seconds = 2 + int(r.random() * 40)
    return (
        f'"msgtype":"voice","voice":{{"md5sum":"{md5(r)}","voice_size":{seconds * 680},'
        f'"play_length":{seconds},"sdkfileid":"{media(r)}"}}'
    )


def video(s: Saying) -> str:
    """A video."""
    r = s.rng
    seconds = 5 + int(r.random() * 115)
    return (
        f'"msgtype":"video","video":{{"md5sum":"{md5(r)}","filesize":{seconds * 141000},'
        f'"play_length":{seconds},"sdkfileid":"{media(r)}"}}'
    )


def emotion(s: Saying) -> str:
    """An animated face (`type` 1) or a still one (2)."""
    r = s.rng
    side = pick(r, (120, 200, 240, 290))
    return (
        f'"msgtype":"emotion","emotion":{{"type":{1 + (r.random() < 0.4)},"width":{side},'  # noqa: PLR2004
        f'"height":{side},"imagesize":{8000 + int(r.random() * 400000)},"md5sum":"{md5(r)}",'
        f'"sdkfileid":"{media(r)}"}}'
    )


def file(s: Saying) -> str:
    """A file nobody else has."""
    stem = f"{file_stem(s)}.{pick(s.rng, ('pdf', 'pdf', 'docx', 'xlsx', 'pptx'))}"
    return file_of(s.rng, stem, md5(s.rng), 12000 + int(s.rng.random() * 4000000))


def location(s: Saying) -> str:
    """A place."""
    r = s.rng
    return body(
        {
            "msgtype": "location",
            "location": {
                "longitude": 121.3 + int(r.random() * 400000) / 1000000,
                "latitude": 31.1 + int(r.random() * 250000) / 1000000,
                "address": f"上海市浦东新区示范路{int(r.random() * 900) + 1}号",
                "title": s.slots["place"],
                "zoom": 15,
            },
        }
    )


def card(s: Saying) -> str:
    """The sender's own name card."""
    return body({"msgtype": "card", "card": {"corpname": COMPANY, "userid": s.sender}})


def link(s: Saying) -> str:
    """A link card nobody else has sent."""
    title, description = pick(s.rng, table()["links"])
    url = f"{SITE}/n/{s.rng.getrandbits(48):012x}?utm_source=wecom"
    return link_of(s.slots.fill(title), s.slots.fill(description), url)


def weapp(s: Saying) -> str:
    """A mini-program card."""
    title = pick(s.rng, ("风险测评", "预约办理", "进度查询", "活动报名"))
    return body(
        {
            "msgtype": "weapp",
            "weapp": {
                "title": f"{title}：{s.slots['service']}",
                "description": "请本人操作",
                "username": "gh_mjsf00000001@app",
                "displayname": "明鉴示范服务",
            },
        }
    )


def mixed(s: Saying) -> str:
    """Text and image in one; their contents are JSON strings."""
    words = s.slots.fill(
        pick(s.rng, ("{doc}见图，请核对\n", "{step}完成截图[微笑]\n", "{date}的{event}现场\n"))
    )
    inner = {"md5sum": md5(s.rng), "filesize": 13000 + int(s.rng.random() * 90000)}
    items = [
        {"type": "text", "content": json.dumps({"content": words}, ensure_ascii=False)},
        {"type": "image", "content": json.dumps({**inner, "sdkfileid": media(s.rng)})},
    ]
    return body({"msgtype": "mixed", "mixed": {"item": items}})


def chatrecord(s: Saying) -> str:
    """Forwarded words; times count seconds, contents are JSON strings."""
    said = s.said[-3:] or [("", "请看上面的记录")]
    items = [
        {
            "type": "ChatRecordText",
            "msgtime": s.time // 1000 - 60 * (len(said) - i),
            "content": json.dumps({"content": words}, ensure_ascii=False),
            "from_chatroom": False,
        }
        for i, (_, words) in enumerate(said)
    ]
    return body({"msgtype": "chatrecord", "chatrecord": {"title": "群聊", "item": items}})


def agree(s: Saying) -> str:
    """A customer consents to the archive."""
    return body({"msgtype": "agree", "agree": {"userid": s.sender, "agree_time": s.time}})


def disagree(s: Saying) -> str:
    """A customer refuses the archive."""
    return body({"msgtype": "disagree", "disagree": {"userid": s.sender, "disagree_time": s.time}})
