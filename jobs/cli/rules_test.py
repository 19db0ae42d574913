"""`mingjian rules test`: runs the cases written in rule files and says what failed and why."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jobs.cli.app import emit, err, language, out, say
from jobs.cli.rules_paths import PathArgument, near_names, say_left_out
from jobs.cli.rules_test_junit import Case, junit
from jobs.rule_paths import needs_others
from jobs.usable_rules import Usable, load_usable
from rules.alert import sm3_hex
from rules.calendar import load_calendar
from rules.compiled import CompiledRules, compile_timeline
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.expectations import wanted_alerts
from rules.explain_words import Said
from rules.model import RuleFile
from rules.named import Named
from rules.rulecases import Failure, Places, main_name, run_case
from rules.ruleset import RuleSet, RuleTimeline, assemble
from udfs.kept import KeptPatterns

_LONG = 50  # cases from which on progress is shown


class TestOutput(StrEnum):
    """How the results are printed."""

    text = "text"
    json = "json"
    junit = "junit"


def run_tests(
    path: PathArgument = "",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "-k",
            "--name",
            metavar="NAME",
            help="只测名字里有它的规则，可用 *，可重复 · only rules with this in their name",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="缺正例或反例也算失败 · fail where a rule lacks a case of either kind"
        ),
    ] = False,
    output: Annotated[
        TestOutput,
        typer.Option(
            "--output",
            "-o",
            help="text 给人看，json 或 junit 给程序 · text for people, json or junit for machines",
        ),
    ] = TestOutput.text,
    report_to: Annotated[
        Path | None,
        typer.Option(
            "--junit", metavar="FILE", help="另写一份 JUnit 报告 · also write a JUnit report"
        ),
    ] = None,
) -> None:
    """运行写在规则文件里的测试 · run the tests written in the rule files.

    失败时说明位置、应有什么、实际是什么、为什么。

    A failure says where, what was expected, what there was, and why.
    """
    with err.status(say("reading and compiling the rules", "正在读取并编译规则")):
        usable = load_usable(path)
        ruleset, files = _chosen(usable, path, names or [])
        timeline = RuleTimeline([(0, ruleset)])
        compiled = compile_timeline(timeline, KeptPatterns())
    say_left_out(usable, path)
    results = list(_run(usable.named, timeline, compiled, files))
    gaps = [gap for file in files for gap in _gaps(file)]
    if report_to is not None:
        _write(report_to, junit(_cases(results, gaps if strict else [])))
    if output is TestOutput.json:
        emit([one.as_json() for one in results] + [gap.as_json() for gap in gaps if strict])
    elif output is TestOutput.junit:
        sys.stdout.write(junit(_cases(results, gaps if strict else [])))
    else:
        _print(results, gaps)
    failed = any(one.failure for one in results)
    lost = usable.concerning(partial(_is_any, names)) if names else usable.problems
    if failed or not results or lost or (strict and gaps):
        raise typer.Exit(EXIT_FINDINGS)


def _chosen(usable: Usable, path: str, names: Sequence[str]) -> tuple[RuleSet, list[RuleFile]]:
    """The rules to load and the files to test. A few rules chosen by name are compiled alone,
    where no other rule is heard by them."""
    ruleset = usable.ruleset
    wanted = Path(path).name if path and Path(path).is_file() else ""
    files = [file for file in ruleset.files if not wanted or file.path == wanted]
    if not names:
        return ruleset, files
    chosen = [file for file in files if any(_is_any(names, one) for one in _rule_names(file))]
    for problem in () if chosen else usable.holding(partial(_is_any, names)):
        raise problem
    if not chosen:
        known = [rule for file in files for rule in _rule_names(file)]
        near = ", ".join(near_names(names[0], known))
        raise MingjianError(
            f"no rule has '{names[0]}' in its name",
            f"没有哪条规则的名字里有“{names[0]}”",
            fix_en=f"did you mean {near}?" if near else "see `mingjian rules list`",
            fix_zh=f"是不是 {near}？" if near else "请看 `mingjian rules list`",
            exit_code=EXIT_USAGE,
        )
    if any(map(needs_others, chosen)) or any(file.filters for file in ruleset.files):
        return ruleset, chosen
    digest = sm3_hex(*(part for file in chosen for part in (file.path, file.text)))
    return assemble(chosen, digest, ruleset.reference, ruleset.calendar), chosen


def _is_any(names: Sequence[str], rule: str) -> bool:
    """Is the rule one of those asked for?"""
    for name in names:
        sought = name.casefold()
        pattern = sought if any(sign in sought for sign in "*?[") else f"*{sought}*"
        if fnmatchcase(rule.casefold(), pattern):
            return True
    return False


def _rule_names(file: RuleFile) -> list[str]:
    return [rule.ref.name for rule in (*file.detections, *file.correlations)]


def _run(
    named: Named,
    timeline: RuleTimeline,
    compiled: dict[str, CompiledRules],
    files: Sequence[RuleFile],
) -> Iterator[Result]:
    calendar = load_calendar()
    count = sum(len(file.tests) for file in files)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=count < _LONG) as bar:
        task = bar.add_task(say("cases", "用例"), total=count)
        for file in files:
            places = Places(file)
            for number, case in enumerate(file.tests):
                start = time.perf_counter()
                failure = run_case(timeline, compiled, calendar, file, case, named)
                spent = time.perf_counter() - start
                yield Result(file, number, str(case.get("name", "")), failure, spent, places)
                bar.advance(task)


class Result(NamedTuple):
    """One case that was run: `number` from 0 in its file, `seconds` it took."""

    file: RuleFile
    number: int
    case: str
    failure: Failure | None
    seconds: float
    places: Places

    def line(self) -> int:
        """Where it stands, or what of it was not met."""
        return self.places.line(self.number, self.failure.at if self.failure else ())

    def sentence(self) -> str:
        """What failed, in the reader's language."""
        why = say(self.failure.en, self.failure.zh) if self.failure else ""
        return f"{self.file.path}:{self.line()}: {self.case}: {why}"

    def details(self) -> Iterator[str]:
        """What was expected, what there was, and why; in the reader's language."""
        if self.failure is None:
            return
        for one in self.failure.differences:
            yield say(
                f"{one.key}: expected {one.expected}, got {one.got}",
                f"{one.key}：应为 {one.expected}，实际 {one.got}",
            )
        for line in self.failure.why:
            yield line.text(language())

    def as_json(self) -> dict[str, Any]:
        """For machines; `problem` is "" for a case that passed."""
        failure = self.failure
        return {
            "file": self.file.path,
            "line": self.line(),
            "rule": main_name(self.file),
            "case": self.case,
            "problem": failure.en if failure else "",
            "differences": [one.as_json() for one in failure.differences] if failure else [],
            "why": [line.en for line in failure.why] if failure else [],
        }


