"""`mingjian rules new`: a rule file with its tests, from questions and answers."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from jobs.cli.app import err, out, say
from rules.errors import EXIT_USAGE, MingjianError
from rules.rule_draft import KINDS, Answers, detectors, draft, placed_words
from rules.rule_shape import LEVELS
from rules.ruleset import beside

_NAME = re.compile(r"[a-z][a-z0-9_]*")
WHO = ("customer", "employee")
_SPAN = re.compile(r"[1-9][0-9]{0,5}[smhd]")


def new(
    name: Annotated[
        str, typer.Argument(help="规则名，也是文件名 · name of the rule and file")
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", help=f"种类：{'、'.join(KINDS)} · kind: {', '.join(KINDS)}")
    ] = "",
    title: Annotated[str, typer.Option("--title", help="标题 · title")] = "",
    words: Annotated[
        list[str] | None,
        typer.Option("--word", help="要找的词，可重复 · a word to look for, may be repeated"),
    ] = None,
    lexicon: Annotated[str, typer.Option("--lexicon", help="词库名 · name of a lexicon")] = "",
    detector: Annotated[str, typer.Option("--detector", help="识别器 · detector")] = "",
    count: Annotated[
        int | None,
        typer.Option("--count", help="至少几次（count 类） · how many times (kind count)"),
    ] = None,
    timespan: Annotated[
        str, typer.Option("--timespan", help="时间窗，如 10m · length of the window, e.g. 10m")
    ] = "",
    item: Annotated[
        str, typer.Option("--item", help="违规条目，如 A07-01 · class of violation, e.g. A07-01")
    ] = "",
    level: Annotated[
        str, typer.Option("--level", help=f"级别：{'、'.join(LEVELS)} · level: {', '.join(LEVELS)}")
    ] = "",
    response: Annotated[
        int | None, typer.Option("--response", help="响应 0–3 · response 0 to 3")
    ] = None,
    owner: Annotated[str, typer.Option("--owner", help="负责部门 · who answers for it")] = "",
    legal: Annotated[
        list[str] | None,
        typer.Option("--legal", help="法律依据，可重复 · legal basis, may be repeated"),
    ] = None,
    who: Annotated[
        str,
        typer.Option(
            "--who",
            help="谁说了却没人回（absence 类）：customer 或 employee"
            " · who is not answered (kind absence): customer or employee",
        ),
    ] = "",
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="写到哪个目录 · directory to write to")
    ] = Path("my-rules"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="不提问，用缺省答案 · ask nothing, take defaults")
    ] = False,
) -> None:
    """问几个问题，写出一条带测试的规则 · write a rule with its tests from questions and answers.

    每个问题都有对应的选项；没有终端或加了 --yes 就不提问。已有的文件不会被覆盖。

    Every question has an option; without a terminal, or with --yes, nothing is asked. A file that
    is there is never overwritten.
    """
    ask = _Asker(quiet=yes or not _attended())
    answers = _answers(
        ask, name, kind, title, words or [], lexicon, detector, count, timespan, item, level,
        response, owner, legal or [], folder, who,
    )  # fmt: skip
    file = folder / f"{answers.name}.yaml"
    if file.exists():
        raise MingjianError(
            f"{file} is there already",
            f"{file} 已经存在",
            fix_en="choose another name; nothing was written",
            fix_zh="请换一个名字；没有写入任何内容",
            exit_code=EXIT_USAGE,
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(draft(answers))
    except OSError as error:
        raise MingjianError(
            f"cannot write {file}: {error.strerror}", f"无法写入 {file}：{error.strerror}"
        ) from None
    out.print(escape(str(file)), soft_wrap=True)
    err.print(
        say(
            f"next: mingjian rules check {file}; mingjian rules test {file}; then make its cases"
            " those of your company",
            f"接着：mingjian rules check {file}；mingjian rules test {file}；再把用例改成自己的",
        ),
        soft_wrap=True,
    )


def _attended() -> bool:
    """Is there somebody to ask?"""
    return sys.stdin.isatty()


class _Asker:
    """Asks a person, or takes the default when nobody is there."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def text(
        self,
        option: str,
        given: str,
        en: str,
        zh: str,
        default: str = "",
        fits: Callable[[str], str] = lambda _: "",
    ) -> str:
        """What was given, answered or taken for granted. `fits` says what is wrong, "" if nothing.

        Raises:
            MingjianError: nobody can be asked, and there is no answer or a wrong one.
        """
        answer = given
        while True:
            if not answer and not self._quiet:
                answer = str(typer.prompt(say(en, zh), default=default or None, err=True)).strip()
            answer = answer or default
            wrong = fits(answer) if answer else say("an answer is needed", "必须回答")
            if not wrong:
                return answer
            if self._quiet or given:
                raise MingjianError(
                    f"{option}: {wrong}",
                    f"{option}：{wrong}",
                    fix_en="" if answer else f"give {option}, or run it in a terminal to be asked",
                    fix_zh="" if answer else f"请给出 {option}，或在终端里运行以便提问",
                    exit_code=EXIT_USAGE,
                )
            err.print(f"[red]✗[/] {escape(wrong)}")
            answer = ""

    def choice(
        self, option: str, given: str, en: str, zh: str, options: Sequence[str], default: str = ""
    ) -> str:
        """One of the options."""
        listed = ", ".join(options)

        def fits(answer: str) -> str:
            if answer in options:
                return ""
            return say(f"'{answer}' is none of: {listed}", f"“{answer}”不在可选值中：{listed}")

        return self.text(option, given, f"{en} ({listed})", f"{zh}（{listed}）", default, fits)


