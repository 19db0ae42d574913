"""Logs of the processes: structured, one event a line, on standard error. Never message text."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, as_json: bool, verbose: bool = False) -> None:
    """Set up structlog: JSON for machines, coloured lines for people."""
    renderer: structlog.typing.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if verbose else logging.INFO
        ),
        # looked up at every line: whoever replaced standard error may have put it back since
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    # the clients' own loggers repeat every failed connection; the deliverer says it once
    for noisy in ("kafka", "elastic_transport", "elasticsearch", "redis", "py4j"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