class Gap(NamedTuple):
    """A kind of case that a rule file lacks."""

    file: RuleFile
    said: Said

    def as_json(self) -> dict[str, Any]:
        """As a case that failed."""
        where = {"file": self.file.path, "line": 1, "rule": main_name(self.file), "case": ""}
        return where | {"problem": self.said.en, "differences": [], "why": []}


def _gaps(file: RuleFile) -> Iterator[Gap]:
    if file.main is None:  # filters have no alerts of their own
        return
    if not file.tests:
        yield Gap(file, Said("has no test cases", "没有测试用例"))
        return
    wanted = [wanted_alerts(case) for case in file.tests]
    if not any(wanted):
        yield Gap(file, Said("has no case that must fire", "没有应该报警的用例"))
    if all(wanted):
        yield Gap(file, Said("has no case that must not fire", "没有不应该报警的用例"))


def _print(results: Sequence[Result], gaps: Sequence[Gap]) -> None:
    failed = [one for one in results if one.failure]
    for one in failed:
        out.print(f"[red]✗[/] {escape(one.sentence())}", soft_wrap=True)
        for line in one.details():
            out.print(f"    {coloured(line)}", soft_wrap=True)
    for gap in gaps:
        said = f"{gap.file.path} {gap.said.text(language())}"
        out.print(f"[yellow]![/] {escape(said)}", soft_wrap=True)
    done = len(results) - len(failed)
    out.print(
        say(f"{done} passed, {len(failed)} failed", f"{done} 通过，{len(failed)} 失败")
        if results
        else say("nothing was tested: no test cases", "什么也没有测试：没有测试用例")
    )


def coloured(line: str) -> str:
    """A line of an explanation with its mark in colour."""
    bare = line.lstrip()
    for mark, colour in (("✓", "green"), ("✗", "red")):
        if bare.startswith(mark):
            indent = line[: len(line) - len(bare)]
            return f"{indent}[{colour}]{mark}[/]{escape(bare[len(mark) :])}"
    if bare and not bare.strip("^"):
        return f"[bold red]{line}[/]"
    if bare and not bare.strip("~"):
        return f"[yellow]{line}[/]"
    return escape(line)


def _cases(results: Iterable[Result], gaps: Iterable[Gap]) -> Iterator[Case]:
    for one in results:
        problem = say(one.failure.en, one.failure.zh) if one.failure else ""
        yield Case(
            one.file.path, one.line(), main_name(one.file), one.case, one.seconds,
            problem, "\n".join(one.details()),
        )  # fmt: skip
    for gap in gaps:
        said = gap.said.text(language())
        yield Case(gap.file.path, 1, main_name(gap.file), say("coverage", "覆盖"), 0, said, "")


def _write(place: Path, text: str) -> None:
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MingjianError(
            f"cannot write {place}: {error.strerror}", f"无法写入 {place}：{error.strerror}"
        ) from None
