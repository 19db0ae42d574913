# ruff: noqa: E501 - one broken file a row
"""Broken rule files are told with file, line and column; good ones load."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.rule_checks import check_rules
from rules import feeds
from rules.detection_text import MODIFIERS
from rules.errors import MingjianError, RuleError
from rules.fields import FIELDS, TYPED_FIELDS
from rules.lexicon import Lexicon
from rules.loader import load_file
from rules.model import MAX_WINDOW
from rules.ruleset import RuleTimeline, load_ruleset, rule_files
from rules.sigma_parse import Named
from tests.support.lint_examples import written
from tests.support.rule_files import COUNTING, NAMED, SIMPLE, load_text, ruleset

ROOT = Path(__file__).parents[2]


def simple(old: str, new: str) -> str:
    assert old in SIMPLE
    return SIMPLE.replace(old, new, 1)


def counting(old: str, new: str) -> str:
    assert old in COUNTING
    return COUNTING.replace(old, new, 1)


WORDS = "{text|contains: 保本}"
# id, text, line, column, what the English sentence says, what the hint says
BROKEN = [
    # shape of the file
    ("empty", "", 1, 1, "no alerting rule", ""),
    ("only a comment", "# nothing\n", 1, 1, "no alerting rule", ""),
    ("a lone ---", "---\n", 2, 1, "nothing between", ""),
    ("--- at the end", SIMPLE + "---\n", 22, 1, "nothing between", ""),
    ("a list", "- a\n- b\n", 1, 1, "must be a mapping", ""),
    ("a text", "hello\n", 1, 1, "must be a mapping", ""),
    ("a tab", "title: x\n\tname: y\n", 2, 1, "not valid YAML", ""),
    ("not closed", "title: [a\n", 2, 1, "not valid YAML", ""),
    ("a control character", "title: \x01\n", 1, 8, "not valid YAML", ""),
    ("not UTF-8", "title: 保\nname: ".encode() + b"\xff\n", 2, 7, "not valid UTF-8", "UTF-8"),
    ("aliases", "a: &x [1]\nb: *x\n", 2, 4, "aliases", ""),
    ("an endless alias", "a: &x [*x]\n", 1, 8, "aliases", ""),
    ("deep", "a: " + "[" * 5000, 1, 102, "nested too deeply", ""),
    ("an impossible date", simple("level: high", "date: 2026-13-45\nlevel: high"), 9, 7, "2026-13-45", "dates"),
    ("an unknown tag", simple("level: high", "level: !!python/name:os.system x"), 9, 8, "YAML", ""),
    ("a key twice", simple("level: high", "level: high\nlevel: low"), 10, 1, "twice", ""),
    ("a key twice inside", simple("  item: A07-01", "  item: A\n  item: B"), 13, 3, "twice", ""),
    ("two alerting rules", SIMPLE + "---\n" + SIMPLE, 22, 1, "second alerting rule", "signal"),
    ("only signals", COUNTING.split("---", maxsplit=1)[0], 1, 1, "no alerting rule", ""),
    # unknown keys at every level, with the nearest word
    ("top level", simple("level: high", "levle: high"), 9, 1, "'levle'", "'level'"),
    ("mingjian", simple("  response: 2", "  respnse: 2"), 13, 3, "'respnse'", "'response'"),
    ("correlation", counting("timespan", "timspan"), 14, 3, "'timspan'", "'timespan'"),
    ("condition", counting("gte: 3", "gt_: 3"), 15, 15, "'gt_'", "'gt'"),
    ("test case", simple("      alerts: 1", "      alert: 1"), 20, 7, "'alert'", "'alerts'"),
    ("field", simple("direction:", "dirction:"), 6, 14, "'dirction'", "'direction'"),
    ("modifier", simple("contains", "contain"), 7, 16, "'contain'", "'contains'"),
    ("modifier of logs", simple("text|contains", "text|base64"), 7, 11, "|base64", "there are"),
    ("no such modifier", simple("text|contains", "text|bas64"), 7, 16, "'bas64'", "base64"),
    ("group field", counting("[sender]", "[sendr]"), 13, 14, "'sendr'", "'sender'"),
    ("value of a closed field", simple("outbound", "outbond"), 6, 25, "'outbond'", "'outbound'"),
    ("number as key", simple("title: 承诺保本", "title: x\n5: y"), 2, 1, "'5'", ""),
    ("keys that do not sort", simple("level: high", "5: y\nlevel: high"), 9, 1, "'5'", ""),
    ("selection named by a number", simple("words: {", "5: {"), 7, 3, "'5'", ""),
    ("summary", simple("{actor}", "{acter}"), 16, 12, "{acter}", "actor"),
    # missing and wrong
    ("no title", simple("title: 承诺保本\n", ""), 1, 1, "'title' is missing", ""),
    ("no name", simple("name: t1_words\n", ""), 1, 1, "'name'", ""),
    ("bad name", simple("t1_words", "T1 words"), 3, 1, "'name'", ""),
    ("no level", simple("level: high\n", ""), 1, 1, "'level' is missing", ""),
    ("no version", simple("  version: 1\n", ""), 10, 1, "mingjian.version", ""),
    ("level", simple("level: high", "level: severe"), 9, 8, "'severe'", "critical"),
    ("response", simple("response: 2", "response: 4"), 13, 13, "0, 1, 2 or 3", ""),
    ("neither", simple("detection:", "logsource2:"), 5, 1, "'logsource2'", "'logsource'"),
    ("both", simple("level:", "correlation: {}\nlevel:"), 1, 1, "either", ""),
    ("correlation type", counting("event_count", "event_cunt"), 11, 3, "'event_cunt'", "event_count"),
    ("timespan", counting("10m", "10 minutes"), 14, 13, "'timespan: 10 minutes'", "10m"),
    ("timespan of nothing", counting("10m", "0m"), 14, 13, "'timespan'", ""),
    ("timespan of years", counting("10m", "999999d"), 14, 13, "'timespan'", ""),
    ("no timespan", counting("  timespan: 10m\n", ""), 10, 1, "'timespan'", ""),
    ("no condition", counting("  condition: {gte: 3}\n", ""), 10, 1, "'condition'", ""),
    ("text as count", counting("gte: 3", "gte: three"), 15, 15, "'gte' must be a number", ""),
    ("truth as count", counting("gte: 3", "gte: true"), 15, 15, "'gte' must be a number", ""),
    ("half a count", counting("gte: 3", "gte: 2.5"), 15, 3, "whole number", ""),
    ("no count", counting("gte: 3", ""), 15, 3, "needs a comparison", "gte: 3"),
    ("counts that exclude each other", counting("gte: 3", "gte: 3, lte: 2"), 15, 3, "never hold", ""),
    ("fewer than one", counting("gte: 3", "lt: 1"), 15, 15, "from 2 to", ""),
    ("count of none", counting("gte: 3", "gte: 0"), 15, 15, "from 1 to", ""),
    ("more than a window holds", counting("gte: 3", f"gt: {MAX_WINDOW}"), 15, 15, "from 1 to", ""),
    ("field without value_count", counting("gte: 3", "gte: 3, field: room"), 15, 23, "no 'field'", ""),
    ("two fields of a sum", counting("event_count", "value_sum").replace(
        "gte: 3", "gte: 3, field: [room, sender]"), 15, 23, "one field", ""),
    ("a percentile of a count", counting("gte: 3", "gte: 3, percentile: 5"), 15, 23, "percentile", ""),
    ("rules joined in a count", counting("{gte: 3}", "t2_base"), 15, 3, "not a condition", "gte: 3"),
    ("value_count without field", counting("event_count", "value_count"), 15, 3, "needs 'field'", ""),
    ("unknown counted field", counting("event_count", "value_count").replace(
        "gte: 3", "gte: 3, field: rom"), 15, 30, "'rom'", "'room'"),
    ("the same rule twice", counting("[t2_base]", "[t2_base, t2_base]"), 12, 3, "different", ""),
    ("alias not grouped by", counting("  timespan", "  aliases: {x: {t2_base: msgid}}\n  timespan"),
     14, 13, "'x'", ""),
    ("alias without a rule", counting("[sender]", "[x]\n  aliases: {x: {t2_bas: msgid}}"),
     14, 17, "'t2_bas'", "'t2_base'"),
    ("alias that gives nothing", counting("[sender]", "[x]\n  aliases: {x: {}}"),
     14, 13, "one field for each of", ""),
    ("alias to no field", counting("[sender]", "[x]\n  aliases: {x: {t2_base: msgd}}"),
     14, 26, "'msgd'", "msgid"),
    *((f"condition over rules: {wrong}", counting("event_count", "temporal").replace("{gte: 3}", wrong),
       15, column, says, hint) for wrong, column, says, hint in [
        ("t2_base and", 22, "at its end", "and, or, not"),
        ("t2_base or or", 25, "at 'or'", ""),
        ("(t2_base", 15, "at its end", ""),
        ("not t2_base", 14, "nothing starts its clock", "join it"),
        ("t2_base or not t2_base", 14, "nothing starts its clock", ""),
        ("t2_base and not t2_base", 14, "never hold", ""),
        ("t2_bas", 14, "'t2_bas' is not among 'rules'", "t2_base"),
    ]),
    ("a rule the condition does not name", counting("event_count", "temporal").replace(
        "[t2_base]", "[t2_base, t2_other]").replace("{gte: 3}", "t2_base"), 12, 3, "'t2_other'", ""),
    # how messages are taken together
    *((f"mingjian {wrong}", counting("item: A05-01", f"item: A05-01, {wrong}"), 17, 38, says, hint)
      for wrong, says, hint in [
        ("window: slidng", "'slidng'", "'sliding'"),
        ("window: session", "needs 'gap'", ""),
        ("gap: 5m", "session", ""),
        ("emit: evry", "'evry'", "'every'"),
        ("missing_group: keep", "'keep'", "exclude"),
        ("until: t2_base", "not in 'rules'", ""),
    ]),
    ("a month", counting("timespan: 10m", "timespan: 2M"), 14, 13, "M would be months", "write 2m"),
    ("a gap of a month", counting("item: A05-01", "window: session, gap: 1M, item: A05-01"), 17, 46,
     "M would be months", "write 1m"),
    *((f"between {wrong}", counting("event_count", "temporal_ordered").replace(
        "[t2_base]", "[t2_base, t2_b]").replace("condition: {gte: 3}", "").replace(
        "item: A05-01", f"between: [{{{wrong}}}], item: A05-01"), 17, column, says, hint)
      for wrong, column, says, hint in [
        ("rule: t2_b, field: file.siz, gt: file.size", 54, "'file.siz'", "'file.size'"),
        ("rule: t2_b, field: file.size, gt: file.siz", 69, "'file.siz'", "'file.size'"),
        ("rule: t2_x, field: file.size, gt: file.size", 35, "no rule 't2_x'", "'t2_b'"),
        ("rule: t2_b, field: file.size", 34, "one operator", "gt: file.size"),
        ("rule: t2_base, field: file.size, gt: file.size", 35, "nothing comes before", ""),
    ]),
    ("a baseline of a month", counting("item: A05-01", "baseline: {over: 1M, ratio: 2}, item: A05-01"),
     17, 41, "M would be months", "write 1m"),
    ("a baseline of years", counting("timespan: 10m", "timespan: 1d").replace(
        "item: A05-01", "baseline: {over: 400d, ratio: 2}, item: A05-01"), 17, 41, "at most 366d", ""),
    ("a limit of a month", counting("event_count", "temporal_ordered").replace(
        "item: A05-01", "within: {t2_base: 2M}, item: A05-01").replace("condition: {gte: 3}", ""), 17, 42,
     "M would be months", "write 2m"),
    ("a gap of nothing", counting("item: A05-01", "window: session, gap: never, item: A05-01"), 17, 46, "'gap'", ""),
    ("a window of one message", simple("  response: 2", "  response: 2\n  window: sliding"), 14, 3,
     "correlations only", ""),
    # wrong types
    ("title a number", simple("title: 承诺保本", "title: 5"), 1, 8, "'title' must be a text", ""),
    ("id a date", simple("id: 3d34a454-9218-5545-be3c-e32c07b42cc1", "id: 2026-01-01"), 2, 5,
     "'id' must be a text", ""),
    ("name a list", simple("name: t1_words", "name: [a]"), 3, 1, "'name' must be a text", ""),
    ("level a list", simple("level: high", "level: [high]"), 9, 1, "'level' must be a text", ""),
    ("version a text", simple("version: 1", "version: one"), 11, 12, "whole number", ""),
    ("version true", simple("version: 1", "version: true"), 11, 12, "whole number", ""),
    ("response a text", simple("response: 2", "response: two"), 13, 13, "whole number", ""),
    ("signal a text", counting("signal: true", "signal: yes please"), 5, 20, "true or false", ""),
    ("legal a text", simple("legal: [证券法]", "legal: 证券法"), 15, 10, "list of texts", ""),
    ("legal numbers", simple("legal: [证券法]", "legal: [135]"), 15, 3, "list of texts", ""),
    ("summary a list", simple('summary: "{actor} 说 {excerpt}"', "summary: [x]"), 16, 3, "text", ""),
    ("tests a number", SIMPLE[:SIMPLE.index("  tests:")] + "  tests: 5\n", 17, 10, "mappings", ""),
    ("test without messages", SIMPLE[:SIMPLE.index("      messages")] + "      alerts: 1\n", 18, 7,
     "no 'messages'", ""),
    ("alerts a text", simple("alerts: 1", "alerts: one"), 20, 15, "whole number", ""),
    ("mingjian a list", "name: x\nmingjian: [a]\n", 2, 1, "'mingjian' must be a mapping", ""),
    ("mingjian empty", "name: x\nmingjian:\n", 2, 1, "'mingjian' must be a mapping", ""),
    ("detection a text", "name: x\ndetection: y\n", 2, 12, "'detection' must be a mapping", ""),
    ("correlation a list", "name: x\ncorrelation: [y]\n", 2, 1, "must be a mapping", ""),
    ("rules a text", counting("[t2_base]", "t2_base"), 12, 10, "list of texts", ""),
    ("rules nested", counting("[t2_base]", "[[t2_base]]"), 12, 3, "list of texts", ""),
    ("group-by a text", counting("[sender]", "sender"), 13, 13, "list of texts", ""),
    ("timespan a number", counting("10m", "600"), 14, 13, "a span of time with its unit", ""),
    # detection sections
    ("no condition in detection", simple("  condition: employee and words\n", ""), 5, 1,
     "'condition'", "employee"),
    ("condition a number", simple("employee and words", "5"), 8, 3, "'condition'", ""),
    ("no condition in a list", simple("employee and words", "[]"), 8, 3, "'condition'", ""),
    ("a list of conditions", simple("employee and words", "[employee, wrods]"), 8, 25, "wrods", ""),
    ("condition with an end open", simple("employee and words", "employee and words and"), 8, 33,
     "", ""),
    ("condition names nothing", simple("and words", "and words and wrods"), 8, 37, "wrods", ""),
    ("a selection is not used", simple("employee and words", "employee"), 7, 3, "'words'", ""),
    ("timeframe", simple("  condition:", "  timeframe: 5m\n  condition:"), 8, 3, "'timeframe'", ""),
    ("keyword a number", simple(WORDS, "[5]"), 7, 11, "text|contains", "quotation marks"),
    ("an empty selection", simple(WORDS, "{}"), 7, 3, "", ""),
    ("number as field", simple(WORDS, "{5: x}"), 7, 11, "wrong type", ""),
    ("mapping as value", simple(WORDS, "{text|contains: {a: b}}"), 7, 11, "", ""),
    ("number for contains", simple(WORDS, "{text|contains: 5}"), 7, 26, "text|contains", ""),
    ("no lexicon", simple(WORDS, "{text|lexicon: guarantee-promis}"), 7, 25, "guarantee-promis",
     "guarantee-promise"),
    ("lexicon without words", simple(WORDS, "{text|lexicon: old-accounts}"), 7, 25, "no words",
     ""),
    ("no detector", simple(WORDS, "{text|detect: bank_crad}"), 7, 24, "bank_crad", "bank_card"),
    ("no such list", simple(WORDS, '{text|detect: "bank_card, except company-acount"}'), 7, 43,
     "company-acount", "company-accounts"),
    ("a list without values", simple(WORDS, '{text|detect: "bank_card, except evasion"}'), 7, 11,
     "no values", ""),
    ("detector option", simple(WORDS, '{text|detect: "bank_card, exept x"}'), 7, 36, "exept", ""),
    ("confidence no number", simple(WORDS, '{text|detect: "bank_card, confidence high"}'), 7, 36,
     "confidence high", ""),
    ("lexicon of an id", simple(WORDS, "{sender|lexicon: evasion}"), 7, 11, "text fields", ""),
    ("look ahead", simple(WORDS, "{text|re: '保本(?=息)'}"), 7, 20, "(?=", ""),
    ("look behind", simple(WORDS, "{text|re: '(?<!不)保本'}"), 7, 20, "(?<", ""),
    ("back reference", simple(WORDS, r"{text|re: '(.)\1'}"), 7, 20, r"\1", ""),
    ("open bracket", simple(WORDS, "{text|re: '('}"), 7, 20, "(", ""),
    ("regex a number", simple(WORDS, "{text|re: 5}"), 7, 20, "must be a text", ""),
    ("regex over an id", simple(WORDS, "{sender|re: '('}"), 7, 22, "(", ""),
    ("regex that folding defeats", simple(WORDS, "{text|re: '微信號'}"), 7, 23, "never occurs", "号"),
    ("only zero width", simple(WORDS, '{text|contains: "\\u200b"}'), 7, 26, "zero-width", ""),
    ("no text at all", simple(WORDS, '{text|contains: ""}'), 7, 26, "exists", ""),
    ("only a star", simple(WORDS, '{sender: "*"}'), 7, 19, "exists", ""),
    ("order of texts", simple(WORDS, "{text|gte: 5}"), 7, 11, "no order", ""),
    ("office time of a text", simple(WORDS, "{text|office_time: true}"), 7, 11, "'time'", ""),
    ("no values", simple(WORDS, "{text|contains: []}"), 7, 11, "the list is empty", "[保本, 稳赚]"),
    ("no values beside others", simple(WORDS, "{text|contains: 保本, type: []}"), 7, 30, "empty", ""),
    ("a selection in Chinese", simple("words:", "词:"), 7, 3, "'词'", "a-z"),
    # conditions
    *((f"condition {wrong}", simple("employee and words", wrong), 8, column, says, hint) for wrong, column, says, hint in [
        ("employee 和 words", 23, "'和'", "write and"),
        ("employee或words", 22, "'或'", "write or"),
        ("employee and 非 words", 27, "'非'", "write not"),
        ("employee and（words）", 26, "'（'", "write ("),
        ("employee AND words", 23, "'AND'", "write and"),
        ("employee and word", 27, "no selection 'word'", "did you mean 'words'?"),
        ("employee words", 23, "between 'employee' and 'words'", ""),
        ("employee and and words", 27, "between 'and' and 'and'", ""),
        ("employee and words or", 33, "after 'or'", ""),
        ("and words", 14, "begins with 'and'", ""),
        ("'  '", 14, "empty", ""),
        ("(employee and words", 14, "not closed", ""),
        ("employee and words)", 32, "not opened", ""),
        ("employee and ()", 28, "lacks a selection", ""),
        ("3 of them", 14, "cannot hold", ""),
        ("0 of them", 14, "'0 of'", "all of"),
        ("1 of emp* and 1 of worts*", 33, "no selection fits '1 of worts*'", "employee, words"),
        ("employee and word*", 27, "'word*' stands alone", "1 of word*"),
        ("employee of words", 14, "'employee of'", "1 of"),
        ("1 of", 16, "no selection fits", ""),
        ("employee | count() > 3", 23, "'|'", "write or"),
    ]),
    # YAML in plain words
    ("full-width colon", simple("level: high", "level：high"), 9, 6, "full-width colon", "English"),
    ("full-width colon of a section", simple("mingjian:", "mingjian："), 10, 9, "full-width colon", ""),
    ("full-width colon in a flow", simple('at: "10:00"', 'at："10:00"'), 19, 19, "full-width colon", ""),
    ("a file of full-width colons", "title：x\n", 1, 1, "full-width colon", "English"),
    ("no blank after a colon", simple("level: high", "level:high"), 9, 6, "no blank", "key: value"),
    ("full-width comma in a flow", simple("from: zhangwei, ", "from: x， "), 19, 39, "", ""),
    ("full-width comma after a quote", simple('"10:00", ', '"10:00"，'), 19, 30, "comma '，'", "English"),
    ("wrong indentation", simple("  words:", "   words:"), 7, 4, "indentation", "same column"),
    ("colon in a text", simple("title: 承诺保本", "title: 承诺: 保本"), 1, 10, "colon", "quotation"),
    # versions, names and what is missing
    ("version 0", simple("version: 1", "version: 0"), 11, 12, "from 1 on", ""),
    ("a base rule that does not say so", counting("mingjian: {signal: true}\n", ""), 1, 1, "'title' is missing",
     "signal: true"),
    ("one name for two", counting("name: t2_burst", "name: t2_base"), 9, 1, "a second rule named 't2_base'", ""),
    # test messages
    *((f"test message {new}", simple(old, new), 19, column, says, hint) for old, new, column, says, hint in [
        ("from: zhangwei", "form: zhangwei", 32, "'form'", "'from'"),
        ("from: zhangwei, ", "", 18, "'from' is missing", "from:"),
        ('at: "10:00"', "at: 10:00", 19, "the number 600", "quotation marks"),
        ('at: "10:00"', 'at: "25:00"', 19, "no time", "10:00:30"),
        ('at: "10:00"', 'at: "2026-03-04T10:00Z"', 19, "no time", "10:00:30"),
        ('at: "10:00", ', "", 18, "'at' is missing", "at:"),
        ("text: 这款保本", "text: 5", 56, "'text' must be a text", ""),
        ("to: c1", "to: {a: b}", 48, "list of texts", ""),
        (", text: 这款保本", "", 18, "without words", "recall"),
        ("text: 这款保本", "text: 保本, recall: m1", 66, "'text' and 'recall'", "one of"),
        ("text: 这款保本", "event: customer_deleted", 32, "beside 'event'", "payload"),
        ("text: 这款保本", "type: file, payload: x", 68, "mapping", ""),
    ]),
    ("office time a text", simple(WORDS, "{time|office_time: morning}"), 7, 29, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "says", "hint"),
    [row[1:] for row in BROKEN],
    ids=[row[0] for row in BROKEN],
)
def test_a_broken_file_is_told_with_its_place(
    tmp_path: Path, text: str | bytes, line: int, column: int, says: str, hint: str
) -> None:
    with pytest.raises(RuleError) as caught:
        load_text(tmp_path, text)
    error = caught.value
    assert (error.line, error.column) == (line, column), error.en
    for sentence in (error.en, error.zh):
        assert sentence.startswith(f"rule.yaml:{line}:{column}: ")
    assert says in error.en
    assert hint in error.fix_en
    assert any("\u4e00" <= char <= "\u9fff" for char in error.zh)
    assert bool(error.fix_en) == bool(error.fix_zh)


def test_a_folder_in_place_of_a_file_is_an_error_of_the_rule(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(RuleError, match="cannot be read"):
        load_file(tmp_path / "x.yaml", NAMED)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ((SIMPLE, simple("3d34a454", "00000000")), "the name 't1_words' is taken"),
        ((SIMPLE, simple("t1_words", "t1_other")), "the id '3d34a454"),
        (
            (SIMPLE, simple("3d34a454", "3D34A454").replace("t1_words", "t1_other")),
            "the id '3D34A454",
        ),
        ((SIMPLE, counting("[t2_base]", "[t9_none]")), "counts 't9_none'"),
        ((SIMPLE, counting("[t2_base]", "[t2_burst]")), "in a circle: t2_burst → t2_burst"),
    ],
)
def test_rules_must_fit_together(tmp_path: Path, texts: tuple[str, ...], says: str) -> None:
    with pytest.raises(RuleError, match=says) as caught:
        ruleset(tmp_path, *texts)
    assert "rule.yaml" in caught.value.zh


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            "rules: [t2_base]",
            "rules: [t2_bsae]",
            12,
            "counts 't2_bsae', which is not the name of a rule",
        ),
        ("rules: [t2_base]", "rules: [t2_burst]", 12, "in a circle: t2_burst → t2_burst"),
        ("{version: 1", "{until: zzz, version: 1", 17, "'until' of 't2_burst' names 'zzz'"),
        ("{version: 1", "{until: t2_burst, version: 1", 17, "in a circle: t2_burst → t2_burst"),
    ],
)
def test_a_reference_to_no_rule_is_told_with_its_line_by_loader_and_check(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    written(tmp_path, {"rule.yaml": counting(old, new)})
    with pytest.raises(RuleError) as caught:
        load_ruleset(tmp_path)
    told = [one for one in check_rules(str(tmp_path)).errors if one.line == line]
    for error in (caught.value, *told):
        assert says in error.en
        assert error.line == line
        assert error.column > 1
    assert [one.code for one in told] == [caught.value.code]


@pytest.mark.parametrize(
    "selection",
    [
        "{text|contains: [保本, 稳赚]}",
        "[保本, 稳赚]",
        "{sender|re: '^zhang'}",
        "{file.name|cased|contains: 'A?c'}",
        "{link.url|neq: x}",
        "{event.ip|cidr: 10.0.0.0/8}",
        "{sender|fieldref: customer.owner}",
        "{time|timerange: '22:00-07:00'}",
        "{time|day_of_week: [sat, 7, sunday]}",
        "{time|public_holiday_in: CN}",
        "{time|working_day: false}",
        "{time|in_period: quiet-periods}",
        "{link.canonical|in_list: approved-links}",
        "{sender.department: 投顾部}",
        "{text|contains|all: [保本, 稳赚]}",
        "{text|startswith: 您好}",
        "{text|endswith: 吗}",
        "{text: 好的}",
        "{text|contains: 保*本}",
        "{text|re: '[一-龥]{2}保本'}",
        "{text|re|s: 'a.b'}",
        "{text|re: '.{1000}x'}",
        r"{text|re: '\C保'}",
        "{text|lexicon: evasion}",
        '{text|detect: "bank_card, except company-accounts, confidence 75"}',
        '{text|detect: "cn_mobile, count 5"}',
        "{quoted|contains: 保本}",
        "{text|exists: false}",
        "{room: null}",
        "{sender: [zhangwei, lina]}",
        "{sender: 'zhang*'}",
        "{media.size|gte: 1000}",
        "{file.size: 5}",
        "{type: [file, link], link.canonical|contains: example}",
        "{time|office_time: false}",
        "{hit.response|gte: 2}",
        "{hit.variant: [zero_width, pinyin]}",
        "[{text|contains: a}, {text|contains: b}]",
    ],
)
def test_rules_that_must_load(tmp_path: Path, selection: str) -> None:
    file = load_text(tmp_path, simple(WORDS, selection))
    RuleTimeline([(0, ruleset(tmp_path, file.text))])
    assert file.detections[0].ref.name == "t1_words"


def test_a_correlation_loads_with_what_it_says(tmp_path: Path) -> None:
    (rule,) = load_text(tmp_path, COUNTING).correlations
    assert (rule.type, rule.rules, rule.group_by) == ("event_count", ("t2_base",), ("sender",))
    assert (rule.timespan, rule.how.bounds) == (600_000, (("gte", 3),))
    text = counting("gte: 3", "gt: 3, lte: 5").replace("item:", "window: session, gap: 2m, item:")
    (more,) = load_text(tmp_path, text).correlations
    assert more.how.bounds == (("gt", 3), ("lte", 5))
    assert (more.how.window, more.how.gap) == ("session", 120_000)


def test_digest_follows_meaning_and_not_tests(tmp_path: Path) -> None:
    first = load_text(tmp_path, SIMPLE).detections[0].ref.digest
    without = SIMPLE[: SIMPLE.index("  tests:")]
    assert load_text(tmp_path, without).detections[0].ref.digest == first
    assert load_text(tmp_path, "# a remark\n" + SIMPLE).detections[0].ref.digest == first
    for changed in (simple("保本}", "保息}"), simple("response: 2", "response: 3")):
        assert load_text(tmp_path, changed).detections[0].ref.digest != first


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("title: 撤回", "title: 大量撤回", True),
        ("level: high", "level: low", True),
        ("response: 2", "response: 3", True),
        ("timespan: 10m", "timespan: 20m", False),
        ("gte: 3", "gte: 4", False),
        ("[sender]", "[conversation]", False),
        ("type: revoke", "type: text", False),
    ],
)
def test_a_title_keeps_state_and_a_window_does_not(
    tmp_path: Path, old: str, new: str, kept: bool
) -> None:
    before = load_text(tmp_path, COUNTING).correlations[0].state_version
    after = load_text(tmp_path, counting(old, new)).correlations[0].state_version
    assert (before == after) is kept


def test_company_accounts_may_be_written_with_blanks(tmp_path: Path) -> None:
    text = simple(WORDS, '{text|detect: "bank_card, except own"}')
    own = Named({"own": Lexicon("own", values=("6228 4804 0256 4890 018",))})
    condition = load_text(tmp_path, text, own).detections[0].condition
    assert "6228480402564890018" in str(condition)


def test_fields_are_those_of_the_format_page() -> None:
    page = (ROOT / "docs" / "data-formats.md").read_text(encoding="utf-8")
    own = FIELDS - feeds.fields() - {"event", "from"}  # those of feeds stand in docs/feeds.md
    missing = [name for name in own if f"`{name}`" not in page]
    direct = {"msgtype", "actor", "tolist", "roomid"}
    names = " ".join(page.split("`")[1::2])
    assert not [n for n in missing if n not in direct and n not in names.split()]
    for part in page.split("`")[1::2]:
        prefix = part.partition(".")[0]
        if part.count(".") == 1 and any(one.startswith(f"{prefix}.") for one in TYPED_FIELDS):
            assert part in TYPED_FIELDS


# --- any tree over the known words either loads or is told

KEYS = [
    "title", "id", "name", "level", "logsource", "detection", "correlation", "mingjian", "tests",
    "condition", "type", "rules", "group-by", "timespan", "aliases", "version", "item", "response",
    "signal", "legal", "summary", "gte", "gt", "field", "it", "words", "messages", "alerts", "at",
    "text", "text|contains", "text|re", "text|lexicon", "text|detect", "time|office_time", "sender",
    "hit.response|gte", "type|exists", "file.size|lt", "date",
]  # fmt: skip
SCALARS: list[Any] = [
    None, True, False, 0, 1, 3, -1, 2.5, float("nan"), "", "x", "it", "not it", "1 of them", "保本",
    "*", "a*b", "?", "(", "(?i)a", "\\", "\u200b", "10m", "value_count", "event_count",
    "temporal_ordered", "high", "evasion", "bank_card", "bank_card, except x", "t1_x",
    date(2026, 1, 1), "{actor}", "{", "revoke", "it and words", "it or", "sender", "room", 10**30,
]  # fmt: skip
TREES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, 5, None, True]), inner, max_size=4)
    ),
    max_leaves=8,
)
SELECTIONS = st.dictionaries(
    st.builds(
        lambda field, modifiers: "|".join([field, *modifiers]),
        st.sampled_from(["text", "quoted", "sender", "type", "time", "file.size", "hit.response"]),
        st.lists(st.sampled_from(MODIFIERS), max_size=2),
    ),
    TREES,
    min_size=1,
    max_size=2,
)
DETECTIONS = st.fixed_dictionaries(
    {"it": SELECTIONS | TREES, "condition": st.sampled_from(["it", "not it", "1 of them", "it it"])}
)
DOCUMENTS = (
    TREES
    | st.fixed_dictionaries(
        {"name": st.just("t1_x"), "title": st.just("x"), "id": st.just("x"), "level": st.just("low")},
        optional={
            "detection": DETECTIONS | TREES,
            "correlation": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("type", "rules", "group-by", "timespan", "condition", "aliases"), TREES)
            ),
            "mingjian": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("version", "item", "response", "signal", "tests", "legal", "summary"), TREES)
            )
            | st.just({"version": 1, "item": "A", "response": 2}),
        },
    )
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=2))
def test_any_tree_loads_or_is_told(documents: list[Any]) -> None:
    text = yaml.safe_dump_all(documents, allow_unicode=True)
    told = [("fine", "好")]
    with tempfile.TemporaryDirectory() as folder:
        try:
            RuleTimeline([(0, ruleset(Path(folder), text))])
        except MingjianError as error:
            told = [(error.en, error.zh)]
    assert all(en and zh for en, zh in told)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_load_or_are_told(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(RuleError):
        load_text(Path(folder), data)


def test_folders_are_read_too_and_lexicons_are_no_rules(tmp_path: Path) -> None:
    inner = tmp_path / "sales" / "north"
    for folder in (inner, tmp_path / "lexicons", tmp_path / ".git"):
        folder.mkdir(parents=True)
    (tmp_path / "a.yml").write_text(SIMPLE)
    (inner / "b.yaml").write_text(COUNTING)
    (tmp_path / ".git" / "c.yml").write_text("not a rule")
    found = load_ruleset(tmp_path)
    assert [file.path for file in found.files] == ["a.yml", "sales/north/b.yaml"]
    assert rule_files(tmp_path) == [tmp_path / "a.yml", inner / "b.yaml"]
