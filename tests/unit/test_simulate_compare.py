"""What counts as a planted case found, as one missed, and as an alert that should not be."""

from __future__ import annotations

import pytest

from ingest.simulate.compare import compare

PLANTED = {"plant_id": "p1", "rule": "a04_01", "msgids": ["m1", "m2"], "alert": True}
DECOY = {"plant_id": "p2", "rule": "a04_01", "msgids": ["d1"], "alert": False}


def alert(rule: str, *msgids: str, response: int = 2) -> dict:
    return {
        "rule": {"name": rule, "response": response},
        "members": [{"msgid": msgid} for msgid in msgids],
    }


@pytest.mark.parametrize(
    ("alerts", "missed", "unexpected"),
    [
        ([], 1, 0),
        ([alert("a04_01", "m2")], 0, 0),
        ([alert("a04_01", "m1", "other")], 0, 0),
        ([alert("a04_18", "m1", "other")], 1, 0),  # another rule sees it too, its own does not
        ([alert("a04_01", "m1"), alert("a04_18", "other", "m1")], 0, 0),
        ([alert("a04_01", "m1"), alert("a04_01", "clean")], 0, 1),
        ([alert("a04_01", "m1"), alert("a04_01", "d1")], 0, 1),
        ([alert("a04_01", "m1"), alert("a03_10", "clean", response=1)], 0, 0),
    ],
)
def test_compare(alerts: list[dict], missed: int, unexpected: int) -> None:
    result = compare([PLANTED, DECOY], alerts)
    assert (len(result.missed), len(result.unexpected)) == (missed, unexpected)
    assert result.holds is (missed == 0 and unexpected == 0)
