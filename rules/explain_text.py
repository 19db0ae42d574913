"""Explanations as lines of plain text, in the reader's language.

A line begins with its indent and a mark: ✓ holds, ✗ does not hold, · a remark. Lines of `^` and `~`
stand below an excerpt: `^` under what counts, `~` under what was seen and does not count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from rules.conditions import TEXT_FIELDS
from rules.expectations import clock
from rules.explain import ALL, ANY, LEAF, LEAST, NONE, Part, Verdict
from rules.explain_names import CONDITION, SCOPE
from rules.explain_refused import Occurrence
from rules.explain_words import REFUSALS, Said
from rules.fold import fold
from rules.message import Message

_AROUND = 15  # code points shown on either side of an occurrence
_MANY = 6  # parts of an alternative that are shown one by one
_SHOWN = 12  # occurrences shown for one leaf
_VALUE = 60  # characters shown of a value
_WORDS = {"text": Said("text", "原文"), "quoted": Said("quoted", "引用")}
_TABS = {"\n": "⏎", "\r": "␍", "\t": "␉"}


def verdict_lines(verdict: Verdict, language: str, condition: str = "") -> list[str]:
    """A whole explanation: the message, the tree, the last sentence."""
    lines = message_lines(verdict.message, language)
    lines += tree_lines(verdict, language, condition)
    lines.append(_say(conclusion(verdict), language))
    return lines


def message_lines(message: Message, language: str) -> list[str]:
    """Who said what to whom, and what the text is after folding."""
    to = "、".join(message.recipients) or message.room
    head = f"{message.msgid}  {clock(message.time)}  {message.sender}"
    head += f" → {to}" if to else ""
    head += f"  [{message.kind} {message.type}, {message.direction}]"
    lines = [head]
    for field in sorted(TEXT_FIELDS, reverse=True):
        written = str(message.field(field) or "")
        if not written:
            continue
        lines.append(f"  {_say(_WORDS[field], language)}: {visible(written)}")
        folded = fold(written).text
        if folded != written:
            lines.append(_say(Said("  folded: ", "  归一: "), language) + visible(folded))
    return lines


def tree_lines(verdict: Verdict, language: str, condition: str = "") -> list[str]:
    """The condition as a tree. `condition` is its text."""
    part = verdict.part
    if part.kind != LEAF and not part.name:
        joined = any(one.name == CONDITION for one in part.parts)
        part = replace(part, name=verdict.rule.ref.name if joined else CONDITION)
    return list(_part(part, language, 0, condition))


def _part(part: Part, language: str, depth: int, condition: str = "") -> Iterator[str]:
    indent = "  " * depth
    if part.exception:
        yield f"{indent}{_mark(part)} {_say(_exception(part), language)}"
        bare = replace(part, exception=False, name=CONDITION)
        for child in part.parts if part.until else (bare,):
            named = child if child.name else replace(child, name=CONDITION)
            yield from _part(named, language, depth + 1)
        return
    if part.kind == LEAF:
        name = f"{part.name}: " if part.name else ""
        yield f"{indent}{_mark(part)} {name}{_say(part.asked, language)}{_seen(part, language)}"
        yield from _found(part, language, indent + "    ")
        return
    name = f"{part.name} " if part.name else ""
    if part.name == CONDITION and condition:
        yield f"{indent}{_mark(part)} {CONDITION}: {condition}"
        condition = ""
    else:
        yield f"{indent}{_mark(part)} {name}({_joined(part, language)})"
    for child in _shown_parts(part):
        yield from _part(child, language, depth + 1, condition)
    yield from _rest(part, language, depth + 1)


def _shown_parts(part: Part) -> list[Part]:
    if part.kind not in (ANY, LEAST) or len(part.parts) <= _MANY:
        return list(part.parts)
    return [one for one in part.parts if one.held or one.kind != LEAF or _notable(one)]


def _notable(part: Part) -> bool:
    return bool(part.occurrences) or part.elsewhere


def _rest(part: Part, language: str, depth: int) -> list[str]:
    hidden = len(part.parts) - len(_shown_parts(part))
    if not hidden:
        return []
    first = next(one for one in part.parts if one not in _shown_parts(part))
    example = _say(first.asked, language)
    said = Said(
        f"none of {hidden} more holds, such as: {example}",
        f"其余 {hidden} 项都不成立，如：{example}",
    )
    return [f"{'  ' * depth}✗ {_say(said, language)}"]


def _seen(part: Part, language: str) -> str:
    """The value of a field that is no text; texts stand above."""
    if part.occurrences or (part.held and part.asked.en.endswith(f" is {part.saw}")):
        return ""
    if part.asked.en.split(" ")[0] in TEXT_FIELDS:
        return ""
    if not part.saw:
        return _say(Said("  (it has none)", "（没有值）"), language)
    value = visible(part.saw)[:_VALUE]
    return _say(Said(f"  (it is: {value})", f"（实际：{value}）"), language)


def _found(part: Part, language: str, indent: str) -> Iterator[str]:
    for one in part.occurrences[:_SHOWN]:
        yield from _excerpt(one, part, indent)
        yield f"{indent}· {occurrence(one, language)}"
    if len(part.occurrences) > _SHOWN:
        more = len(part.occurrences) - _SHOWN
        yield f"{indent}· {_say(Said(f'and {more} more', f'还有 {more} 处'), language)}"
    if part.elsewhere:
        said = Said(
            "it stands in `quoted`, the words of others, where this does not look",
            "它在 quoted（引用的他人的话）里，这一项不看那里",
        )
        yield f"{indent}· {_say(said, language)}"


def _excerpt(one: Occurrence, part: Part, indent: str) -> Iterator[str]:
    text = part.original
    first, last = max(0, one.start - _AROUND), min(len(text), one.end + _AROUND)
    lead = "…" if first else ""
    before = lead + visible(text[first : one.start])
    hit = visible(text[one.start : one.end])
    after = visible(text[one.end : last]) + ("…" if last < len(text) else "")
    sign = "~" if one.refused else "^"
    yield f"{indent}{before}{hit}{after}"
    yield f"{indent}{' ' * cells(before)}{sign * max(1, cells(hit))}"


def occurrence(one: Occurrence, language: str) -> str:
    """What was found at one place and whether it counts."""
    text = visible(one.text)
    if one.refused:
        why = _say(REFUSALS[one.refused], language)
        en = f"'{text}' does not count: {why}"
        zh = f"“{text}”不算：{why}"
        if one.because:
            en, zh = f"{en} ({one.because})", f"{zh}（{one.because}）"
    else:
        en, zh = f"'{text}' is '{one.pattern}'", f"“{text}”就是“{one.pattern}”"
        if text == one.pattern:
            en, zh = f"'{text}' counts", f"“{text}”命中"
        elif one.confidence:
            en, zh = f"'{text}' is {one.pattern}", f"“{text}”是 {one.pattern}"
    if one.variant:
        names = ", ".join(one.variant)
        en, zh = f"{en}; taken off: {names}", f"{zh}；去掉的变形：{names}"
    if one.confidence:
        en, zh = f"{en}; sure to {one.confidence}", f"{zh}；把握 {one.confidence}"
    return _say(Said(en, zh), language)


def conclusion(verdict: Verdict) -> Said:
    """Why the rule fired or did not, in one sentence."""
    rule = verdict.rule
    if verdict.held and rule.signal:
        return Said(
            f"The base rule {rule.ref.name} holds. It raises nothing by itself.",
            f"基础规则 {rule.ref.name} 成立。它自己不报警。",
        )
    if verdict.held:
        return Said(
            f"The rule {rule.ref.name} fires: its condition holds.",
            f"规则 {rule.ref.name} 报警：条件成立。",
        )
    en = "; ".join(_because(verdict.part, "en"))
    zh = "；".join(_because(verdict.part, "zh"))
    kind = ("base rule", "基础规则") if rule.signal else ("rule", "规则")
    verb = ("does not hold", "不成立") if rule.signal else ("does not fire", "不报警")
    return Said(
        f"The {kind[0]} {rule.ref.name} {verb[0]}: {en}.",
        f"{kind[1]} {rule.ref.name} {verb[1]}：{zh}。",
    )


def _because(part: Part, language: str) -> list[str]:
    """Reasons why a part does not hold."""
    if part.exception:
        return [_say(_left_out(part), language)]
    name = f"{part.name}: " if part.name and part.name != CONDITION else ""
    if part.kind == LEAF:
        refused = [one for one in part.occurrences if one.refused]
        if refused:
            return [name + occurrence(refused[0], language)]
        asked = _say(part.asked, language)
        return [_say(Said(f"{name}not so: {asked}", f"{name}不成立：{asked}"), language)]
    if part.kind == NONE:
        inner = part.parts[0]
        what = inner.name or (_say(inner.asked, language) if inner.kind == LEAF else "")
        where = name if part.name == SCOPE else ""
        return [
            _say(
                Said(
                    f"{where}{what or 'a part'} holds, and the condition wants that it does not",
                    f"{where}{what or '有一项'}成立，而条件要求它不成立",
                ),
                language,
            )
        ]
    failed = [one for one in part.parts if not one.held]
    if not all(one.exception for one in failed):  # an exception takes away what there would be
        failed = [one for one in failed if not one.exception]
    told = [one for one in failed if part.kind == ALL or any(map(_notable, one.leaves()))]
    if part.kind != ALL and not told:
        told = failed if len(failed) <= 2 else []  # noqa: PLR2004
    if not told:
        few = part.kind == LEAST
        said = Said(
            f"{name}{'too few' if few else 'none'} of its {len(part.parts)} parts "
            + ("hold" if few else "holds"),
            f"{name}{len(part.parts)} 项中成立的不够" if few else f"{name}{len(failed)} 项都不成立",
        )
        return [_say(said, language)]
    return [name + reason for one in told for reason in _because(one, language)]


def _exception(part: Part) -> Said:
    """How an exception is named in the tree: it holds where the rule stays in force."""
    if part.until:
        return Said(
            f"exception {part.name} until {part.until} (alerts only where one of these holds)",
            f"例外 {part.name}，至 {part.until}（有一项成立才报警）",
        )
    return Said(
        f"exception {part.name} (alerts only where this holds)",
        f"例外 {part.name}（成立才报警）",
    )


def _left_out(part: Part) -> Said:
    end = (f" (until {part.until})", f"（至 {part.until}）") if part.until else ("", "")
    return Said(
        f"left out by the exception {part.name}{end[0]}", f"被例外 {part.name} 排除{end[1]}"
    )


def _joined(part: Part, language: str) -> str:
    words = {
        ALL: Said("all of these", "全部成立才算"),
        LEAST: Said(f"at least {part.least} of these", f"至少 {part.least} 项成立才算"),
        ANY: Said("one of these", "有一项成立就算"),
        NONE: Said("not this", "不成立才算"),
    }
    return _say(words[part.kind], language)


def _mark(part: Part) -> str:
    return "✓" if part.held else "✗"


def _say(said: Said, language: str) -> str:
    return said.text(language)


def visible(text: str) -> str:
    """The text with what cannot be seen written out: ‹U+200B›, ⏎ for a line break."""
    return "".join(_TABS.get(char) or _plain(char) for char in text)


def _plain(char: str) -> str:
    if unicodedata.category(char) in ("Cf", "Cc", "Mn", "Me", "Zl", "Zp"):
        return f"‹U+{ord(char):04X}›"
    return char


def cells(text: str) -> int:
    """Columns of a terminal that the text takes; it holds nothing that cannot be seen."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
