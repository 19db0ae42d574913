"""Payloads of working together: meetings, calls, documents, votes, red packets, channel feeds.

Each builder gives the JSON after `msgtime`, in exactly WeCom's shape.
"""

from __future__ import annotations

from random import Random

from ingest.simulate.clock import local_stamp
from ingest.simulate.saying import Saying, body, md5, media
from ingest.simulate.saying import name as file_stem
from ingest.simulate.talk import pick
from ingest.simulate.world import SITE, base64ish


def redpacket(s: Saying, kind: str = "redpacket") -> str:
    """A red packet among colleagues; amounts in 分."""
    count = 1 + int(s.rng.random() * 8)
    facts = {
        "type": pick(s.rng, (1, 2, 3)) if kind == "redpacket" else pick(s.rng, (1, 2)),
        "wish": pick(s.rng, ("恭喜发财，大吉大利", "生日快乐", "辛苦了")),
        "totalcnt": count,
        "totalamount": count * (100 + int(s.rng.random() * 900)),
    }
    return body({"msgtype": kind, "redpacket": facts})


def external_redpacket(s: Saying) -> str:
    """A red packet in a group with customers; its payload is `redpacket`."""
    return redpacket(s, "external_redpacket")


def _meeting_id(rng: Random) -> int:
    return (1 << 60) + rng.getrandbits(40) if rng.random() < 0.1 else 10**9 + rng.getrandbits(30)  # noqa: PLR2004


