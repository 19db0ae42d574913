"""A wrong call, said in one line: what is wrong with it, and where the right way is told."""

from __future__ import annotations

import re

from typer.exceptions import TyperException

from rules.errors import EXIT_USAGE, MingjianError

# (what the command-line library says, English, Chinese); \1, \2 are the groups
_SAYINGS = [
    (re.compile(pattern, re.DOTALL), en, zh)
    for pattern, en, zh in (
        (r"Invalid value for (.+?): (.*)", r"\1: \2", r"\1：\2"),
        (r"Value error, (.*)", r"\1", r"\1"),
        (
            r"No such option: (.+) \(Possible options: (.+)\)",
            r"there is no option \1; there is \2",
            r"没有选项 \1；有 \2",
        ),
        (r"No such option: (.+)", r"there is no option \1", r"没有选项 \1"),
        (
            r"No such command '(.+?)'\. Did you mean (.+)\?",
            r"there is no command '\1'; did you mean \2?",
            r"没有命令“\1”；是不是 \2？",
        ),
        (r"No such command '(.+)'\.", r"there is no command '\1'", r"没有命令“\1”"),
        (r"Missing argument '(.+)'\.", r"\1 is missing", r"缺少参数 \1"),
        (r"Missing option (.+)\.", r"option \1 is missing", r"缺少选项 \1"),
        (r"Missing command\.", r"a command is missing", r"缺少命令"),
        (
            r"Got unexpected extra argument(?:\(s\)|s)? \((.+)\)",
            r"\1 is too much",
            r"多余的参数：\1",
        ),
        (r"Option (.+) requires an argument\.", r"\1 needs a value", r"\1 后面要有一个值"),
        (r"Option (.+) does not take a value\.", r"\1 takes no value", r"\1 不带值"),
        (r"Input should be a valid integer.*", r"expected a whole number", r"应为整数"),
        (r"Input should be a valid number.*", r"expected a number", r"应为数字"),
        (
            r"Input should be greater than or equal to (.+)",
            r"expected \1 or more",
            r"不得小于 \1",
        ),
        (r"Input should be less than or equal to (.+)", r"expected \1 or less", r"不得大于 \1"),
        (r"'(.+)' is not one of (.+?)\.?", r"'\1' is not one of \2", r"“\1”不在可选值中：\2"),
    )
]


def usage_error(error: TyperException) -> MingjianError:
    """The error of a call that the command line could not understand."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mingjian"
    return MingjianError(
        _said(error.format_message(), 1),
        _said(error.format_message(), 2),
        fix_en=f"see {command} --help",
        fix_zh=f"用法见 {command} --help",
        exit_code=getattr(error, "exit_code", EXIT_USAGE),
    )


def _said(message: str, language: int) -> str:
    for saying in _SAYINGS:
        found = saying[0].fullmatch(message)
        if found:
            words = saying[language]
            for number, group in enumerate(found.groups(), start=1):
                words = words.replace(f"\\{number}", _said(group, language))
            return words
    return message
