"""The argument that names rules: a directory, a file, or nothing for the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

import typer

from jobs.cli.app import err, report, say
from jobs.usable_rules import Usable
from rules.errors import EXIT_USAGE, MingjianError
from rules.ruleset import RuleSet

PathArgument = Annotated[
    str,
    typer.Argument(
        help="规则目录或文件，缺省为随产品的规则 · rule directory or file, default: the catalogue"
    ),
]


def near_names(name: str, known: Sequence[str]) -> list[str]:
    """At most three names that may have been meant: what holds the name, else what is like it."""
    inside = [one for one in known if name.casefold() in one.casefold()] if name else []
    return inside[:3] or get_close_matches(name, known, n=3)


def no_rule(ruleset: RuleSet, name: str, path: str, en: str, zh: str) -> MingjianError:
    """There is no rule of that name at `path`. `en`, `zh`: how the command names a directory."""
    known = [*ruleset.detections, *ruleset.correlations]
    near = ", ".join(near_names(name, known))
    place = path or say("the shipped catalogue", "随产品的规则")
    return MingjianError(
        f"no rule '{name}' in {place}",
        f"没有规则“{name}”（查找范围：{place}）",
        fix_en=(f"did you mean {near}? " if near else "")
        + f"for your own rules add their directory: mingjian rules {en}",
        fix_zh=(f"是不是 {near}？" if near else "")
        + f"看自己的规则请加上目录：mingjian rules {zh}",
        exit_code=EXIT_USAGE,
    )


def say_left_out(usable: Usable, path: str) -> None:
    """Tell, on standard error, which files are left out and what is wrong with them."""
    if not usable.problems:
        return
    for problem in usable.problems:
        report(problem)
    files = ", ".join(usable.left_out)
    command = f"mingjian rules check {path}".rstrip()
    err.print(
        say(
            f"left out: {files} (`{command}` tells everything that is wrong there)",
            f"已略过：{files}（用 `{command}` 查看其中的全部问题）",
        ),
        markup=False,
        soft_wrap=True,
    )
