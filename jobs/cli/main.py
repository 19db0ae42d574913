"""Entry point of `mingjian`: assembles the subcommands and turns errors into one clear line."""

from __future__ import annotations

import os
import sys
import traceback

import typer
from typer.exceptions import TyperException

from jobs.cli.app import EXIT_INTERRUPTED, err, language, report, say
from jobs.cli.every import COMMANDS, assembled
from jobs.cli.help_language import translate
from jobs.cli.usage import usage_error
from rules.errors import EXIT_ENVIRONMENT, EXIT_USAGE, MingjianError

OUR_PACKAGES = frozenset(("config", "desk", "ingest", "jobs", "reports", "rules", "sinks", "udfs"))


def _called(words: list[str]) -> tuple[str, ...]:
    """What has to be loaded for a command line: its command, or all that help and a guess at a
    mistyped one need."""
    first = words[0] if words else ""
    if first in COMMANDS:
        return (first,)
    return () if first == "--version" else tuple(COMMANDS)


def _utf8(words: list[str]) -> None:
    """That every word of the command line can be written down: most end in a book or a log.

    Raises:
        MingjianError: one is no UTF-8.
    """
    for word in words:
        told = word.encode("utf-8", "backslashreplace").decode()
        if told != word:
            raise MingjianError(
                f"{told} is not UTF-8 text",
                f"{told} 不是 UTF-8 文本",
                fix_en="write it as UTF-8; a file with such a name has to be renamed first",
                fix_zh="请以 UTF-8 编码书写；文件名若如此，请先改名",
                exit_code=EXIT_USAGE,
            )


def main() -> None:
    """Run the command line; never a traceback unless MINGJIAN_DEBUG is set."""
    try:
        _utf8(sys.argv[1:])
        command = typer.main.get_command(assembled(_called(sys.argv[1:])))
        translate(command, language())
        code = command.main(prog_name="mingjian", standalone_mode=False)
        if code == EXIT_INTERRUPTED:  # typer makes one of Ctrl-C
            err.print(say("stopped", "已停止"))
        sys.exit(code if isinstance(code, int) else 0)
    except MingjianError as error:
        report(error)
        sys.exit(error.exit_code)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help stands there already
            sys.exit(EXIT_USAGE)
        wrong = usage_error(error)
        report(wrong)
        sys.exit(wrong.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        err.print(say("stopped", "已停止"))
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_ENVIRONMENT)
    except Exception as error:
        # ours to mend, but a traceback helps nobody who is not: the message may quote content,
        # so only its kind and its place are shown
        if os.environ.get("MINGJIAN_DEBUG"):
            raise
        kind, at = type(error).__name__, _place(error)
        report(
            MingjianError(
                f"unexpected {kind} in {at}: this is a defect of Mingjian",
                f"意外错误 {kind}（{at}）：这是明鉴的缺陷",
                fix_en="run it again with MINGJIAN_DEBUG=1 and report what it prints",
                fix_zh="请加 MINGJIAN_DEBUG=1 重跑，并把输出报告给我们",
            )
        )
        sys.exit(EXIT_ENVIRONMENT)


def _place(error: BaseException) -> str:
    """Module and line where it was raised, and the last of ours on the way there."""
    frames = [
        (str(frame.f_globals.get("__name__", "?")), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [one for one in frames if one[0].partition(".")[0] in OUR_PACKAGES]
    shown = dict.fromkeys([frames[-1], *ours[-1:]])
    return " < ".join(f"{module}:{line}" for module, line in shown)


if __name__ == "__main__":
    main()
