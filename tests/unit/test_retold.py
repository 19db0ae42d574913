"""Of a past that is judged again, only what is certain is told."""

from __future__ import annotations

from typing import Any

import pytest

from rules.memory import PIECES
from rules.retold import Retold
from tests.support import records
from tests.support.records import rule

AT = 1_000
CERTAIN_FROM = {"count": AT, PIECES: AT - 900}
ALONE = {"count": 1, "window_end": 0}


def alert(name: str, time: int, of: str = "count", **more: Any) -> tuple[str, bytes]:
    told = {"alert_id": name, "rule": rule(of), "time": time, "count": 3}
    told |= {"window_end": time, "group": {}}
    return "alerts", records.alert(1, **(told | more)).body


def proof(of: str) -> tuple[str, bytes]:
    return "evidence", records.evidence(1, alert_id=of).body


@pytest.mark.parametrize(
    ("output", "told"),
    [
        pytest.param(alert("a", AT - 1), False, id="uncertain"),
        pytest.param(alert("a", AT), True, id="certain"),
        pytest.param(alert("a", AT - 1, **ALONE), True, id="one message, certain at any time"),
        pytest.param(
            alert("a", AT - 1, **ALONE, group={"sender": "z"}), False, id="may have been hushed"
        ),
        pytest.param(
            alert("a", 99, "word", count=2, window_end=0), False, id="a number in two messages"
        ),
        pytest.param(
            alert("a", 100, "word", count=2, window_end=0), True, id="such a number, certain"
        ),
        pytest.param(proof("b"), True, id="more evidence of what was told before"),
        pytest.param(("late", b"{}"), True, id="late"),
        pytest.param(("quarantine", b"{}"), True, id="quarantined"),
    ],
)
def test_what_is_told(output: tuple[str, bytes], told: bool) -> None:
    assert Retold(CERTAIN_FROM).told([output]) == ([output] if told else [])


def test_an_alert_that_is_told_has_all_its_evidence_and_one_that_is_not_never_has_any() -> None:
    retold = Retold(CERTAIN_FROM)
    told = [alert("a", AT), proof("a"), proof("a")]
    assert retold.told([*told, alert("b", AT - 1), proof("b")]) == told
    assert retold.told([proof("b"), proof("a")]) == [proof("a")]
