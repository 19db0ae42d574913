"""Names of the parties of a pack, and which ids stand for whom."""

from __future__ import annotations

from reports.case import PERSON, Bundle
from reports.words import PARTIES, Words
from rules.decode import party_kind
from rules.message import Message

_SHORT = 10  # characters of an id that are shown whole


class People:
    """Everybody in a pack."""

    def __init__(self, bundle: Bundle, words: Words) -> None:
        self._names, self._words = bundle.request.names, words
        self._subjects = {alert["actor"] for alert in bundle.alerts}
        if bundle.subject.kind == PERSON:
            self._subjects = {bundle.subject.id}
        ids: dict[str, int] = {}
        for item in bundle.items:
            for one in (item.message.sender, *item.message.recipients):
                if one:
                    ids.setdefault(one, 0)
            if item.message.sender:
                ids[item.message.sender] += 1
        self._ids = ids
        self._talked = {
            (item.message.conversation, item.message.sender)
            for item in bundle.items
            if item.message.kind == "archive"
        }

    def right(self, message: Message) -> bool:
        """Whether a message stands on the right: those of whom the report is about, and where none
        of them speaks in the conversation, those of staff."""
        if self._speaks(message.conversation):
            return message.sender in self._subjects
        return message.sender_kind == "employee"

    def colleague(self, message: Message) -> bool:
        """Whether it is of staff whom the report is not about."""
        return message.sender_kind == "employee" and message.sender not in self._subjects

    def legend(self, conversation: str) -> str:
        """Who stands on which side of a conversation."""
        say, speaks = self._words, self._speaks(conversation)
        if not speaks:
            return say(
                "Right: staff of the company. Left: everybody else. Whom the report is about says"
                " nothing here.",
                "右侧为本单位员工，左侧为其他人；当事人在此会话中没有发言。",
            )
        names = say.listed([self.name(one) for one in speaks])
        return say(
            f"Right: {names}, whom the report is about. Left: everybody else; colleagues are"
            " marked.",
            f"右侧为当事人（{names}），左侧为其他人，其中本单位同事另有标注。",
        )

    def _speaks(self, conversation: str) -> list[str]:
        """Of those whom the report is about, who says something in a conversation."""
        return sorted(one for one in self._subjects if (conversation, one) in self._talked)

    def name(self, one: str) -> str:
        """A short display name; the full id stands in the table of people."""
        if one in self._names:
            return self._names[one]
        kind = party_kind(one)
        if kind in ("customer", "bot") and len(one) > _SHORT:
            return f"{self._words.of(PARTIES[kind])} {one[:4]}…{one[-4:]}"
        return one

    def label(self, one: str) -> str:
        """Name and id, where they differ."""
        name, say = self._names.get(one, ""), self._words
        if name and name != one:
            return say(f"{name} ({one})", f"{name}（{one}）")
        return one or say("unknown", "未知")

    def conversation(self, name: str) -> str:
        """Title of a conversation."""
        say = self._words
        if "|" in name:
            parties = say(" and ", " 与 ").join(self.name(one) for one in name.split("|"))
            return say(f"Direct chat: {parties}", f"单聊：{parties}")
        shown = self._names.get(name, name)
        return say(f"Group chat: {shown}", f"群聊：{shown}")

    def rows(self) -> list[tuple[str, str, str, int]]:
        """(kind, name, id, records sent) of everybody in the pack, the subjects first."""
        order = sorted(self._ids, key=lambda one: (one not in self._subjects, party_kind(one), one))
        return [
            (
                self._words("subject", "当事人")
                if one in self._subjects
                else self._words.of(PARTIES[party_kind(one)]),
                self._names.get(one, "—"),
                one,
                self._ids[one],
            )
            for one in order
        ]
