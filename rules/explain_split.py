"""Numbers sent in pieces, explained: which messages were read together, and what that came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from rules.explain import Selections, Setting, Verdict, judge
from rules.explain_text import tree_lines
from rules.explain_words import Said
from rules.message import Message
from rules.model import DetectionRule
from rules.ruleset import RuleSet
from rules.spans import span_text
from rules.split import NUMBERS, SPAN, SplitRules, fragment, is_fragment, join

_LENGTH = span_text(SPAN)


@dataclass(frozen=True)
class Pieces:
    """Messages of one sender in one conversation, one after the other, that may be one number.

    Args:
        messages: in order of time; `text`: what they say together.
        verdict: the rule on that text; None when they are too far apart to be read together.
        through: a number runs from the first into the last of them, and the rule holds: an alert.
    """

    messages: tuple[Message, ...]
    text: str
    verdict: Verdict | None
    through: bool


def pieces(
    rule: DetectionRule,
    rules: RuleSet,
    messages: Sequence[Message],
    setting: Setting,
    names: Selections = (),
) -> list[Pieces]:
    """What the messages may say together; [] for a rule that looks for no number, and where
    nothing follows on a piece.

    Of messages that follow on each other all are taken; where the rule does not hold for all, the
    most of them, to the last one, for which it does.
    """
    split = SplitRules(rules)
    if rule.ref.name not in {one.ref.name for one in split.rules}:
        return []
    found = []
    for run in _runs(messages):
        best: Pieces | None = None
        for first in range(len(run) - 1):
            for last in range(len(run), first + 1, -1):
                tried = _together(rule, run[first:last], setting, names)
                if best is None or (tried.through and not best.through):
                    best = tried
        if best is not None:
            found.append(best)
    return found


def _runs(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Pieces that follow on each other; messages that are none may stand between."""
    by_sender: dict[tuple[str, str, str], list[Message]] = {}
    for message in sorted(messages, key=lambda one: (one.time, one.seq, one.msgid)):
        if is_fragment(message.text):
            key = (message.tenant, message.sender, message.conversation)
            by_sender.setdefault(key, []).append(message)
    for own in by_sender.values():
        run: list[Message] = []
        for message in own:
            shape, before = fragment(message.text), fragment(run[-1].text) if run else None
            follows = bool(before and before.ends and shape and shape.starts)
            if run and not follows:
                yield from [run] * (len(run) > 1)
                run = []
            run.append(message)
            if shape and not shape.whole and shape.starts and follows:
                yield run  # text behind the digits: nothing goes on from here
                run = [message] if shape.ends else []
        yield from [run] * (len(run) > 1)


def _together(
    rule: DetectionRule, run: Sequence[Message], setting: Setting, names: Selections
) -> Pieces:
    joined = join([message.text for message in run])
    if run[-1].time - run[0].time > SPAN:
        return Pieces(tuple(run), joined.text, None, through=False)
    whole = msgspec.structs.replace(run[-1], text=joined.text)
    verdict = judge(rule, whole, setting, names)
    through = verdict.held and any(
        span.field == "text"
        and span.pattern in NUMBERS
        and joined.place(span.start) == 0
        and joined.place(span.end - 1) == len(run) - 1
        for span in verdict.spans
    )
    return Pieces(tuple(run), joined.text, verdict, through)


def pieces_lines(found: Sequence[Pieces], language: str, condition: str = "") -> list[str]:
    """One line that says what was read together, then the rule on it, part by part."""
    lines: list[str] = []
    for one in found:
        ids = ", ".join(message.msgid for message in one.messages)
        apart = span_text(one.messages[-1].time - one.messages[0].time)
        if one.verdict is None:
            said = Said(
                f"{ids} could be pieces of one number, but they are {apart} apart; only what comes"
                f" within {_LENGTH} is read together",
                f"{ids} 可能是同一个号码的几段，但前后相隔 {apart}；{_LENGTH} 以内的才连起来读",
            )
            lines.append(f"· {said.text(language)}")
            continue
        said = Said(
            f"{ids} come within {_LENGTH}, from one sender in one conversation, and are read"
            f" together: '{one.text}'",
            f"{ids} 在 {_LENGTH} 内由同一人在同一会话发出，连起来读：“{one.text}”",
        )
        lines.append(f"· {said.text(language)}")
        lines += [f"  {line}" for line in tree_lines(one.verdict, language, condition)]
        end = _end(one)
        lines.append(f"· {end.text(language)}")
    return lines


def _end(one: Pieces) -> Said:
    if one.through:
        return Said(
            "the number runs from the first into the last of them: one alert",
            "号码从第一条一直写到最后一条：报警一次",
        )
    if one.verdict is not None and one.verdict.held:
        return Said(
            "no number runs from the first into the last of them: no alert besides their own",
            "没有号码从第一条写到最后一条：除各条自己的告警外不另报警",
        )
    return Said("together they do not hold either: no alert", "连起来也不成立：不报警")


def as_plain(one: Pieces) -> Mapping[str, object]:
    """For machines."""
    return {
        "messages": [message.msgid for message in one.messages],
        "text": one.text,
        "within_span": one.verdict is not None,
        "alert": one.through,
    }
