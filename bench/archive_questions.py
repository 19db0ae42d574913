"""What is looked for in an archive: questions drawn by seed from messages that are in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from ingest.simulate.clock import DAY_MS, HOUR_MS
from rules.message import Message
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.terms import runs

_RESIDENT_ID = re.compile(r"\d{17}[\dX]")
_CHINESE = re.compile(r"[一-鿿]+")
_FREQUENT = 50  # words
_PHRASE = 4  # characters


class Drawn(NamedTuple):
    """Messages of an archive, and what was seen in them."""

    messages: list[Message]
    rules: list[str]
    frequent: list[str]  # words of two characters that most of the messages have
    rare: list[str]  # words that one of them has
    ids: list[str]  # resident ids


Ask = Callable[[Drawn, Random], Query]


def draw(reader: ArchiveReader, leaves: int, rules: list[str], count: int, rng: Random) -> Drawn:
    """`count` messages among the first `leaves` entries of the ledger."""
    found = (reader.at(rng.randrange(leaves)) for _ in range(count))
    messages = [one.message for one in found if one is not None and one.message is not None]
    words = Counter(pair for one in messages for pair in sorted(_pairs(one.text)))
    return Drawn(
        messages,
        rules,
        [word for word, _ in words.most_common(_FREQUENT)],
        [word for word, seen in words.items() if seen == 1],
        [number for one in messages for number in _RESIDENT_ID.findall(one.text)],
    )


def _pairs(text: str) -> set[str]:
    return {
        run[at : at + 2] for run in _CHINESE.findall(text) for at in range(len(run) - 1)
    }  # fmt: skip


def _any(drawn: Drawn, rng: Random, has: Callable[[Message], object]) -> Message:
    """A message of this kind; if there is none, any."""
    for _ in range(10_000):
        one = rng.choice(drawn.messages)
        if has(one):
            break
    return one


def _sender(drawn: Drawn, rng: Random) -> str:
    return _any(drawn, rng, lambda one: one.sender).sender


def _within(drawn: Drawn, rng: Random, length: int) -> Query:
    """A span of `length` ms in which somebody said something."""
    said = rng.choice(drawn.messages).time
    since = said - int(rng.random() * length)
    return Query(since=since, until=since + length)


def _day(drawn: Drawn, rng: Random) -> Query:
    return _within(drawn, rng, DAY_MS)


def _hour(drawn: Drawn, rng: Random) -> Query:
    return _within(drawn, rng, HOUR_MS)


def _phrase(drawn: Drawn, rng: Random) -> str:
    one = _any(drawn, rng, lambda one: len(_longest(one.text)) >= _PHRASE)
    run = _longest(one.text) or "保本保息"
    at = rng.randrange(max(1, len(run) - _PHRASE + 1))
    return run[at : at + _PHRASE]


def _longest(text: str) -> str:
    return max(_CHINESE.findall(text), key=len, default="")


def _said_with(drawn: Drawn, rng: Random) -> tuple[Message, str]:
    """A message with words, and a word of it."""
    one = _any(drawn, rng, lambda one: _pairs(one.text) and one.sender and one.recipients)
    return one, rng.choice(sorted(_pairs(one.text)) or ["保本"])


def _two_words(drawn: Drawn, rng: Random) -> Query:
    one = _any(drawn, rng, lambda one: len(_pairs(one.text)) > 1)
    return Query(text=" ".join(rng.sample(sorted(_pairs(one.text)), 2)))


def _sender_and_word(drawn: Drawn, rng: Random) -> Query:
    one, word = _said_with(drawn, rng)
    return Query(sender=one.sender, text=word)


def _receiver_type_word_month(drawn: Drawn, rng: Random) -> Query:
    one, word = _said_with(drawn, rng)
    since = one.time - int(rng.random() * 30 * DAY_MS)
    return Query(
        receiver=one.recipients[0], type=one.type, text=word, since=since, until=since + 30 * DAY_MS
    )


def _pair_of_people(drawn: Drawn, rng: Random) -> Query:
    one = _any(drawn, rng, lambda one: one.sender and one.recipients)
    return Query(sender=one.sender, receiver=one.recipients[0])


def _strangers(drawn: Drawn, rng: Random) -> Query:
    other = _any(drawn, rng, lambda one: one.recipients)
    return Query(sender=_sender(drawn, rng), receiver=other.recipients[0])


def _sender_and_rare(drawn: Drawn, rng: Random) -> Query:
    return Query(sender=_sender(drawn, rng), text=rng.choice(drawn.rare))


def _room(drawn: Drawn, rng: Random) -> str:
    return _any(drawn, rng, lambda one: one.room).room


QUESTIONS: dict[str, Ask] = {
    "the newest": lambda _drawn, _rng: Query(),
    "an hour": _hour,
    "a day": _day,
    "sender": lambda drawn, rng: Query(sender=_sender(drawn, rng)),
    "receiver": lambda drawn, rng: Query(
        receiver=_any(drawn, rng, lambda one: one.recipients).recipients[0]
    ),
    "room": lambda drawn, rng: Query(room=_room(drawn, rng)),
    "type": lambda drawn, rng: Query(type=rng.choice(drawn.messages).type),
    "message id": lambda drawn, rng: Query(msgid=rng.choice(drawn.messages).msgid),
    "frequent word": lambda drawn, rng: Query(text=rng.choice(drawn.frequent)),
    "rare word": lambda drawn, rng: Query(text=rng.choice(drawn.rare)),
    "two words of one message": _two_words,
    "phrase of 4 characters": lambda drawn, rng: Query(text=_phrase(drawn, rng)),
    "resident id": lambda drawn, rng: Query(text=rng.choice(drawn.ids or ["110105199003077772"])),
    "hit by a rule": lambda drawn, rng: Query(hit=rng.choice(drawn.rules)),
    "hit by any rule": lambda _drawn, _rng: Query(hit="*"),
    "sender, day": lambda drawn, rng: _day(drawn, rng)._replace(sender=_sender(drawn, rng)),
    "room, day": lambda drawn, rng: _day(drawn, rng)._replace(room=_room(drawn, rng)),
    "type, day": lambda drawn, rng: _day(drawn, rng)._replace(type=rng.choice(drawn.messages).type),
    "frequent word, hour": lambda drawn, rng: _hour(drawn, rng)._replace(
        text=rng.choice(drawn.frequent)
    ),
    "sender, a word of theirs": _sender_and_word,
    "sender, receiver": _pair_of_people,
    "receiver, type, word, month": _receiver_type_word_month,
    "hit by any rule, sender": lambda drawn, rng: Query(hit="*", sender=_sender(drawn, rng)),
    "hit by a rule, frequent word": lambda drawn, rng: Query(
        hit=rng.choice(drawn.rules), text=rng.choice(drawn.frequent)
    ),
    "hit by a rule, type": lambda drawn, rng: Query(
        hit=rng.choice(drawn.rules), type=rng.choice(drawn.messages).type
    ),
    "two frequent words": lambda drawn, rng: Query(text=" ".join(rng.sample(drawn.frequent, 2))),
    "sender, receiver who never met": _strangers,
    "sender, rare word of others": _sender_and_rare,
}


def can_be_asked(query: Query) -> bool:
    """Whether its text has what can be looked for."""
    return not query.text or any(len(run) > 1 for run in runs(query.text))
