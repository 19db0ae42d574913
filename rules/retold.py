"""What of a stream that is judged again, from before the place where it was left, is told.

A job that begins without its state reads again what came before, to see the windows that were open.
Of what it finds there not all is certain, because it does not see what came before that
(`rules.edges`). The certain has the ids that it had before, if it was told then, and is told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from rules.alert import Alert, Evidence
from rules.memory import PIECES
from rules.telling import Output

_alert = msgspec.json.Decoder(Alert).decode
_evidence = msgspec.json.Decoder(Evidence).decode


class Retold:
    """Lets pass what is certain.

    Args:
        certain_from: event time (UTC ms) by the name of a rule, from which on its alerts are
            certain; of all others, which can only be numbers in pieces, under PIECES. Alerts of
            single messages always are.
    """

    def __init__(self, certain_from: Mapping[str, int]) -> None:
        self._certain_from = certain_from
        self._others = certain_from.get(PIECES, 0)
        self._untold: set[str] = set()  # alerts, which may get more evidence

    def told(self, outputs: Iterable[Output]) -> list[Output]:
        """Those that are told. What is late or quarantined has its id again, and is."""
        kept: list[Output] = []
        for kind, body in outputs:
            if kind == "alerts":
                alert = _alert(body)
                moment = self._certain_from.get(alert.rule.name, self._others)
                if alert.time < moment and not _alone(alert):
                    self._untold.add(alert.alert_id)
                    continue
            elif self._untold and kind == "evidence" and _evidence(body).alert_id in self._untold:
                continue
            kept.append((kind, body))
        return kept


def _alone(alert: Alert) -> bool:
    """Whether it rests on one message and nothing that came before."""
    return alert.count == 1 and not alert.window_end and not alert.group
