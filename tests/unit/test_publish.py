"""Publishing: what is broken, hostile, too much or too soon is refused, and stands in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from jobs.detect import job_spec
from jobs.publish import Wish, earliest, publish
from jobs.registry import begin
from jobs.rules_now import rules_now
from rules.errors import MingjianError
from rules.published import published
from rules.ruleset import RuleTimeline, load_ruleset
from tests.support.command_line import app
from tests.support.flows import embedded
from tests.support.rule_files import COUNTING, SIMPLE, detection_rule, write

NOW = 1_795_676_000_000
OTHER = SIMPLE.replace("t1_words", "t9_words").replace("3d34a454", "3d34a455")
ALL = detection_rule("t_all", {"it": {"kind": "archive"}})
CHAIN = COUNTING.replace("name: t2_burst", "name: t2_once").replace(
    "level: high\nmingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}\n",
    "mingjian: {signal: true}\n",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write(tmp_path / "rules", SIMPLE, "simple.yaml")
    return embedded(tmp_path, f"rules.path={tmp_path}/rules", "rules.sample=300")


def wish(**more) -> Wish:
    return Wish(**{"path": "", "effective": 0, "by": "li", "note": "", **more})


def done(settings: Settings, now: int = NOW, **more):
    return publish(settings, wish(**more), lambda: now)


def log(settings: Settings) -> list[dict]:
    file = Path(settings.rules.registry) / "log.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def names(settings: Settings) -> list[str]:
    return sorted(one.name for one in Path(settings.rules.registry).iterdir())


def test_what_is_published_is_whole_and_judges_from_its_time_on(settings: Settings) -> None:
    found = done(settings, note="为什么")
    assert found.published
    assert found.effective == NOW + 30_000
    (kept,) = published(Path(settings.rules.registry))
    assert kept.start == found.effective
    assert (kept.manifest.by, kept.manifest.note) == ("li", "为什么")
    assert kept.whole().digest == load_ruleset(settings.rules.path).digest
    (line,) = log(settings)
    assert (line["result"], line["effective"], line["digest"]) == (
        "accepted",
        found.effective,
        found.digest,
    )


def test_what_is_published_is_never_changed(settings: Settings) -> None:
    first = done(settings, effective=NOW + 60_000)
    with pytest.raises(MingjianError, match="another set judges from"):
        done(settings, effective=NOW + 60_000)
    # at the same moment, and nobody said when: the next one
    assert [done(settings).effective for _ in range(2)] == [NOW + 30_000, NOW + 30_001]
    assert [one.start for one in done(settings).later] == [first.effective]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (OTHER.replace("contains", "contians"), "MJ214"),
        (OTHER.replace("condition: employee and words", "condition: employee and"), ""),
        (OTHER.replace("level: high", "level: [high]"), ""),
        (OTHER.replace("owner: 合规部", "ownr: 合规部"), ""),
        (OTHER.replace("{text|contains: 保本}", "{text|re: '(a)\\1'}"), ""),
        (OTHER.replace("{text|contains: 保本}", "{text|re: 'a(?=b)'}"), ""),
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ""),
        ("a: !!python/object/apply:os.system [id]\n", ""),
        ("[" * 5_000, ""),
        ("a: " + "x" * 10_000_000, "MJ019"),
        (b"title: \xff\n", "MJ017"),
    ],
    ids=(
        "modifier", "syntax", "type", "field", "backreference", "lookahead", "aliases", "tag",
        "deep", "ten megabytes", "not UTF-8",
    ),
)  # fmt: skip
def test_what_is_broken_or_hostile_is_refused_and_logged(
    settings: Settings, text: str | bytes, code: str
) -> None:
    done(settings)
    write(Path(settings.rules.path), text, "bad.yaml")
    found = done(settings)
    assert not found.published
    assert found.problems
    assert all(one.path == "bad.yaml" for one in found.problems)
    assert not code or found.problems[0].code == code
    assert [line["result"] for line in log(settings)] == ["accepted", "refused"]
    assert log(settings)[-1]["why"][0].startswith("bad.yaml: MJ")
    assert len(published(Path(settings.rules.registry))) == 1


def test_a_pattern_that_makes_others_hang_is_harmless_here(settings: Settings) -> None:
    text = SIMPLE.replace("{text|contains: 保本}", "{text|re: '(保+)+$'}")
    write(Path(settings.rules.path), text, "simple.yaml")
    found = done(settings)
    assert found.tried
    assert max(one.micros for one in found.tried.rules) < settings.limits.rule_micros


def test_a_rule_that_matches_everything_is_refused_unless_forced(settings: Settings) -> None:
    done(settings)
    write(Path(settings.rules.path), ALL, "all.yaml")
    found = done(settings)
    assert not found.published
    ((rule, en, zh),) = found.refusals
    assert rule == "t_all"
    assert en.startswith("it hits ")
    assert "limits.rule_hits_percent" in zh
    assert "t_all: it hits" in log(settings)[-1]["why"][0]
    with pytest.raises(MingjianError, match="--force needs a reason"):
        done(settings, force=True)
    forced = done(settings, force=True, note="测试环境")
    assert forced.published
    kept = published(Path(settings.rules.registry))[-1]
    assert kept.manifest.forced == tuple(log(settings)[-1]["forced"])
    assert kept.manifest.forced[0].startswith("t_all: it hits")
    # what judges already is not tried again
    write(Path(settings.rules.path), SIMPLE.replace("承诺保本", "另一标题"), "simple.yaml")
    later = forced.effective + 60_000
    assert done(settings, now=later).published


def test_rules_cannot_judge_what_may_have_been_judged(settings: Settings) -> None:
    first = earliest(settings, NOW)
    assert first == NOW + settings.flink.allowed_lateness_ms + settings.rules.ready_ms
    with pytest.raises(MingjianError, match="is too soon"):
        done(settings, effective=first - 1)
    assert done(settings, effective=first).published


def test_the_time_that_checking_takes_is_not_taken_from_the_workers(settings: Settings) -> None:
    ticks = iter([NOW, NOW + 50_000])
    assert publish(settings, wish(), lambda: next(ticks)).effective == NOW + 80_000
    ticks = iter([NOW, NOW + 50_000])
    with pytest.raises(MingjianError, match="is too soon"):
        publish(settings, wish(effective=NOW + 40_000), lambda: next(ticks))
    assert len(published(Path(settings.rules.registry))) == 1


def test_deeper_chains_than_the_job_has_stages_for_need_a_restart(settings: Settings) -> None:
    spec, _ = job_spec(settings)
    begin(settings, spec)
    parent = COUNTING.partition("---\n")[2].replace("rules: [t2_base]", "rules: [t2_once]")
    parent = parent.replace("04040efb", "04040efc")
    write(Path(settings.rules.path), f"{CHAIN}---\n{parent}", "chain.yaml")
    found = done(settings)
    assert not found.published
    assert "2 levels deep" in found.refusals[0].en
    again = done(settings, restart=True)
    assert (again.problems, again.published) == ([], True)


def test_changes_are_told_against_what_the_job_was_begun_with(settings: Settings) -> None:
    assert done(settings, dry_run=True).changes is None
    spec, _ = job_spec(settings)
    begin(settings, spec)
    assert done(settings, dry_run=True).changes == []
    write(Path(settings.rules.path), COUNTING, "more.yaml")
    assert [one.rule for one in done(settings, dry_run=True).changes or ()] == ["t2_burst"]
    assert "log.jsonl" not in names(settings)


def test_a_full_disk_changes_nothing(settings: Settings, monkeypatch) -> None:
    done(settings)
    before = names(settings)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.registry._write_file", full)
    with pytest.raises(MingjianError, match="No space left on device"):
        done(settings)
    assert names(settings) == before


def test_the_pure_engine_judges_by_what_was_published(settings: Settings) -> None:
    """From its time on, and by its own rules."""
    found = done(settings)
    timeline = RuleTimeline.load(settings.rules.path, settings.rules.registry)
    assert timeline.at(found.effective - 1) is timeline.rulesets[0]
    assert timeline.at(found.effective) is timeline.rulesets[1]
    assert timeline.only() is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_commands(settings: Settings, tmp_path: Path, language: str, monkeypatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", language)
    common = ["--set", f"rules.registry={settings.rules.registry}", "--set", "rules.sample=300"]
    common += ["--set", f"source.path={tmp_path}/messages"]
    run = CliRunner()
    first = run.invoke(app, ["rules", "publish", settings.rules.path, "--note", "一", *common])
    assert first.exit_code == 0, first.output
    assert {"en": "published: 1 rule,", "zh": "已发布：1 条规则"}[language] in first.output
    write(Path(settings.rules.path), ALL, "all.yaml")
    refused = run.invoke(app, ["rules", "publish", settings.rules.path, *common])
    assert refused.exit_code == 1
    assert {"en": "refused: nothing", "zh": "已拒绝：未做"}[language] in refused.output
    assert "t_all" in refused.output
    write(Path(settings.rules.path), SIMPLE.replace("contains", "contians"), "simple.yaml")
    broken = run.invoke(app, ["rules", "publish", settings.rules.path, "-o", "json", *common])
    assert broken.exit_code == 1
    assert json.loads(broken.output)["problems"][0]["line"] == 7
    listed = run.invoke(app, ["rules", "published", "-o", "json", *common])
    (one,) = json.loads(listed.output)
    assert (one["state"], one["note"], one["tasks"]) == ("waiting", "一", None)
    wrong = run.invoke(app, ["rules", "publish", "--effective", "morgen", *common])
    assert isinstance(wrong.exception, MingjianError)
    assert wrong.exception.exit_code == 2
    assert "+30s" in wrong.exception.text(language)[1]


def test_the_rules_of_now_are_those_that_the_job_judges_by(settings: Settings) -> None:
    rule = Path(settings.rules.path) / "simple.yaml"

    def now_words(now: int) -> str:
        (file,) = rules_now(settings, now).files
        return file.text

    begin(settings, job_spec(settings)[0])
    rule.write_text(SIMPLE.replace("保本", "转账"), encoding="utf-8")
    assert "保本" in now_words(NOW), "an edited file is not what judges"
    start = done(settings).effective
    assert "保本" in now_words(start - 1)
    assert "转账" in now_words(start)
