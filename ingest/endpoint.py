"""The HTTP endpoint: takes batches of records, and answers when they are durable."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from config.settings import Ingest
from ingest.endpoint_body import JSON, NDJSON, is_packed, media_type, read, split
from ingest.endpoint_errors import ANSWERS, RETRY_AFTER, Refusal
from ingest.endpoint_tokens import Tokens
from ingest.intake import Intake, Taken
from ingest.waiting import NotNow
from rules.errors import MingjianError

log = structlog.get_logger()
_READY_S = 1.0  # for so long an answer to /readyz holds
_OF_RECORDS = (400, 401, 408, 413, 415, 429, 500, 503)


class Answer(BaseModel):
    """What became of the records; the fields are those of `ingest.intake.Taken`."""

    new: int
    duplicates: int
    set_aside: int
    conflicts: int
    undecoded: int


class Wrong(BaseModel):
    """What was wrong and what to do, in both languages."""

    code: str
    en: str
    zh: str
    fix_en: str
    fix_zh: str


class Error(BaseModel):
    """Every answer that is not 200."""

    error: Wrong


class State(BaseModel):
    """Whether it is alive, or ready."""

    status: str


def build(
    intakes: Mapping[str, Intake], tokens: Tokens, limits: Ingest, ready: Callable[[], str]
) -> FastAPI:
    """The application.

    Args:
        intakes: by source; one for each of `tokens.sources`.
        ready: "" when records can be written, else why not.
    """
    desk = _Desk(intakes, tokens, limits)
    probe = _Probe(ready, desk)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(
        title="Mingjian collector",
        version=version("mingjian"),
        description=_DESCRIPTION,
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        lifespan=running,
    )

    @app.post(
        "/v1/records",
        response_model=Answer,
        responses={status: {"model": Error} for status in _OF_RECORDS},
        openapi_extra={"requestBody": _BODY},
        dependencies=[Security(HTTPBearer(auto_error=False))],
        summary="Take records; answered when they are durable",
    )
    async def records(request: Request) -> Any:
        return await _answered(desk.take, request)

    @app.get("/healthz", response_model=State, summary="Whether the collector is alive")
    async def healthz() -> Any:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        response_model=State,
        responses={503: {"model": Error}},
        summary="Whether records can be written now",
    )
    async def readyz() -> Any:
        if why := await probe.away():
            return _refused(Refusal("away", why))
        return {"status": "ready"}

    async def elsewhere(request: Request, error: Exception) -> JSONResponse:
        code = "method" if getattr(error, "status_code", 404) == ANSWERS["method"].status else ""
        answer = _refused(Refusal(code or "not_found"))
        answer.headers.update(getattr(error, "headers", None) or {})
        return answer

    app.add_exception_handler(HTTPException, elsewhere)
    return app


class _Desk:
    """Takes requests, so many at a time."""

    def __init__(self, intakes: Mapping[str, Intake], tokens: Tokens, limits: Ingest) -> None:
        self._intakes, self._tokens, self._limits = intakes, tokens, limits
        self._busy = 0
        self._failed: dict[str, tuple[float, str]] = {}  # by source: until when, why
        # A thread for each request: its write begins, and its patience with it, when its body is
        # there. And writes that wait for the broker leave the threads of the loop to /readyz.
        self._threads = ThreadPoolExecutor(limits.requests, "write")

    async def take(self, request: Request) -> dict[str, int]:
        headers = request.headers
        source = self._tokens.source(headers.get("authorization", ""))
        if not source:
            raise Refusal("no_token")
        kind = media_type(headers.get("content-type", ""))
        packed = is_packed(headers.get("content-encoding", ""))
        if self._declared(headers.get("content-length", "")) > self._limits.request_bytes:
            raise Refusal("too_large")
        if self._busy >= self._limits.requests:
            raise Refusal("too_many_requests")
        self._busy += 1
        try:
            began = time.monotonic()
            body = await self._body(request, packed=packed)
            taken = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._take, source, body, kind
            )
        finally:
            self._busy -= 1
        log.info(
            "records_taken",
            source=source,
            **taken._asdict(),
            ms=round((time.monotonic() - began) * 1000),
        )
        return taken._asdict()

    def close(self) -> None:
        """Return when the last write has ended."""
        self._threads.shutdown()

    async def _body(self, request: Request, *, packed: bool) -> bytes:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.request_seconds):
                return await read(
                    request.stream(),
                    packed=packed,
                    most=limits.request_bytes,
                    most_unpacked=limits.unpacked_bytes,
                )
        except TimeoutError:
            raise Refusal("too_slow") from None

    def _take(self, source: str, body: bytes, kind: str) -> Taken:
        records = split(body, kind, self._limits.request_records)
        try:
            taken = self._intakes[source].take(records)
        except MingjianError as error:
            again = 2 * int(RETRY_AFTER["away" if isinstance(error, NotNow) else "unwritable"])
            self._failed[source] = (time.monotonic() + again, error.en)
            raise
        self._failed.pop(source, None)
        return taken

    def failed(self) -> str:
        """Why the last write of a source failed, until one succeeds. It holds for twice as long as
        its sender was told to wait: without a new one nobody would find out that it goes again."""
        now = time.monotonic()
        return next((why for until, why in [*self._failed.values()] if now < until), "")

    @staticmethod
    def _declared(length: str) -> int:
        return int(length) if length.isascii() and length.isdigit() else 0


class _Probe:
    """Asks whether records can be written, once for all who ask in the same second. What can be
    reached and still takes nothing (a right that lacks) only shows in writes."""

    def __init__(self, ready: Callable[[], str], desk: _Desk) -> None:
        self._ready, self._desk = ready, desk
        self._lock = asyncio.Lock()
        self._asked, self._why = float("-inf"), ""

    async def away(self) -> str:
        async with self._lock:
            if time.monotonic() - self._asked > _READY_S:
                self._why = await asyncio.to_thread(self._ready)
                self._asked = time.monotonic()
            return self._why or self._desk.failed()


async def _answered(
    work: Callable[[Request], Awaitable[dict[str, int]]], request: Request
) -> JSONResponse:
    """The answer of a request, whatever happens. What is logged has no content and no token."""
    try:
        return JSONResponse(await work(request))
    except Refusal as refusal:
        log.warning("request_refused", code=refusal.code, status=refusal.status)
        return _refused(refusal)
    except ClientDisconnect:
        log.warning("request_refused", code="gone")
        return _refused(Refusal("too_slow"))
    except NotNow as error:
        log.warning("cannot_write_now", why=error.en)
        return _refused(Refusal("away"))
    except MingjianError as error:
        log.error("cannot_write", why=error.en, fix=error.fix_en)
        return _refused(Refusal("unwritable"))
    except Exception as error:  # its text may quote a record: only its kind and place are told
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("defect", type=type(error).__name__, at=f"{place.name}:{place.lineno}")
        return _refused(Refusal("defect"))


def _refused(refusal: Refusal) -> JSONResponse:
    return JSONResponse(refusal.body(), refusal.status, refusal.headers())


_DESCRIPTION = """\
Takes WeCom records for Mingjian. A record is an envelope or a bare archived message
(docs/data-formats.md). 200 means that all of them are durable. Everything may be sent again: a
record that was taken before is counted as a duplicate and not written twice.
"""
_ONE = {"type": "object", "description": "an envelope or a bare record"}
_BODY: dict[str, Any] = {
    "required": True,
    "description": "Records. The body may be packed (Content-Encoding: gzip).",
    "content": {
        NDJSON[0]: {"schema": {"type": "string", "description": "one record a line"}},
        JSON: {"schema": {"anyOf": [_ONE, {"type": "array", "items": {}}]}},
    },
}
