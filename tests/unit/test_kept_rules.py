"""Rules that are kept as they were read: the same as those that are read anew, and never believed
where they are not."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
from pathlib import Path

import msgspec
import pytest

from jobs.rule_checks import check_rules, errors_of_loaded
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.errors import MingjianError
from rules.kept_rules import load_and_keep, load_kept
from rules.lint.examples import files
from rules.lint.registry import Check
from rules.matcher import Matcher
from rules.published import Kept, Manifest
from rules.ruleset import CATALOG, RuleSet, RuleTimeline, load_ruleset
from tests.support.lint_examples import SHOWN, written
from tests.support.rule_files import CALENDAR, COUNTING, SIMPLE, detection_rule, raws, write
from udfs.kept import KEEP, KeptPatterns

FORM = b"mingjian rules 1\n"
FILTER = """\
name: t_filter
logsource: {product: wecom, category: message}
filter:
  rules: [t1_words]
  spared: {sender: lisi}
  condition: not spared
mingjian: {owner: 合规部, reason: 试行}
"""
MANY = {
    "words": {"text|contains": ["保本", "a*b", "q?"], "text|re": "保.{0,3}本"},
    "lexicon": {"text|lexicon": "guarantee-promise", "sender_kind": "employee"},
    "number": {"text|detect": "cn_mobile, count 2"},
    "time": {"time|office_time": False},
    "file": {"file.name|contains": ["报价", "合同"]},
}
LEXICON = """\
name: guarantee-promise
title: 承诺
owner: 合规部
expires: null
scene: finance
words: [保本, {word: 稳赚不赔, pinyin: true}]
allow: [不保本]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "rules"
    write(place, SIMPLE, "simple.yaml")
    write(place, COUNTING, "counting.yaml")
    write(place, FILTER, "filter.yaml")
    write(place, detection_rule("t_many", MANY, "1 of them"), "many.yaml")
    write(place / "lexicons", LEXICON, "guarantee-promise.yaml")
    return place


@pytest.fixture
def keep(tmp_path: Path) -> KeptPatterns:
    return KeptPatterns(tmp_path / "kept")


def file_in(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "kept").glob("rules-*.kept")
    return found


def kept_in(folder: Path, ruleset: RuleSet) -> Kept:
    """The folder as one that was published with these rules."""
    return Kept(1, folder, Manifest(digest=ruleset.digest, at=0, levels=1, rules=1))


def test_rules_that_were_kept_are_those_that_are_read(folder: Path, keep: KeptPatterns) -> None:
    fresh = load_and_keep(str(folder), keep)
    assert load_kept(folder, fresh.digest, keep) == fresh == load_ruleset(folder)


def test_all_rules_that_ship_can_be_kept(keep: KeptPatterns) -> None:
    fresh = load_and_keep("", keep)
    kept = load_kept(CATALOG, fresh.digest, keep)
    assert kept == fresh
    assert kept is not None
    assert kept.awake() == fresh.awake()


def test_they_judge_alike(folder: Path, keep: KeptPatterns) -> None:
    said = ["这款保本", "wen zhuan bu pei", "今天天气好", "axb", "13812345678 13912345678"]
    records = raws([{"from": "zhangwei", "to": "c1", "text": one, "at": "10:00"} for one in said])
    fresh = load_and_keep(str(folder), keep)
    kept = load_kept(folder, fresh.digest, keep)
    assert kept is not None
    assert _held(kept, records) == _held(fresh, records)
    assert any(_held(kept, records))


def _held(ruleset: RuleSet, records: list[bytes]) -> list[object]:
    compiled = {ruleset.digest: CompiledRules(ruleset)}
    matcher = Matcher(RuleTimeline([(0, ruleset)]), Decoder("demo"), CALENDAR, compiled=compiled)
    return list(matcher.match_many(records, [("s", 0, at) for at in range(len(records))]))