def _hours(s: Saying) -> tuple[int, int]:
    start = (s.time // 1000 // 1800 + 2 + int(s.rng.random() * 40)) * 1800
    return start, start + pick(s.rng, (1800, 3600, 5400))


def meeting(s: Saying) -> str:
    """A meeting, called or answered; times count seconds."""
    start, end = _hours(s)
    facts = {
        "topic": s.slots["meeting"],
        "starttime": start,
        "endtime": end,
        "address": s.slots["place"],
        "remarks": "",
        "meetingtype": pick(s.rng, (101, 102)),
        "meetingid": _meeting_id(s.rng),
        "status": pick(s.rng, (1, 1, 1, 2, 3, 5)),
    }
    return body({"msgtype": "meeting", "meeting": facts})


def meeting_notification(s: Saying) -> str:
    """A meeting's notice; its payload is `info`."""
    words = s.slots.fill("{meeting}将于{time}开始")
    facts = {"content": words, "meeting_id": _meeting_id(s.rng), "notification_type": 1}
    return body({"msgtype": "meeting_notification", "info": facts})


def calendar(s: Saying) -> str:
    """A calendar entry; times count seconds."""
    start, end = _hours(s)
    facts = {
        "title": s.slots["meeting"],
        "creatorname": s.sender,
        "attendeename": s.names[:5],
        "starttime": start,
        "endtime": end,
        "place": s.slots["place"],
        "remarks": "",
    }
    return body({"msgtype": "calendar", "calendar": facts})


def docmsg(s: Saying) -> str:
    """An online document; its payload is `doc`."""
    facts = {
        "title": file_stem(s),
        "doc_creator": s.sender,
        "link_url": f"https://doc.weixin.qq.com/txdoc/excel?docid=sim{s.rng.getrandbits(60):015x}",
    }
    return body({"msgtype": "docmsg", "doc": facts})


def markdown(s: Saying) -> str:
    """Markdown, mostly from a bot; its payload is `info`."""
    words = s.slots.fill(
        pick(
            s.rng,
            (
                "**{system}日报**\n> 新增工单：{NUM}\n> 已完成：{NUM}\n> 超时：{num}",
                "## {step}提醒\n{order} 待处理，请在{time}前完成",
            ),
        )
    )
    return body({"msgtype": "markdown", "info": {"content": words}})


def news(s: Saying) -> str:
    """An article card; its payload is `info`."""
    item = {
        "title": s.slots.fill("{topic}简报"),
        "description": s.slots.fill("{date}更新"),
        "url": f"{SITE}/news/{s.rng.getrandbits(40):010x}",
        "picurl": f"{SITE}/img/news.jpg",
    }
    return body({"msgtype": "news", "info": {"item": [item]}})


def meeting_voice_call(s: Saying) -> str:
    """A recorded call: `voiceid` stands beside, `roomid` is absent."""
    end = s.time // 1000 + 60 + int(s.rng.random() * 1500)
    share = {"share": s.sender, "starttime": end - 40, "endtime": end - 10}
    demo = {
        "filename": f"{md5(s.rng)}.docx",
        "demooperator": s.sender,
        "starttime": end - 50,
        "endtime": end - 20,
    }
    return body(
        {
            "msgtype": "meeting_voice_call",
            "voiceid": f"gr{md5(s.rng)}",
            "meeting_voice_call": {
                "endtime": end,
                "sdkfileid": media(s.rng),
                "demofiledata": [demo],
                "sharescreendata": [share],
            },
        }
    )


def voip_doc_share(s: Saying) -> str:
    """A document shown in a call: `voipid` stands beside, `roomid` is absent."""
    facts = {
        "filename": f"{file_stem(s)}.pdf",
        "md5sum": md5(s.rng),
        "filesize": 90000 + int(s.rng.random() * 4000000),
        "sdkfileid": media(s.rng),
    }
    return body({"msgtype": "voip_doc_share", "voipid": f"gr{md5(s.rng)}", "voip_doc_share": facts})


def voiptext(s: Saying) -> str:
    """A call's length; its payload is `info`."""
    facts = {"callduration": 5 + int(s.rng.random() * 900), "invitetype": pick(s.rng, (1, 2, 2, 2))}
    return body({"msgtype": "voiptext", "info": facts})


def qydiskfile(s: Saying) -> str:
    """A file of the shared drive; its payload is `info`."""
    return body({"msgtype": "qydiskfile", "info": {"filename": f"{file_stem(s)}.xlsx"}})


def sphfeed(s: Saying) -> str:
    """A channel feed."""
    facts = {
        "feed_type": pick(s.rng, (2, 4, 4, 9)),
        "sph_name": "明鉴示范咨询",
        "feed_desc": s.slots.fill("{topic}三分钟｜仅供参考\n\n#投资者教育#{city}"),
    }
    return body({"msgtype": "sphfeed", "sphfeed": facts})


def todo(s: Saying) -> str:
    """A to-do."""
    facts = {"title": s.slots.fill("{meeting}"), "content": s.slots.fill("{date}前提交{doc}")}
    return body({"msgtype": "todo", "todo": facts})


def vote(s: Saying) -> str:
    """A vote; its keys stand at top level."""
    return body(
        {
            "msgtype": "vote",
            "votetitle": s.slots.fill("{event}时间征集"),
            "voteitem": [s.slots["date"], s.slots["date2"]],
            "votetype": pick(s.rng, (101, 102)),
            "voteid": base64ish(s.rng, 20),
        }
    )


def collect(s: Saying) -> str:
    """A form."""
    facts = {
        "room_name": s.slots.fill("{event}群"),
        "creator": s.sender,
        "create_time": local_stamp(s.time),
        "title": s.slots.fill("{event}报名"),
        "details": [
            {"id": 1, "ques": "姓名", "type": "Text"},
            {"id": 2, "ques": "参加人数", "type": "Number"},
        ],
    }
    return body({"msgtype": "collect", "collect": facts})


def _listed(s: Saying, kind: str, words: list[str]) -> str:
    items = [{"type": "text", "content": s.slots.fill(w)} for w in words]
    return body({"msgtype": kind, "info": {"items": items}})


def solitaire(s: Saying) -> str:
    """A sign-up chain (接龙)."""
    return _listed(s, "solitaire", ["{event}接龙", "1. {person}", "2. {person2} 带{num}人"])


def note(s: Saying) -> str:
    """A note (笔记)."""
    return _listed(s, "note", ["{meeting}纪要", "{project}：{scope}由{person}负责，{date}完成"])
