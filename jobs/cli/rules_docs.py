"""`mingjian rules docs`: the rules as a page, Markdown or HTML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.app import err, language, say
from jobs.cli.rules_paths import PathArgument
from jobs.cli.words import plural
from jobs.rule_paths import load_rules
from reports.rule_catalogue import groups, html, markdown
from rules.errors import MingjianError


def docs(
    path: PathArgument = "",
    as_html: Annotated[
        bool,
        typer.Option(
            "--html", help="一个独立的 HTML 文件，而不是 Markdown · one HTML file instead"
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="写到文件，缺省为标准输出 · file, else stdout"),
    ] = None,
) -> None:
    """把规则写成一页文档 · write the rules as a page.

    按类别列出每条规则的条目、级别、响应、法律依据、所需数据、测试数、误报与盲区，前有汇总表。

    By class, each rule with item, level, response, legal basis, the data it needs, number of tests,
    false positives and blind spots; a table of all classes first.
    """
    found = groups(load_rules(path).files, language())
    text = (html if as_html else markdown)(found, language())
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MingjianError(
            f"cannot write {out}: {error.strerror}", f"无法写入 {out}：{error.strerror}"
        ) from None
    count = sum(len(group.entries) for group in found)
    words = say(f"{plural(count, 'rule')} in {out}", f"{count} 条规则，已写入 {out}")
    err.print(words, soft_wrap=True)
