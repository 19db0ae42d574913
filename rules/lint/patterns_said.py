"""Regular expressions that load and find nothing, less than they seem to, or anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.conditions import TEXT_FIELDS, regex
from rules.errors import RuleError
from rules.fold import fold, is_chinese
from rules.lint.pattern_reach import BLANK, GAPS, NEWLINE, can_match, kinds
from rules.lint.words_said import Asked, Path, asked
from rules.pattern_tree import (
    Chars,
    Edge,
    Either,
    Many,
    Part,
    Row,
    leaves,
    parse,
    replaced,
    size,
)
from rules.sigma.modifiers import FLAGS, LONG_FLAGS
from rules.yaml_source import Document

MAX_LOOKED = 20_000  # parts looked at, when a pattern is asked once for each of its parts
_OPEN_ENDS = re.compile(r"^\^?\.\*|\.\*\$?$")
_WIDE = dict(zip("?!,:;", "？！，：；", strict=True))  # the fold keeps these as people write them
_AT_ENDS = {
    "text_start": ("the beginning of the text", "文本开头"),
    "line_start": ("the beginning of a line", "行首"),
    "text_end": ("the end of the text", "文本末尾"),
    "line_end": ("the end of a line", "行尾"),
    "word": ("an end of a Latin word", "英文词的边界"),
    "not_word": ("no end of a Latin word", "英文词的内部"),
}


class _Told(NamedTuple):
    """A remark: where in the pattern, what in both languages, and what to do."""

    offset: int
    en: str
    zh: str
    fix_en: str
    fix_zh: str


def of_detection(document: Document) -> Iterator[RuleError]:
    """Warnings about the patterns of the selections of a document."""
    for name, selection in document.value["detection"].items():
        if name != "condition":
            for one in asked(("detection", str(name)), selection):
                if "re" in one.modifiers:
                    yield from _patterns(document, one)


def _patterns(document: Document, one: Asked) -> Iterator[RuleError]:
    folded = one.field in TEXT_FIELDS
    flags = {LONG_FLAGS.get(name, name) for name in one.modifiers} & {*FLAGS}
    for at, source in one.texts():
        tree = None
        if "expand" not in one.modifiers:
            tree = parse(source, "".join(flags | ({"i"} if folded else set())))
        reach = list(_reach(document, at, source, tree, folded=folded)) if tree else []
        yield from reach
        if reach:
            continue
        if regex(one.field, source).compiled.search("") is not None:
            yield document.error(
                at,
                f"'{source}' fits the empty text too, so it says little about a message",
                f"“{source}”连空文本都能匹配，几乎不限制消息",
                fix_en="ask for at least one character: + for *, or leave out the ?",
                fix_zh="请至少要求一个字符：把 * 改成 +，或去掉 ?",
                code="MJ252",
                offset=0,
            )
        elif _OPEN_ENDS.search(source):
            yield document.error(
                at,
                f"'{source}': .* at an end does nothing but make the shown hit longer",
                f"“{source}”：首尾的 .* 只会让命中片段变长，没有别的作用",
                fix_en="leave it out: a pattern is looked for anywhere",
                fix_zh="请删去：正则表达式本来就查找任意位置",
                code="MJ253",
                offset=0,
            )
        if tree and folded and (mark := _narrow_mark(tree, source)):
            yield document.error(
                at,
                f"'{source}': '{mark.literal}' does not fit the '{_WIDE[mark.literal]}' that people"
                " type after Chinese, which folding keeps",
                f"“{source}”：“{mark.literal}”匹配不到中文里常用的“{_WIDE[mark.literal]}”，"
                "归一不会改变它",
                fix_en=f"write [{mark.literal}{_WIDE[mark.literal]}]",
                fix_zh=f"请写 [{mark.literal}{_WIDE[mark.literal]}]",
                code="MJ260",
                offset=mark.start,
            )


def _reach(
    document: Document, at: Path, source: str, tree: Part, *, folded: bool
) -> Iterator[RuleError]:
    if not can_match(tree, folded=folded):
        told = _why(source, tree, folded=folded)
        yield document.error(
            at,
            f"'{source}' can never match: {told.en}",
            f"“{source}”永远匹配不到：{told.zh}",
            fix_en=told.fix_en,
            fix_zh=told.fix_zh,
            code="MJ257",
            offset=told.offset,
        )
        return
    for branch in _dead(tree, folded=folded):
        told = _why(source, branch, folded=folded)
        yield document.error(
            at,
            f"a part of '{source}' can never match: {told.en}",
            f"“{source}”的一部分永远匹配不到：{told.zh}",
            fix_en=told.fix_en,
            fix_zh=told.fix_zh,
            code="MJ258",
            offset=told.offset,
        )
    if folded and not can_match(tree, folded=True, usual=True):
        gap = _culprit(tree, folded=True, usual=True)
        yield document.error(
            at,
            f"'{source}' wants blanks beside Chinese characters, where folding has taken them out:"
            " only a line break or more than four of them are left",
            f"“{source}”要求汉字旁边有空白，而归一已把它们去掉，只剩换行或四个以上的空格",
            fix_en="leave the blanks out; write \\n for a line break",
            fix_zh="请去掉空白；要匹配换行请写 \\n",
            code="MJ259",
            offset=gap.start if gap else 0,
        )


def _dead(tree: Part, *, folded: bool) -> Iterator[Part]:
    """The pattern with one alternative in place of several, for each with which it cannot match."""
    choices = list(_choices(tree))
    if sum(len(one.parts) for one in choices) * size(tree) <= MAX_LOOKED:
        for choice in choices:
            for one in choice.parts:
                narrow = replaced(tree, choice, one)
                if not can_match(narrow, folded=folded):
                    yield narrow


def _choices(tree: Part) -> Iterator[Either]:
    if isinstance(tree, Either):
        yield tree
    if isinstance(tree, Row | Either):
        for one in tree.parts:
            yield from _choices(one)
    elif isinstance(tree, Many) and tree.most != 0:
        yield from _choices(tree.part)


def _culprit(tree: Part, *, folded: bool, usual: bool = False) -> Chars | Edge | None:
    """The part that is why: that no character fits, or without which the pattern could match; of
    several an edge, then a blank or sign. None when it takes several to put it right."""
    parts = leaves(tree)
    for leaf in parts:
        if isinstance(leaf, Chars) and not kinds(leaf, folded=folded):
            return leaf
    most = MAX_LOOKED // size(tree)
    for leaf in sorted(parts, key=lambda one: _suspicion(one, folded=folded))[:most]:
        if can_match(replaced(tree, leaf, Row()), folded=folded, usual=usual):
            return leaf
    return None


def _suspicion(leaf: Chars | Edge, *, folded: bool) -> int:
    if isinstance(leaf, Edge):
        return 0
    return 2 if kinds(leaf, folded=folded) & ~(GAPS | NEWLINE) else 1


def _why(source: str, tree: Part, *, folded: bool) -> _Told:
    leaf = _culprit(tree, folded=folded)
    if leaf is None:
        start = min((one.start for one in leaves(tree)), default=0)
        return _Told(start, "its parts exclude each other", "各部分互相排斥", "look at it again",
                     "请检查各部分")  # fmt: skip
    if isinstance(leaf, Edge):
        en, zh = _AT_ENDS[leaf.kind]
        return _Told(
            leaf.start,
            f"'{leaf.source}' is {en}, which cannot be at this place",
            f"“{leaf.source}”表示{zh}，不可能出现在这里",
            f"leave it out, or write \\{leaf.source} for the character"
            if leaf.source in "^$"
            else "leave it out",
            f"请删去；要匹配字符本身请写 \\{leaf.source}" if leaf.source in "^$" else "请删去",
        )
    if not kinds(leaf, folded=folded):
        return _no_such(source, leaf)
    return _Told(
        leaf.start,
        f"{_shown(leaf)} does not stand between these characters, for folding takes it out",
        f"这些字符之间不会有{_shown(leaf, zh=True)}，归一会把它去掉",
        "leave it out",
        "请删去",
    )


def _no_such(source: str, leaf: Chars) -> _Told:
    other = fold(leaf.literal).text
    if not leaf.literal:
        return _Told(
            leaf.start,
            f"no character of a text fits '{leaf.source}'",
            f"文本里没有字符符合“{leaf.source}”",
            "ask for characters that are left after folding: small letters, simplified characters",
            "请写归一之后的字符：小写字母、简体字",
        )
    return _Told(
        leaf.start,
        f"'{leaf.literal}' never occurs, because texts are folded before they are searched",
        f"“{leaf.literal}”不会出现，因为文本先归一再查找",
        f"write '{other}'" if other else "leave it out",
        f"请写“{other}”" if other else "请删去",
    )


def _shown(leaf: Chars, *, zh: bool = False) -> str:
    if kinds(leaf, folded=True) & BLANK and leaf.literal in ("", " "):
        return "空格" if zh else "a blank"
    return f"“{leaf.literal or leaf.source}”" if zh else f"'{leaf.literal or leaf.source}'"


def _narrow_mark(tree: Part, source: str) -> Chars | None:
    """A narrow mark right behind a Chinese character, where the wide one is nowhere."""
    if isinstance(tree, Either):
        return next((found for one in tree.parts if (found := _narrow_mark(one, source))), None)
    if isinstance(tree, Many):
        return _narrow_mark(tree.part, source)
    if not isinstance(tree, Row):
        return None
    for left, right in zip(tree.parts, tree.parts[1:], strict=False):
        if isinstance(left, Chars) and left.literal and is_chinese(left.literal):
            mark = right.part if isinstance(right, Many) else right
            wide = _WIDE.get(mark.literal) if isinstance(mark, Chars) else None
            if isinstance(mark, Chars) and wide and wide not in source:
                return mark
    return next((found for one in tree.parts if (found := _narrow_mark(one, source))), None)
