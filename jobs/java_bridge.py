"""One thread of Java for each thread of ours."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any


class OwnConnections:
    """The connections to Java that are free, those of each thread apart.

    py4j keeps one pile for all, and the gateway serves each connection in a thread of Java. Flink's
    planner leaves things in that thread, so its calls must all come over the same connection; but
    another thread of ours may have it just then: Python's collector frees what Java holds, and runs
    in whichever thread allocates.
    """

    def __init__(self) -> None:
        self._own = threading.local()

    def _pile(self) -> deque[Any]:
        if not hasattr(self._own, "pile"):
            self._own.pile = deque()
        return self._own.pile

    def pop(self) -> Any:
        """The connection this thread gave back last. IndexError: none; the client makes one."""
        return self._pile().pop()

    def append(self, connection: Any) -> None:
        """Give one back. It ends with the thread."""
        self._pile().append(connection)

    def __len__(self) -> int:
        """How many this thread has free."""
        return len(self._pile())


def gateway() -> Any:
    """PyFlink's gateway, started when it does not run yet."""
    from pyflink.java_gateway import get_gateway  # noqa: PLC0415

    found = get_gateway()
    client = found._gateway_client  # noqa: SLF001
    if not isinstance(client.deque, OwnConnections):
        client.deque = OwnConnections()
    return found
