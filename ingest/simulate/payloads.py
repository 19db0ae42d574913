"""Which builder makes which archive type.

The traps of the format are kept: `docmsg` carries `doc`; markdown, news, voiptext, qydiskfile and
meeting_notification carry `info`; `external_redpacket` carries `redpacket`; a vote stands at top
level; inner contents of mixed and chatrecord are JSON strings; an item of a chatrecord counts
seconds, meetings and calendars too. Text, revoke and switch are made where they are said.
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulate import contents, officework
from ingest.simulate.saying import Saying

BUILDERS: dict[str, Callable[[Saying], str]] = {
    "image": contents.image,
    "voice": contents.voice,
    "video": contents.video,
    "emotion": contents.emotion,
    "file": contents.file,
    "location": contents.location,
    "card": contents.card,
    "link": contents.link,
    "weapp": contents.weapp,
    "mixed": contents.mixed,
    "chatrecord": contents.chatrecord,
    "agree": contents.agree,
    "disagree": contents.disagree,
    "redpacket": officework.redpacket,
    "external_redpacket": officework.external_redpacket,
    "meeting": officework.meeting,
    "meeting_notification": officework.meeting_notification,
    "calendar": officework.calendar,
    "docmsg": officework.docmsg,
    "markdown": officework.markdown,
    "news": officework.news,
    "meeting_voice_call": officework.meeting_voice_call,
    "voip_doc_share": officework.voip_doc_share,
    "voiptext": officework.voiptext,
    "qydiskfile": officework.qydiskfile,
    "sphfeed": officework.sphfeed,
    "todo": officework.todo,
    "vote": officework.vote,
    "collect": officework.collect,
    "solitaire": officework.solitaire,
    "note": officework.note,
}
ALL_TYPES = frozenset(BUILDERS) | {"text", "revoke", "switch"}
