"""Conversations: who talks to whom, in which words, and in which time.

`Talk.groups` gives conversation after conversation in the order of their starts; the day's
volume is met exactly, because a conversation starts where the messages before it have brought
the day's profile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import accumulate
from random import Random
from typing import NamedTuple

from ingest.simulate import contents
from ingest.simulate.clock import HOUR_MS, TALK, is_working, midnight
from ingest.simulate.contents import revoke, text
from ingest.simulate.limits import Limits
from ingest.simulate.mint import Item, Mint, Setting, Speaker
from ingest.simulate.payloads import BUILDERS
from ingest.simulate.places import anywhere
from ingest.simulate.saying import Saying
from ingest.simulate.talk import Line, Slots, dialogs, pick, table
from ingest.simulate.world import SITE, World

_EXTRA_SHARE = 0.22  # after so many lines comes something that is not text
_RECALL_SHARE = 0.011
_SHARED_SHARE = 0.3  # files and links that are house material, the same for everybody
_EVENING = 18.5 * HOUR_MS


class Turn(NamedTuple):
    """What became of a line: its number, msgid and time."""

    line: int
    msgid: str
    time: int


# what people send besides text, by setting and side: (type, weight)
_EXTRAS = {
    ("external", True): "image22 voice9 emotion13 file8 link6 weapp4 video3 location2 card2 mixed4 "
    "sphfeed1 voiptext2 meeting_voice_call1 voip_doc_share1 qydiskfile1 calendar1 meeting1",
    ("external", False): "image60 voice32 emotion40 file7 video8 location6 link4 mixed6 "
    "chatrecord2 sphfeed2 agree1 disagree1",
    ("external_room", True): "image20 emotion11 file6 link3 weapp3 video2 voice4 mixed5 vote1 "
    "collect1 solitaire1 note1 external_redpacket1 sphfeed1 meeting1 meeting_notification1",
    ("external_room", False): "image50 emotion40 voice16 video6 solitaire2 location2 vote1 "
    "external_redpacket1",
    ("internal", True): "image40 emotion26 voice10 file16 docmsg12 todo5 calendar5 meeting6 "
    "chatrecord8 link4 redpacket2 voiptext4 qydiskfile4 mixed8 card2 switch4 meeting_voice_call2 "
    "voip_doc_share1 location2 video2",
    ("internal_room", True): "image32 emotion22 file12 docmsg10 markdown12 news4 calendar6 "
    "meeting8 meeting_notification6 todo4 vote3 collect3 solitaire3 note2 chatrecord6 redpacket2 "
    "mixed8 voice6 link4 weapp1 video2",
}


def _weighted(spec: str) -> tuple[list[str], list[int]]:
    words = [(w.rstrip("0123456789"), w) for w in spec.split()]
    return [n for n, _ in words], list(accumulate(int(w[len(n) :]) for n, w in words))


_EXTRA_TABLES = {side: _weighted(spec) for side, spec in _EXTRAS.items()}
_BOT_TYPES = frozenset({"markdown", "news"})


class Talk:
    """Makes conversations.

    Args:
        stream: number of the stream of `Mint`; conversations of two streams share nothing.
        limits: what clean talk must keep to.
    """

    def __init__(self, world: World, seed: int, stream: int, limits: Limits) -> None:
        self.world, self.limits = world, limits
        self.rng = Random(f"talk:{seed}:{stream}")
        self.mint = Mint(seed, stream, world.tenant)
        house = Random(f"house:{seed}")
        self._articles = [f"{SITE}/n/{house.getrandbits(48):012x}" for _ in range(40)]
        self._material = [
            (f"{name}{n}.pdf", f"{house.getrandbits(128):032x}", 80000 + house.randrange(3000000))
            for n, name in enumerate(table()["slots"]["filename"] * 3)
        ]

    # --- what they say ---------------------------------------------------------------------

    def converse(
        self, setting: Setting, lines: Sequence[Line], start: int, day: date, *, extras: bool = True
    ) -> tuple[list[Item], list[Turn]]:
        """The records of one conversation by time, and what became of each line.

        Lines of kind "exact" are said without a tail, "raw:<type>" are sent as they are. With
        `extras=False` nothing is added to the lines: no pictures, no recalls.
        """
        rng = self.rng
        slots = Slots(rng, self.world, day, setting.names)
        saying = Saying(rng, slots, setting.external)
        saying.names = [s.name for s in setting.speakers.values()]
        items: list[Item] = []
        turns: list[Turn] = []
        time = start + int(rng.random() * 9000)
        for number, line in enumerate(lines):
            if line.optional and rng.random() < 0.5:  # noqa: PLR2004 - half of the cases
                continue
            speaker = setting.speakers[line.who]
            time += 2500 + int(rng.random() * rng.random() * 70000)
            item, msgid = self._line(setting, speaker, line, time, saying)
            items.append(item)
            turns.append(Turn(number, msgid, time))
            if not speaker.employee and any("投诉" in wording for wording in line.wordings):
                self.limits.complains(speaker.id, time)
            if not extras:
                continue
            draw = rng.random()
            if draw < _EXTRA_SHARE:
                kinds, reached = _EXTRA_TABLES[setting.kind, speaker.employee]
                kind = kinds[bisect_right(reached, rng.random() * reached[-1])]
                time += 1500 + int(rng.random() * 20000)
                who = setting.bot if kind in _BOT_TYPES and setting.bot else speaker
                items.append(self._send(setting, who, kind, time, saying)[0])
            elif draw > 1 - _RECALL_SHARE and line.wordings:
                back = time + 3000 + int(rng.random() * 90000)
                if not speaker.employee or self.limits.may_recall(speaker.id, back):
                    items.append(self.recall(setting, speaker, msgid, back)[0])
        if extras:
            items.sort()
        return items, turns

    def _line(
        self, setting: Setting, speaker: Speaker, line: Line, time: int, saying: Saying
    ) -> tuple[Item, str]:
        if line.kind == "text":
            words = saying.slots.say(line)
        elif line.kind == "exact":
            words = saying.slots.fill(line.wordings[0])
        elif line.kind == "quote_exact":
            words = quoted_reply(self.rng, *saying.said[-1], saying.slots.fill(line.wordings[0]))
        elif line.kind.startswith("raw:"):
            return self._raw(setting, speaker, line, time)
        elif line.kind == "quote":
            who, quoted = saying.said[-1]
            words = quoted_reply(self.rng, who, quoted, saying.slots.say(line))
        else:
            return self._send(setting, speaker, line.kind, time, saying)
        saying.said.append((speaker.name, words))
        return self._raw(setting, speaker, Line("", "raw:text", (text(words),), False), time)

    def _raw(self, setting: Setting, speaker: Speaker, line: Line, time: int) -> tuple[Item, str]:
        """A line whose payload is ready: kind "raw:<type>", the payload's JSON as its wording."""
        return self.mint.message(time, speaker, setting, line.kind[4:], line.wordings[0])

    def _send(
        self, setting: Setting, speaker: Speaker, kind: str, time: int, saying: Saying
    ) -> tuple[Item, str]:
        if kind == "switch":
            return self.mint.switch(time, speaker.id), ""
        saying.sender, saying.time = speaker.id, time
        shared = ""
        if kind in {"file", "link"} and speaker.employee and self.rng.random() < _SHARED_SHARE:
            shared = self._shared(setting, speaker, kind, time, saying)
        return self.mint.message(time, speaker, setting, kind, shared or BUILDERS[kind](saying))

    def _shared(
        self, setting: Setting, speaker: Speaker, kind: str, time: int, saying: Saying
    ) -> str:
        """House material; "" when that would look like a mass mailing."""
        rng = self.rng
        if kind == "file":
            name, md5, size = pick(rng, self._material)
            if setting.external and not self.limits.may_share(speaker.id, md5, setting.key, time):
                return ""
            return contents.file_of(rng, name, md5, size)
        article = pick(rng, self._articles)
        if setting.external and not self.limits.may_share(speaker.id, article, setting.key, time):
            return ""
        title, description = pick(rng, table()["links"])
        url = f"{article}?utm_source=wecom&from={speaker.id}"
        return contents.link_of(saying.slots.fill(title), saying.slots.fill(description), url)

    def recall(self, setting: Setting, speaker: Speaker, msgid: str, time: int) -> tuple[Item, str]:
        """The recall of a message by its sender, and the recall's own id."""
        line = Line("", "raw:revoke", (revoke(msgid),), False)
        return self._raw(setting, speaker, line, time)

    # --- the day ---------------------------------------------------------------------------

    def groups(self, day: date, budget: int) -> Iterator[tuple[int, list[Item]]]:
        """Conversations of a day with `budget` messages together, by start."""
        begin, working = midnight(day), is_working(day)
        profile, used = TALK[working], 0
        while used < budget:
            offset = profile.at(used / budget)
            start = begin + offset
            setting = anywhere(self.rng, self.world, offset > _EVENING or not working)
            lines = dialogs(setting.kind).draw(self.rng)
            items, _ = self.converse(setting, lines, start, day)
            del items[budget - used :]
            used += len(items)
            yield start, items


def quoted_reply(rng: Random, who: str, quoted: str, reply: str) -> str:
    """A reply with what it quotes, in one of the three layouts of WeCom and WeChat."""
    layout = rng.random()
    if layout < 0.6:  # noqa: PLR2004 - the Chinese client is the common one
        return f'这是一条引用/回复消息：\n"{who}：\n{quoted}"\n------\n{reply}'
    if layout < 0.75:  # noqa: PLR2004
        return f'This is a quote/reply:\n"{who}:\n{quoted}"\n------\n{reply}'
    return f"「{who}：{quoted}」\n- - - - - - - - - - - - - - -\n{reply}"
