# ruff: noqa: E501 - a table
"""Files that are meant to do harm, or were broken by accident: what they are and what is said.

Each is the only wrong file of a directory of rules. `tests/unit/test_bad_input.py` looks at what is
told, `python -m bench.bad_input` at how long that takes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rules.lint.examples import CALENDAR, FILTER, LEXICON, LIST, PACK, RULE

RULE_SIZE, OTHER_SIZE = 100_000, 1_000_000  # characters a rule, and any other file, may have
Content = Callable[[], bytes]


class BadInput(NamedTuple):
    """A file at `path` of a directory of rules. `code`, `line` and `column` are those of the first
    error."""

    name: str
    path: str
    content: Content
    code: str
    line: int
    column: int


def _text(text: str) -> Content:
    return text.encode


def _changed(base: str, old: str, new: str) -> Content:
    assert old in base, old  # noqa: S101
    return base.replace(old, new, 1).encode


def _filled(head: str, piece: str, tail: str = "", size: int = RULE_SIZE) -> Content:
    """As many pieces as there is room for; {n} in them is counted up."""

    def made() -> bytes:
        room, pieces = size - len(head) - len(tail), []
        while room >= len(one := piece.replace("{n}", str(len(pieces)))):
            pieces.append(one)
            room -= len(one)
        return (head + "".join(pieces) + tail).encode()

    return made


def _in_rule(old: str, head: str, piece: str, tail: str = "", size: int = RULE_SIZE) -> Content:
    """A rule as large as one may be, with pieces instead of `old`."""
    before, after = RULE.split(old, 1)
    return _filled(before + head, piece, tail + after, size)


_WORDS = "{text|contains: 保本}"
_CONDITION = "words and outbound"
_ENTRIES = "name: own\ntitle: 名录\nowner: 人力资源部\nkind: staff\nentries:\n"
_HEAD = LEXICON.partition("words:")[0]
_VALUES = LIST.partition("values:")[0]
_PERIODS = _VALUES.replace("number", "period")
_BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(20))

OF_RULES = (
    ("10 MB in one value", _filled("x: ", "保", size=3_400_000), "MJ019", 1, 1),
    ("10 MB of zeros (NUL)", lambda: b"\0" * 10_000_000, "MJ019", 1, 1),
    ("20 levels of aliases, nine each", _text(_BOMB), "MJ009", 2, 10),
    ("a value that holds itself", _text("a: &a {b: *a}\n"), "MJ009", 1, 11),
    ("anchors and nothing else", _filled("", "- &a{n} x\n"), "MJ019", 1, 1),
    ("open square brackets", _filled("", "["), "MJ015", 1, 100),
    ("open curly brackets", _filled("", "{"), "MJ015", 1, 100),
    ("a list in a list in a list", _filled("", "- "), "MJ015", 1, 199),
    ("keys that are keys", _filled("", "? "), "MJ015", 1, 199),
    ("a tag", _text("title: !!python/object/apply:os.system [ls]\n"), "MJ010", 1, 8),
    ("one value", _filled("x: ", "a"), "MJ101", 1, 1),
    ("letters in one line", _filled("", "a"), "MJ020", 1, 1),
    ("words in one line", _filled("", "a "), "MJ020", 1, 1),
    ("blanks in one line", _filled("x: 1\n", " ", "y"), "MJ101", 1, 1),
    ("tabs", _filled("x:\n", "\t"), "MJ101", 1, 1),
    ("lines with a tab", _filled("x:\n", "\ty{n}: 1\n"), "MJ002", 2, 1),
    ("lines of - x", _filled("", "- x\n"), "MJ019", 1, 1),
    ("a list of x in brackets", _filled("[", "x,", "x]"), "MJ019", 1, 1),
    ("unknown keys", _filled(RULE, "k{n}: 1\n"), "MJ019", 1, 1),
    ("2 500 unknown keys", _filled(RULE, "k{n}: 1\n", size=25_000), "MJ101", 29, 1),
    ("2 500 unknown fields", _in_rule(_WORDS, "{x: 1", ", f{n}: 1", "}", 25_000), "MJ213", 8, 11),
    ("2 500 unused selections", _in_rule("  condition", "", "  s{n}: a\n", "  condition", 25_000), "MJ203", 10, 3),
    ("2 500 selections and one that is none", _in_rule("  condition", "", "  s{n}: a\n", "  condition: 1 of s* or sx and", 25_000), "MJ005", 2320, 31),
    ("one key 2 500 times", _filled(RULE, "level: low\n", size=25_000), "MJ014", 29, 1),
    ("2 500 broken patterns", _in_rule(_WORDS, "{text|re: ['x'", ", '({n}'", "]}", 25_000), "MJ220", 8, 26),
    ("40 long patterns", _in_rule(_WORDS, "{text|re: ['x'", ", 'x{n}" + "\\pL{1,9}" * 240 + "'", ", '(']}"), "MJ220", 8, 26),
    ("one key again and again", _filled(RULE, "level: low\n"), "MJ019", 1, 1),
    ("many documents", _filled("", "---\na: 1\n"), "MJ019", 1, 1),
    ("many documents without end", _filled("", "---\n[\n"), "MJ004", 3, 1),
    ("many document marks", _filled("", "---\n"), "MJ019", 1, 1),
    ("full-width colons", _filled("", "title：x\n"), "MJ011", 1, 1),
    ("no blank after colons", _filled("", "title:x\n"), "MJ012", 1, 1),
    ("open quotation marks", _filled("", 'a: "\n'), "MJ019", 1, 1),
    ("not UTF-8", lambda: RULE.encode() + b"# " + b"\xff" * 99_000, "MJ017", 29, 3),
    ("GBK", lambda: RULE.encode("gbk"), "MJ017", 1, 8),
    ("UTF-16", lambda: RULE.encode("utf-16"), "MJ017", 1, 1),
    ("zeros (NUL)", lambda: b"\0" * 99_000, "MJ008", 1, 1),
    ("byte order marks", _filled("", "\ufeff"), "MJ020", 1, 2),
    ("surrogates in escapes", _text('title: "\\ud83d\\ude00"\n'), "MJ001", 1, 11),
    ("a number of 99 000 digits", _in_rule("version: 1", "version: ", "1"), "MJ016", 14, 12),
    ("a number in base 60", _in_rule("version: 1", "version: 1", ":1"), "MJ016", 14, 12),
    ("a number of 99 000 hex digits", _in_rule("version: 1", "version: 0x", "f"), "MJ016", 14, 12),
    ("a float out of all bounds", _changed(RULE, "version: 1", "version: 1.0e+999"), "MJ102", 14, 12),
    ("a date that is none", _changed(RULE, "2026-11-22", "2026-13-45"), "MJ016", 5, 7),
    ("a wrong type", _changed(RULE, "version: 1", 'version: "1"'), "MJ102", 14, 12),
    ("a wrong type everywhere", _text("title: [1]\nid: [1]\nname: [1]\ndetection: [1]\n"), "MJ102", 1, 1),
    ("a tab", _changed(RULE, "  words", "\twords"), "MJ002", 8, 1),
    ("a key twice", _changed(RULE, "level: high", "level: high\nlevel: low"), "MJ014", 12, 1),
    ("a detector that is none", _changed(RULE, _WORDS, "{text|detect: bank}"), "MJ216", 8, 24),
    ("a lexicon that is none", _changed(RULE, _WORDS, "{text|lexicon: x}"), "MJ215", 8, 25),
    ("a regular expression of look-aheads", _changed(RULE, _WORDS, "{text|re: '(?=a)b'}"), "MJ220", 8, 20),
    ("a regular expression that multiplies", _changed(RULE, _WORDS, "{text|re: '((a{99}){99}){99}'}"), "MJ220", 8, 20),
    ("a regular expression of brackets", _in_rule(_WORDS, "{text|re: '", "(", "'}"), "MJ220", 8, 11),
    ("a regular expression of classes", _in_rule(_WORDS, "{text|re: '", "\\pL{1,9}", "'}"), "MJ220", 8, 11),
    ("wildcards in one value", _in_rule(_WORDS, "{text|contains: '", "*a", "'}"), "", 0, 0),
    ("broken patterns", _in_rule(_WORDS, "{text|re: ['x'", ", '({n}'", "]}"), "MJ019", 1, 1),
    ("unknown fields", _in_rule(_WORDS, "{x: 1", ", f{n}: 1", "}"), "MJ019", 1, 1),
    ("unknown modifiers", _in_rule(_WORDS, "{text|x: 1", ", text|f{n}: 1", "}"), "MJ019", 1, 1),
    ("unused selections", _in_rule("  condition", "", "  s{n}: a\n", "  condition"), "MJ019", 1, 1),
    ("brackets in the condition", _in_rule(_CONDITION, "", "(", "words"), "MJ206", 10, 3),
    ("closed brackets in the condition", _in_rule(_CONDITION, "", "(", "words"), "MJ206", 10, 3),
    ("not in the condition", _in_rule(_CONDITION, "", "not ", "words and outbound"), "MJ206", 10, 3),
    ("a condition without names", _in_rule(_CONDITION, "words", " and x{n}"), "MJ206", 10, 3),
    ("a condition of stars", _in_rule(_CONDITION, "1 of w", "*a"), "MJ206", 10, 3),
    ("conditions", _in_rule(_CONDITION, "[x", ", x", "]"), "MJ019", 1, 1),
    ("nested selections", _in_rule(_WORDS, "", "[" * 60 + "]" * 60 + ", ", "x"), "MJ003", 8, 130),
    ("a summary of placeholders", _in_rule('"{actor} 向', '"', "{x{n}}"), "MJ108", 19, 12),
    ("test cases", _in_rule("    - name: 向", "", "    - {x{n}: 1}\n", "    - name: 向"), "MJ019", 1, 1),
    ("messages of a test case", _in_rule("messages: [{", "messages: [{x: 1}", ", {x{n}: 1}", ", {"), "MJ019", 1, 1),
    ("a span of time out of all bounds", _changed(RULE, "  item", "  suppress: {for: " + "9" * 5000 + "d}\n  item"), "MJ730", 15, 19),
    ("unknown scopes", _in_rule("  item", "  scope: {x: 1", ", x{n}: 1", "}\n  item"), "MJ019", 1, 1),
    ("100 000 characters of filters", _filled("", "---\n" + FILTER.replace("x01_guarantee", "x{n}")), "MJ019", 1, 1),
    ("a filter without a reason", _changed(FILTER, "reason", "raeson"), "MJ737", 4, 11),
    ("remarks", _filled(RULE, "# mingjian: ignore MJ999 x\n"), "", 0, 0),
)  # fmt: skip
OF_OTHERS = (
    ("lexicons/own.yaml", "10 MB in one word", _filled(_HEAD + "words: [", "保", size=3_400_000), "MJ019", 1, 1),
    ("lexicons/own.yaml", "a word of 1 MB", _filled(_HEAD + "words: [x, ", "保", "]", OTHER_SIZE), "", 0, 0),
    ("lexicons/own.yaml", "one word again and again", _filled(_HEAD + "words:\n", "- 回扣\n", "", OTHER_SIZE), "MJ412", 8, 3),
    ("lexicons/own.yaml", "words that are numbers", _filled(_HEAD + "words:\n", "- 1\n", "", OTHER_SIZE), "MJ410", 7, 3),
    ("lexicons/own.yaml", "empty words", _filled(_HEAD + "words:\n", "- ''\n", "", OTHER_SIZE), "MJ411", 7, 3),
    ("lexicons/own.yaml", "words with unknown keys", _filled(_HEAD + "words:\n", "- {w{n}: 1}\n", "", OTHER_SIZE), "MJ101", 7, 4),
    ("lexicons/own.yaml", "words that have no sound", _filled(_HEAD + "words:\n", "- {word: a{n}, pinyin: true}\n", "", OTHER_SIZE), "MJ408", 7, 14),
    ("lexicons/own.yaml", "unknown keys", _filled(LEXICON, "k{n}: 1\n", "", OTHER_SIZE), "MJ101", 7, 1),
    ("lexicons/own.yaml", "one key again and again", _filled(LEXICON, "title: x\n", "", OTHER_SIZE), "MJ014", 7, 1),
    ("lexicons/own.yaml", "scenes that are none", _filled(LEXICON + "scenes:\n", "  s{n}: 1\n", "", OTHER_SIZE), "MJ419", 8, 3),
    ("lexicons/own.yaml", "9 000 words in 200 scenes", _filled(_HEAD + "words: [" + ", ".join(f"w{n}" for n in range(9000)) + "]\nscenes:\n", "  s{n}: {words: [x]}\n", size=71_000), "MJ019", 7, 1),
    ("lexicons/own.yaml", "synonyms that multiply", _filled(LEXICON + "synonyms: {回扣: [", "s{n}, ", "x]}", 20_000), "MJ712", 7, 1),
    ("lexicons/own.yaml", "100 000 words, and one key that is none", _filled(_HEAD + "words:\n", "- 保w{n}\n", "word: x\n", OTHER_SIZE), "MJ101", 101010, 1),
    ("lexicons/own.yaml", "synonyms that are numbers", _filled(LEXICON + "synonyms:\n", "  s{n}: 1\n", "", OTHER_SIZE), "MJ409", 8, 3),
    ("lexicons/own.yaml", "an empty list of words", _text(_HEAD + "words: []\n"), "MJ406", 6, 1),
    ("lexicons/own.yaml", "an empty file", _text(""), "MJ401", 1, 1),
    ("lexicons/own.yaml", "many documents", _filled("", "---\na: 1\n", "", OTHER_SIZE), "MJ401", 4, 1),
    ("lexicons/own.yaml", "open square brackets", _filled("", "[", "", OTHER_SIZE), "MJ015", 1, 100),
    ("lexicons/own.yaml", "letters in one line", _filled("", "a", "", OTHER_SIZE), "MJ020", 1, 1),
    ("lexicons/own.yaml", "tabs", _filled(LEXICON, "\t", "", OTHER_SIZE), "MJ002", 7, 1),
    ("lexicons/own.yaml", "open quotation marks", _filled(_HEAD + "words:\n", "- \"\n", "", OTHER_SIZE), "MJ412", 9, 3),
    ("lexicons/own.yaml", "aliases", _filled("name: &a own\nwords:\n", "- *a\n", "", OTHER_SIZE), "MJ009", 3, 3),
    ("lexicons/own.yaml", "not UTF-8", lambda: LEXICON.encode() + b"\xff" * 900_000, "MJ017", 7, 1),
    ("lists/own.yaml", "numbers without quotation marks", _filled(_VALUES + "values:\n", "- 6222\n", "", OTHER_SIZE), "MJ720", 7, 3),
    ("lists/own.yaml", "unknown keys", _filled(LIST, "k{n}: 1\n", "", OTHER_SIZE), "MJ101", 7, 1),
    ("lists/own.yaml", "one key again and again", _filled(LIST, "title: x\n", "", OTHER_SIZE), "MJ014", 7, 1),
    ("lists/own.yaml", "entries with unknown attributes", _filled(_ENTRIES, "  e{n}: {rol: x}\n", "", OTHER_SIZE), "MJ101", 6, 8),
    ("lists/own.yaml", "entries without attributes", _filled(_ENTRIES, "  e{n}: 1\n", "", OTHER_SIZE), "MJ722", 6, 3),
    ("lists/own.yaml", "one entry again and again", _filled(_ENTRIES, "  e: {role: x}\n", "", OTHER_SIZE), "MJ014", 7, 3),
    ("lists/own.yaml", "periods that are none", _filled(_PERIODS + "values:\n", "- 1\n", "", OTHER_SIZE), "MJ724", 7, 3),
    ("lists/own.yaml", "periods that end before they begin", _filled(_PERIODS + "values:\n", "- {from: 2026-03-02, to: 2026-03-01}\n", "", OTHER_SIZE), "MJ725", 7, 3),
    ("lists/own.yaml", "an empty file", _text(""), "MJ401", 1, 1),
    ("lists/own.yaml", "not UTF-8", lambda: LIST.encode() + b"\xff" * 900_000, "MJ017", 7, 1),
    ("lists/own.yaml", "10 MB in one value", lambda: b"x" * 10_000_000, "MJ019", 1, 1),
    ("lists/own.yaml", "links of 1 MB", _filled(_VALUES.replace("number", "url") + 'values: ["https://a', "%25", '"]', OTHER_SIZE), "", 0, 0),
    ("calendars/cn.yaml", "days that are none", _filled(CALENDAR + "holidays:\n", "  d{n}: x\n", "", OTHER_SIZE), "MJ019", 1, 1),
    ("calendars/cn.yaml", "departments without hours", _filled(CALENDAR + "departments:\n", "  d{n}: 1\n", "", OTHER_SIZE), "MJ019", 1, 1),
    ("calendars/cn.yaml", "unknown keys", _filled(CALENDAR, "k{n}: 1\n", "", OTHER_SIZE), "MJ019", 1, 1),
    ("calendars/cn.yaml", "hours that are numbers out of all bounds", _text("hours: ['" + "9" * 5000 + ":00', '18:00']\n"), "MJ422", 1, 1),
    ("calendars/cn.yaml", "10 MB in one value", lambda: b"x" * 10_000_000, "MJ019", 1, 1),
    ("packs/own.yaml", "unknown keys", _filled(PACK, "k{n}: 1\n", "", OTHER_SIZE), "MJ019", 1, 1),
    ("packs/own.yaml", "rules that are numbers", _filled(PACK.partition("rules:")[0] + "rules:\n", "- 1\n", "", OTHER_SIZE), "MJ019", 1, 1),
    ("packs/own.yaml", "10 MB in one value", lambda: b"x" * 10_000_000, "MJ019", 1, 1),
)  # fmt: skip
INPUTS = tuple(BadInput(name, "rule.yaml", *rest) for name, *rest in OF_RULES) + tuple(
    BadInput(name, path, *rest) for path, name, *rest in OF_OTHERS
)


def written(folder: Path, one: BadInput) -> Path:
    """A directory of rules in which this file is wrong and nothing else; lists of its own, so that
    the shipped ones are not read."""
    other = RULE.replace("x01_guarantee", "x01_other").replace("3d34a454", "3d34a455")
    files = {"other.yaml": other.replace("title: ", "title: 另").encode(), one.path: one.content()}
    for name in ("lexicons", "lists", "packs"):
        (folder / name).mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
