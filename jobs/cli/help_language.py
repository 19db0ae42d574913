"""Help in the reader's language.

Help texts are written in both languages where the options are: "中文 · English" in one paragraph,
or a paragraph each; a paragraph that begins with `mingjian ` is an example and belongs to both.
`translate` leaves one language in a command and everything below it. docs/cli.md is made from the
texts as they are written.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from rich.text import Text
from typer import rich_utils

_MAKES_TEXT = "_make_rich_text"
_as_typer_makes_it = getattr(rich_utils, _MAKES_TEXT)
_HAN = re.compile(r"[\u3400-\u9fff]")
_EXAMPLES = re.compile(r"例 · examples?[:：]\s*(.*)", re.DOTALL)
_TITLES = {
    "ARGUMENTS_PANEL_TITLE": "参数",
    "OPTIONS_PANEL_TITLE": "选项",
    "COMMANDS_PANEL_TITLE": "命令",
    "DEFAULT_STRING": "[缺省：{}]",
    "REQUIRED_LONG_STRING": "[必填]",
    "ABORTED_TEXT": "已中止。",
}
_SHOW_HELP = {"zh": "显示本帮助并退出。", "en": "Show this help and exit."}


def translate(command: Any, language: str) -> None:
    """Leave only "zh" or "en" in the help of a command, its options and its subcommands."""
    if language == "zh":
        for name, words in _TITLES.items():
            setattr(rich_utils, name, words)
        setattr(rich_utils, _MAKES_TEXT, _folded)
    _translate(command, language)


def in_language(text: str, language: str) -> str:
    """The paragraphs of `text` in one language; all of it when it has none in that language."""
    words: list[str] = []
    examples: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        part = paragraph.strip()
        if found := _EXAMPLES.fullmatch(part):
            examples += [one.strip() for one in found[1].split("  |  ") if one.strip()]
        elif part.startswith("mingjian "):
            examples.append(part)
        elif own := _part(part, language):
            words.append(own)
    if not words and not examples:
        return text
    if examples:
        title = "例：" if language == "zh" else "Examples:"
        words.append("\n".join([title, *examples]))
    return "\n\n".join(words)


def _part(paragraph: str, language: str) -> str:
    """What of a paragraph is in the language; "" when nothing is."""
    zh, sign, en = paragraph.partition(" · ")
    if sign and _HAN.search(zh):
        return zh if language == "zh" else en
    return paragraph if bool(_HAN.search(paragraph)) == (language == "zh") else ""


def _folded(**given: Any) -> Any:
    """Text of a help that may be broken anywhere: Chinese has no blanks between words, and a table
    would cut off what is one word to it."""
    text = _as_typer_makes_it(**given)
    if isinstance(text, Text):
        text.overflow = "fold"
    return text


def _translate(command: Any, language: str) -> None:
    for name in ("help", "epilog", "short_help"):
        if text := getattr(command, name, None):
            words = in_language(text, language)
            setattr(command, name, words[:1].upper() + words[1:])
    if command.help and not command.short_help:  # what a list of commands shows
        command.short_help = command.help.partition("\n\n")[0]
    for parameter in command.params:
        if text := getattr(parameter, "help", None):
            parameter.help = in_language(text, language)
    show_help = command.get_help_option(typer.Context(command))
    if show_help is not None:
        show_help.help = _SHOW_HELP[language]
    for inner in getattr(command, "commands", {}).values():
        _translate(inner, language)
