"""`mingjian lexicons …`: which word lists there are, and which of their words are ever hit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.alert_desk import Note, counting_hits
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.rules_paths import PathArgument
from jobs.rule_paths import load_rules
from rules.lexicon import Lexicon
from rules.words_hit import hits_by_word, lexicons_by_rule, words_of
from sinks.base import AlertReader
from sinks.readers import open_reader

lexicons_app = typer.Typer(
    name="lexicons",
    no_args_is_help=True,
    help="词库：列表与命中统计 · word lists: list them, count what they hit",
)
_PAGE = 500
_SHOWN = 5  # words named in the text output


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(lexicons_app)


@lexicons_app.command("list", epilog="例 · example:  mingjian lexicons list my-rules/")
def list_lexicons(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """列出规则用到的词库 · list the lexicons that rules use."""
    used: dict[str, list[str]] = {}
    lexicons: dict[str, Lexicon] = {}
    for rule, found in lexicons_by_rule(load_rules(path)).items():
        for name, lexicon in found.items():
            lexicons[name] = lexicon
            used.setdefault(name, []).append(rule)
    rows = [_row(lexicons[name], sorted(used[name])) for name in sorted(lexicons)]
    if output is Output.json:
        emit(rows)
        return
    table = Table(box=SIMPLE_HEAD)
    table.add_column(say("name and title", "名称与标题"), overflow="fold")
    for en, zh in (("words", "词数"), ("scenes", "场景"), ("owner", "负责"), ("expires", "到期")):
        table.add_column(say(en, zh), overflow="fold")
    for row in rows:
        title = f"{row['name']}\n[dim]{escape(row['title'])}[/]"
        scenes = escape("、".join(row["scenes"]))
        expires = row["expires"] or "-"
        if row["expired"]:
            expires = f"[red]{expires}[/]"
        table.add_row(title, str(row["words"]), scenes, escape(row["owner"]), expires)
    out.print(table)


def _row(lexicon: Lexicon, rules: list[str]) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    return {
        "name": lexicon.name,
        "title": lexicon.title,
        "owner": lexicon.owner,
        "expires": str(lexicon.expires) if lexicon.expires else None,
        "expired": lexicon.expired(today),
        "words": len(words_of(lexicon)),
        "scenes": sorted({*lexicon.scenes, *([lexicon.scene] if lexicon.scene else [])}),
        "rules": rules,
    }


@lexicons_app.command("hits", epilog="例 · example:  mingjian lexicons hits --since 2026-11-01")
def hits(
    path: PathArgument = "",
    since: Annotated[
        str, typer.Option("--since", help="从何时起（北京时间） · from (Beijing time)")
    ] = "",
    until: Annotated[str, typer.Option("--until", help="到何时止（含） · until, inclusive")] = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """每个词命中了多少条告警，哪些词从未命中 · in how many alerts each word was hit."""
    settings = settings_from(profile, config, overrides)
    span = {"since": milliseconds(since), "until": milliseconds(until, end=True)}
    may_be = counting_hits(settings, **span)
    alerts = _alerts(open_reader(settings), may_be, **span)
    found = hits_by_word(load_rules(path), alerts)
    if output is Output.json:
        emit(
            [{"lexicon": name, "hits": dict(words.most_common())} for name, words in found.items()]
        )
        return
    table = Table(box=SIMPLE_HEAD)
    for en, zh in (
        ("lexicon", "词库"),
        ("hits", "命中"),
        ("most often", "最常命中"),
        ("never hit", "从未命中"),
    ):
        table.add_column(say(en, zh), overflow="fold")
    for name, words in sorted(found.items(), key=lambda row: (-row[1].total(), row[0])):
        never = sum(1 for count in words.values() if not count)
        unused = say(f"{never} of {len(words)}", f"{len(words)} 个词中的 {never} 个")
        table.add_row(name, str(words.total()), escape(_top(words)), unused)
    out.print(table)


def _top(words: Counter[str]) -> str:
    return say(", ", "、").join(f"{w} {n}" for w, n in words.most_common(_SHOWN) if n)


def _alerts(
    reader: AlertReader, may_be: Note, *, since: int, until: int
) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        rows, cursor = reader.alerts(since=since, until=until, limit=_PAGE, cursor=cursor)
        yield from may_be(rows)
        if not cursor:
            return
