"""`mingjian rules explain`: why a rule fires on messages, or does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.app import Output, OutputOption, emit, language, out
from jobs.cli.explain_json import counted_json, verdict_json
from jobs.cli.given_messages import TENANT, decoded, given_records, listed
from jobs.cli.rules_paths import no_rule, say_left_out
from jobs.cli.rules_test import coloured
from jobs.rule_paths import needs_others
from jobs.usable_rules import load_usable
from rules.alert import FINAL
from rules.calendar import OfficeCalendar, load_calendar
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.explain import Setting, judge
from rules.explain_behaviour import behaviour_lines, counted, reads_correlations
from rules.explain_beyond import told_ahead
from rules.explain_chains import Watched, level_lines, levels
from rules.explain_names import condition_text, selections
from rules.explain_split import as_plain, pieces, pieces_lines
from rules.explain_text import message_lines, tree_lines, verdict_lines
from rules.explain_windows import courses
from rules.explain_words import Said
from rules.message import Message
from rules.model import CorrelationRule, RuleFile
from rules.more_lists import with_more
from rules.ruleset import RuleSet, RuleTimeline, assemble
from rules.spans import span_text
from udfs.kept import KeptPatterns

_AT, _FROM, _TO = "10:00", "zhangwei", "c1"


def explain(
    name: Annotated[
        str, typer.Argument(metavar="RULE", help="规则名或规则文件 · name of a rule, or its file")
    ],
    message: Annotated[
        list[str],
        typer.Argument(
            metavar="MESSAGE...",
            help="一条或多条：普通文字；测试用例的写法 {text: …}；JSON 记录；@文件（一行一条）；-"
            " · one or more: plain words; as in test cases {text: …}; a JSON record;"
            " @file (one a line); -",
        ),
    ],
    sender: Annotated[
        str, typer.Option("--from", metavar="WHO", help="文字的发送人 · who says the words")
    ] = _FROM,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="WHO", help="文字的接收人，c1 是客户 · to whom; c1 is a customer"
        ),
    ] = _TO,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="文字的时间 · when the words are said")
    ] = _AT,
    department: Annotated[
        str,
        typer.Option(
            "--department",
            help="发送人（客户发的则为接收的员工）的部门 · department of the employee",
        ),
    ] = "",
    role: Annotated[str, typer.Option("--role", help="该员工的岗位 · role of the employee")] = "",
    rules: Annotated[
        str,
        typer.Option(
            "--rules",
            metavar="PATH",
            help="规则目录或文件，缺省为随产品的规则 · directory or file, default: the catalogue",
        ),
    ] = "",
    output: OutputOption = Output.text,
) -> None:
    """逐项说明一条规则对消息为什么报警或不报警 · say part by part why a rule fires or does not.

    每一项都判断，并给出归一后的文字、命中的词和位置、没有算数的词和原因。

    Every part is judged, with the text after folding, the words found and where, and the words that
    do not count and why.

    名单可在消息里临时补充，写法与测试用例相同；--department、--role 把说话的员工写进员工名单。

    A message may add to the lists as test cases do: {text: …, lists: {staff: {zhangwei: {…}}}};
    --department and --role put the employee of a message into the list of employees.
    """
    if Path(name).is_file() and not rules:
        rules, name = name, ""
    usable = load_usable(rules)
    say_left_out(usable, rules)
    ruleset, named = usable.ruleset, usable.named
    file = _rule(ruleset, name, rules)[1]
    calendar = load_calendar()
    raws, lists = given_records(message, {"from": sender, "to": to, "at": at}, named)
    messages = [decoded(raw) for raw in raws]
    lists += listed(messages, {"department": department, "role": role}, named, lists)
    if lists:
        ruleset = with_more(ruleset, lists, named)
    chosen, file = _rule(ruleset, file.main.ref.name if not name and file.main else name, rules)
    setting = Setting.of(ruleset, calendar)
    if isinstance(chosen, CorrelationRule):
        steps = counted(chosen, ruleset, messages, setting, named)
        engine, alerts = _judged(ruleset, file, chosen, raws, messages, calendar)
        chained = bool(reads_correlations(chosen, steps))
        below = levels(chosen, ruleset, messages, engine.came, setting, named) if chained else []
        if output is Output.json:
            emit(counted_json(chosen, steps, alerts, below))
            return
        for one in messages:
            _print(message_lines(one, language()))
        for step in steps if len(messages) == 1 else ():
            _print([f"{step.verdict.rule.ref.name}:", *tree_lines(step.verdict, language())])
        _print(
            level_lines(below, language())
            if chained
            else behaviour_lines(chosen, steps, language())
        )
        found = below[-1].courses if chained else courses(chosen.how, steps)
        raised = sum(course.alerts() for course in found)
        if chosen.suppress and raised > alerts:
            _print([f"· {_suppressed(raised - alerts, chosen.suppress.duration).text(language())}"])
        if chosen.speculative:
            _print([f"· {told_ahead().text(language())}"])
        _print([_sum(chosen, alerts).text(language())])
        return
    names = selections(ruleset, chosen.ref.name, named)
    condition = condition_text(file, chosen.ref.name)
    verdicts = [judge(chosen, one, setting, names) for one in messages]
    together = pieces(chosen, ruleset, messages, setting, names)
    if output is Output.json:
        for verdict in verdicts:
            emit(verdict_json(verdict))
        for one in together:
            emit({"rule": chosen.ref.name, "pieces": as_plain(one)})
        return
    for verdict in verdicts:
        _print(verdict_lines(verdict, language(), condition))
    _print(pieces_lines(together, language(), condition))


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        out.print(coloured(line), soft_wrap=True)


def _rule(ruleset: RuleSet, name: str, path: str) -> tuple[Any, RuleFile]:
    """The rule of that name; without a name the alerting one of the only file."""
    if not name:
        file = next(one for one in ruleset.files if one.path == Path(path).name)
        if file.main is None:
            raise MingjianError(
                f"{path} holds filters and no rule",
                f"{path} 里只有过滤器，没有规则",
                fix_en="explain a rule that they filter: explain RULE MESSAGE --rules DIRECTORY",
                fix_zh="请说明被它过滤的规则：explain 规则名 消息 --rules 目录",
                exit_code=EXIT_USAGE,
            )
        name = file.main.ref.name  # the rule of the set: filters are joined to it
    found = ruleset.correlations.get(name) or ruleset.detections.get(name)
    file_of = ruleset.file_of(name)
    if found is None or file_of is None:
        raise no_rule(
            ruleset,
            name,
            path,
            "explain RULE MESSAGE --rules PATH",
            "explain 规则名 消息 --rules 目录",
        )
    return found, file_of


# --- correlations


def _judged(
    ruleset: RuleSet,
    file: RuleFile,
    rule: CorrelationRule,
    raws: Sequence[bytes],
    messages: Sequence[Message],
    calendar: OfficeCalendar,
) -> tuple[Watched, int]:
    """The engine after the messages, and how many alerts it raised."""
    if not needs_others(file) and not any(one.filters for one in ruleset.files):
        # quicker to compile than all rules
        ruleset = assemble([file], file.path, ruleset.reference, ruleset.calendar)
    decoder = Decoder(TENANT, assume_received_at=max(one.time for one in messages))
    timeline = RuleTimeline([(0, ruleset)])
    compiled = compile_timeline(timeline, KeptPatterns())
    engine = Watched(timeline, decoder, calendar, compiled=compiled)
    found = [json.loads(body) for kind, body in engine.run(raws) if kind == "alerts"]
    named = [body for body in found if body["rule"]["name"] == rule.ref.name]
    return engine, sum(body["status"] == FINAL for body in named)


def _suppressed(more: int, duration: int) -> Said:
    length = span_text(duration)
    return Said(
        f"{more} more would be raised, but within {length} of an alert further ones are its"
        " evidence (suppress)",
        f"还会再报 {more} 次，但一次告警后 {length} 内的都并入其证据（suppress）",
    )


def _sum(rule: CorrelationRule, alerts: int) -> Said:
    name = rule.ref.name
    if not alerts:
        return Said(f"The rule {name} does not fire.", f"规则 {name} 不报警。")
    number = "once" if alerts == 1 else f"{alerts} times"
    return Said(f"The rule {name} fires {number}.", f"规则 {name} 报警 {alerts} 次。")
