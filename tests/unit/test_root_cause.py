"""Of a trace of a hundred lines the one that says what to do."""

from __future__ import annotations

import pytest

from jobs.progress import root_cause


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        ("java.lang.Exception: it ended\n\tat a.b(C.java:1)", "java.lang.Exception: it ended"),
        (
            "java.lang.Exception: a\n\tat b\nCaused by: java.io.IOException: c\n\tat d\n"
            "Caused by: java.io.EOFException\n\tat e",
            "java.io.EOFException",
        ),
        (
            "java.lang.Exception: a\nCaused by: java.lang.RuntimeException: Error received from"
            " SDK harness for instruction 9: Traceback (most recent call last):\n"
            '  File "match.py", line 9, in eval\n'
            "rules.errors.MingjianError: the ruleset /r/17 cannot be used: changed\n\n\tat x",
            "the ruleset /r/17 cannot be used: changed",
        ),
        (
            "Caused by: pemja.core.PythonException: <class 'rules.errors.MingjianError'>:"
            " the ruleset /r/17 cannot be used\n\tat x",
            "the ruleset /r/17 cannot be used",
        ),
        ("", ""),
    ],
)
def test_the_root_cause_is_the_sentence_that_says_what_is_wrong(trace: str, cause: str) -> None:
    assert root_cause(trace) == cause
