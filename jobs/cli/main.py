"""Entry point of `mingjian`: assembles the subcommands and turns errors into one clear line."""

from __future__ import annotations

import os
import sys

import typer

from jobs.cli import alerts, deliver, detect, quarantine, rules, simulate, stack
from jobs.cli import report as reports
from jobs.cli.app import err, report, say
from rules.errors import EXIT_ENVIRONMENT, MingjianError

app = typer.Typer(
    name="mingjian",
    help="明鉴：读企业微信会话，按规则判定，告警，并给出能自证的证据包。\n\n"
    "Mingjian: judges live WeCom conversations by rules and produces evidence that proves itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (simulate, detect, deliver, rules, alerts, quarantine, reports, stack):
    command.register(app)


def main() -> None:
    """Run the command line; never a traceback unless MINGJIAN_DEBUG is set."""
    try:
        app(standalone_mode=True)
    except MingjianError as error:
        report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print(say("stopped", "已停止"))
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(EXIT_ENVIRONMENT)
    except Exception as error:
        # ours to mend, but a traceback helps nobody who is not: the message may quote content,
        # so only its kind is shown
        if os.environ.get("MINGJIAN_DEBUG"):
            raise
        report(
            MingjianError(
                f"unexpected {type(error).__name__}: this is a defect of Mingjian",
                f"意外错误 {type(error).__name__}：这是明鉴的缺陷",
                fix_en="run it again with MINGJIAN_DEBUG=1 and report what it prints",
                fix_zh="请加 MINGJIAN_DEBUG=1 重跑，并把输出报告给我们",
            )
        )
        sys.exit(EXIT_ENVIRONMENT)


if __name__ == "__main__":
    main()