def _answers(
    ask: _Asker,
    name: str,
    kind: str,
    title: str,
    words: Sequence[str],
    lexicon: str,
    detector: str,
    count: int | None,
    timespan: str,
    item: str,
    level: str,
    response: int | None,
    owner: str,
    legal: Sequence[str],
    folder: Path,
    who: str,
) -> Answers:
    kind = ask.choice("--kind", kind, "kind of rule", "规则种类", KINDS, "words")
    name = ask.text("NAME", name, "name", "规则名（小写字母、数字、_）", "", _good_name)
    shown = ", ".join((*words, lexicon, detector)).strip(", ")
    about = "".join(char for char in shown or name if char.isprintable())
    title = ask.text(
        "--title", title, "title", "标题", say(f"Messages with {about}", f"提到{about}"), _one_line
    )
    facts: dict[str, Any] = {}
    if kind == "lexicon":
        known = beside(folder).named().lexicons
        usable = [one for one in sorted(known) if known[one].words]
        lexicon = ask.choice("--lexicon", lexicon, "lexicon", "词库", usable)
        facts = {"lexicon": lexicon, "words": placed_words(known[lexicon])}
    elif kind == "detector":
        detector = ask.choice("--detector", detector, "detector", "识别器", detectors())
        facts = {"detector": detector}
    else:
        given = ",".join(words)
        asked = ask.text(
            "--word", given, "words, parted by commas", "要找的词，用逗号隔开", "", _one_line
        )
        found = [one.strip() for one in re.split(r"[,，、]", asked) if one.strip()]
        facts = {"words": tuple(dict.fromkeys(found))}
    if kind == "count":
        number = ask.text(
            "--count",
            "" if count is None else str(count),
            "how many times",
            "至少几次",
            "3",
            _count,
        )
        facts["count"] = int(number)
    if kind in ("count", "sequence", "absence"):
        facts["timespan"] = ask.text(
            "--timespan", timespan, "within how long", "在多长时间内", "10m", _span
        )
    if kind == "absence":
        facts["who"] = ask.choice(
            "--who", who, "who says it and is not answered", "谁说了却没人回", WHO, "customer"
        )
    item = ask.text("--item", item, "class of violation", "违规条目", "X-01", _one_line)
    level = ask.choice("--level", level, "level", "级别", LEVELS, "medium")
    given = "" if response is None else str(response)
    answer = ask.choice("--response", given, "response", "响应", ("0", "1", "2", "3"), "1")
    owner = ask.text(
        "--owner", owner, "who answers for it", "负责部门", say("compliance", "合规部")
    )
    basis = ask.text(
        "--legal", "；".join(legal), "legal basis", "法律依据",
        say("internal rules", "公司内部制度"), _one_line,
    )  # fmt: skip
    return Answers(
        kind=kind,
        name=name,
        title=title,
        id=_uuid(name, title),
        date=datetime.now(UTC).date(),
        item=item,
        level=level,
        response=int(answer),
        owner=owner,
        legal=tuple(one.strip() for one in re.split("[；;]", basis) if one.strip()),
        chinese=say("", "zh") == "zh",
        **facts,
    )


def _uuid(name: str, title: str) -> str:
    """A new UUID (version 8) of the name, the title and the moment."""
    moment = datetime.now(UTC).isoformat()
    digits = hashlib.sha256(f"{name}\x00{title}\x00{moment}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _good_name(name: str) -> str:
    if _NAME.fullmatch(name):
        return ""
    return say(
        "a name begins with a small letter; then small letters, digits, _",
        "名字以小写字母开头，只能有小写字母、数字和 _",
    )


def _one_line(text: str) -> str:
    if text.isprintable():
        return ""
    return say("one line of text is needed", "只能写一行文字")


def _count(text: str) -> str:
    if text.isdecimal() and 2 <= int(text) <= 1000:  # noqa: PLR2004
        return ""
    return say("a number from 2 to 1000", "请写 2 到 1000 的整数")


def _span(text: str) -> str:
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    if _SPAN.fullmatch(text) and int(text[:-1]) * seconds[text[-1]] <= 31 * seconds["d"]:
        return ""
    return say("write it as 30s, 10m, 1h or 2d, at most 31d", "请写成 30s、10m、1h、2d，最长 31d")
