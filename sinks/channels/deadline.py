"""A limit for the whole of an answer.

The timeout of a socket is for one read: a receiver that sends a byte now and then would hold its
channel, and the end of the process, for ever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter

_AGAIN_S = 0.1  # a socket that was only just made is found in the next look
_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """After so many seconds the sockets that were made or used inside are shut down, which ends
    every read and write of theirs.

    Attributes:
        over: the time has passed; what failed then, failed for that.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.over = seconds, False
        self._found: list[Callable[[], socket.socket | None]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> Self:
        """Begin; inside another one, with its sockets, too."""
        outer = _current.get()
        if outer is not None:
            self._found.extend(outer._found)  # noqa: SLF001 - of its own kind
        self._token = _current.set(self)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End; nothing is shut down from then on."""
        self._done.set()
        self._thread.join()  # nobody shuts down what the next message uses
        if self._token is not None:
            _current.reset(self._token)

    def watch(self, find: Callable[[], socket.socket | None]) -> None:
        """Shut down what `find` returns then: a connection may change its socket, as for TLS."""
        self._found.append(find)

    def _run(self) -> None:
        if self._done.wait(self.seconds):
            return
        self.over = True
        while True:
            for find in tuple(self._found):
                with suppress(OSError, AttributeError):
                    made = find()
                    if made is not None:
                        # not the method of TLS: it takes the session from under a read
                        socket.socket.shutdown(made, socket.SHUT_RDWR)
            if self._done.wait(_AGAIN_S):
                return


def watched(find: Callable[[], socket.socket | None]) -> None:
    """Put a socket under the deadline of this thread, if there is one."""
    deadline = _current.get()
    if deadline is not None:
        deadline.watch(find)


def session(ca_certs: str) -> requests.Session:
    """HTTP whose connections keep to the deadline they are used in."""
    made = requests.Session()
    made.trust_env = False  # no proxy and no .netrc that nobody wrote into the settings
    if ca_certs:
        made.verify = ca_certs
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made


class _Watched(urllib3.connection.HTTPConnection):
    """Every socket is noted when it is made and when it is used again."""

    def connect(self) -> None:
        super().connect()
        self._note()

    def request(self, *args: Any, **options: Any) -> None:
        self._note()
        super().request(*args, **options)

    def _note(self) -> None:
        # the socket itself: a connection forgets it when the answer is to be the last
        made: socket.socket | None = self.sock
        if made is not None:
            watched(lambda: made)


class _WatchedTls(_Watched, urllib3.connection.HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTls}