class Bomb:
    """What a file that somebody else wrote might hold."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("somebody else's code runs",))


def _by_somebody(made: object) -> bytes:
    body = msgspec.msgpack.encode([pickle.dumps(made), pickle.dumps([made])])
    return FORM + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"nonsense",
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        lambda whole: whole.replace(b"rules 1", b"rules 2", 1),
        lambda whole: _by_somebody(Bomb()),
        lambda whole: _by_somebody({"no": "rules"}),
    ],
    ids=["empty", "nonsense", "one byte short", "half", "one bit", "version", "code", "other"],
)
def test_what_is_damaged_is_read_anew(
    folder: Path, keep: KeptPatterns, tmp_path: Path, capfd, damage
) -> None:
    fresh = load_and_keep(str(folder), keep)
    file = file_in(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert load_kept(folder, fresh.digest, keep) is None
    assert kept_in(folder, fresh).whole(keep) == fresh
    assert file.read_bytes() == whole, "and kept anew"
    assert capfd.readouterr().out == ""


def test_what_another_version_kept_is_not_believed(
    folder: Path, keep: KeptPatterns, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = load_and_keep(str(folder), keep)
    monkeypatch.setattr("rules.kept_rules._program", lambda: "another")
    assert load_kept(folder, fresh.digest, keep) is None


@pytest.mark.parametrize("file", ["simple.yaml", "lexicons/guarantee-promise.yaml"])
def test_rules_that_were_changed_are_refused_though_others_are_kept(
    folder: Path, keep: KeptPatterns, file: str
) -> None:
    fresh = load_and_keep(str(folder), keep)
    text = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(text.replace("保本", "保底"), encoding="utf-8")
    with pytest.raises(MingjianError, match="changed after it was published"):
        kept_in(folder, fresh).whole(keep)


def test_what_was_kept_of_other_rules_is_not_taken_for_these(
    folder: Path, keep: KeptPatterns, tmp_path: Path
) -> None:
    """Somebody gave it the name of these."""
    fresh = load_and_keep(str(folder), keep)
    mine = file_in(tmp_path)
    write(folder, SIMPLE.replace("保本", "保底"), "simple.yaml")
    other = load_and_keep(str(folder), keep)
    theirs = mine.with_name(mine.name.replace(fresh.digest, other.digest))
    theirs.write_bytes(mine.read_bytes())
    assert load_kept(folder, other.digest, keep) is None


def test_only_so_many_are_kept(folder: Path, keep: KeptPatterns, tmp_path: Path) -> None:
    for number in range(KEEP + 3):
        write(folder, SIMPLE.replace("保本", f"保本{number}"), "simple.yaml")
        load_and_keep(str(folder), keep)
    assert len(list((tmp_path / "kept").glob("rules-*.kept"))) == KEEP


def _second(folder: Path, done: multiprocessing.synchronize.Event) -> None:
    with KeptPatterns(folder).first("one"):
        done.set()


def test_a_process_waits_for_one_that_makes_the_same(tmp_path: Path) -> None:
    with KeptPatterns(tmp_path).first("one"):
        done = multiprocessing.Event()
        other = multiprocessing.Process(target=_second, args=(tmp_path, done))
        other.start()
        with KeptPatterns(tmp_path).first("another"):
            pass
        assert not done.is_set()
    assert done.wait(30)
    other.join()


def test_nothing_waits_where_nothing_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MINGJIAN_CACHE", "")
    with KeptPatterns().first("one"), KeptPatterns().first("one"):
        pass
    (tmp_path / "file").write_text("")
    with KeptPatterns(tmp_path / "file").first("one"):
        pass


ERRORS = [one for one in SHOWN if one.severity == "error"]


@pytest.mark.parametrize("check", ERRORS, ids=lambda one: one.code)
def test_publishing_finds_every_error_of_rules_that_load(check: Check, tmp_path: Path) -> None:
    """It leaves out what can only give warnings."""
    folder = written(tmp_path, files(check, check.bad, wrong=True))
    try:
        load_ruleset(folder)
    except MingjianError:
        return
    errors = check_rules(str(folder)).errors
    assert [str(one) for one in errors_of_loaded(str(folder))] == [str(one) for one in errors]
