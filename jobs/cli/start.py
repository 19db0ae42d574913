"""What the `mingjian` program runs: loads the command line, and can be stopped while it does."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line. Until it is loaded, Ctrl-C ends the process without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jobs.cli.main import main as run  # noqa: PLC0415  what takes long is this import

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
