"""What clean talk keeps to, so that no rule is broken by accident.

Times are UTC milliseconds and may come a little out of order; memory is bounded, since entries
older than the horizon are dropped.
"""

from __future__ import annotations

from ingest.simulate.clock import HOUR_MS, MINUTE_MS

_RECALL_GAP = 4 * MINUTE_MS  # at most three recalls in any ten minutes
_DELETE_GAP = 30 * MINUTE_MS  # at most three deleted customers in any hour
_COMPLAINT_GAP = 25 * 3_600_000  # a deletion within a day of a complaint is a violation
_HORIZON = 2 * HOUR_MS
_SWEEP_EVERY = 500  # shares between two clearings of what is past the horizon
_SHARES = 2  # external conversations that one file or link reaches in two hours


class Limits:
    """Remembers what each employee did lately.

    `keep_from_recalling` and `keep_from_deleting` hold employees with a planted case of that
    behaviour: their ordinary acts would change its count.
    """

    def __init__(self) -> None:
        self.keep_from_recalling: set[str] = set()
        self.keep_from_deleting: set[str] = set()
        self._recalled: dict[str, list[int]] = {}
        self._deleted: dict[str, list[int]] = {}
        self._complained: dict[str, int] = {}
        self._shared: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._until_sweep = _SWEEP_EVERY

    def may_recall(self, userid: str, time: int) -> bool:
        """Whether an ordinary recall at `time` stays harmless; remembers it if so."""
        if userid in self.keep_from_recalling:
            return False
        return _spaced(self._recalled, userid, time, _RECALL_GAP)

    def complains(self, customer: str, time: int) -> None:
        """The customer complains: nobody deletes them for a while by chance."""
        self._complained[customer] = time

    def may_lose(self, customer: str, time: int) -> bool:
        """Whether the deletion of this customer at `time` follows no complaint of theirs."""
        return time - self._complained.get(customer, -_COMPLAINT_GAP) >= _COMPLAINT_GAP

    def may_delete(self, userid: str, time: int) -> bool:
        """Whether an ordinary deletion of a customer stays harmless; remembers it if so."""
        if userid in self.keep_from_deleting:
            return False
        return _spaced(self._deleted, userid, time, _DELETE_GAP)

    def may_share(self, userid: str, what: str, conversation: str, time: int) -> bool:
        """Whether the file or link may go to this conversation too; remembers it if so."""
        self._until_sweep -= 1
        if not self._until_sweep:
            self._until_sweep = _SWEEP_EVERY
            self._shared = {k: v for k, v in self._shared.items() if time - v[-1][0] <= _HORIZON}
        lately = [
            (at, where)
            for at, where in self._shared.get((userid, what), ())
            if time - at <= _HORIZON
        ]
        reached = {where for _, where in lately} | {conversation}
        allowed = len(reached) <= _SHARES
        if allowed:
            lately.append((time, conversation))
            self._shared[userid, what] = lately
        return allowed


def _spaced(memory: dict[str, list[int]], userid: str, time: int, gap: int) -> bool:
    lately = [at for at in memory.get(userid, ()) if time - at <= _HORIZON]
    allowed = all(abs(time - at) >= gap for at in lately)
    if allowed:
        lately.append(time)
    memory[userid] = lately
    return allowed
