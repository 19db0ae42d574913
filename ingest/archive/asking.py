"""Asking the archive for a page: at the pace it allows, again where that helps, with a clear word
where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from config.settings import Archive
from ingest.archive.pace import Pace
from ingest.archive.page import Encrypted, read_page
from ingest.archive.port import (
    ADDRESS,
    CERTIFICATE,
    EXPIRED,
    KEY_FAILED,
    PARAMETER,
    ArchiveClient,
    ArchiveError,
)
from ingest.archive.watch import Watch
from rules.errors import MingjianError

_FIRST_S, _LONGEST_S = 0.5, 60.0
REFUSED = "source_refused"


class World(NamedTuple):
    """What the puller has of the world outside; tests bring their own.

    `now` is UTC ms, `sleep` takes seconds, `chance` gives 0 to 1, `stopped` is whether to end.
    `tell` is for whoever watches: a word ("away", "back" …) and a sentence in both languages.
    `steady` is seconds of a clock that nobody sets: how long something took is measured by it.
    """

    now: Callable[[], int]
    sleep: Callable[[float], object]
    chance: Callable[[], float]
    stopped: Callable[[], bool]
    tell: Callable[[str, str, str], None]
    steady: Callable[[], float] = time.monotonic


class Stopped(Exception):
    """The collector was told to end."""


class Page(NamedTuple):
    """What the archive answered at `asked` (UTC ms); no messages: this is its end.

    `expired`: the archive said that what came next has expired; these are the oldest there are.
    """

    messages: list[Encrypted]
    asked: int
    expired: bool = False


class Asking:
    """Pulls pages of one archive."""

    def __init__(
        self,
        client: ArchiveClient,
        settings: Archive,
        watch: Watch,
        world: World,
        waiting: Callable[[], None],
    ) -> None:
        self._client, self._settings, self._watch = client, settings, watch
        self._world, self._waiting = world, waiting
        self._pace = Pace(settings.calls_per_minute, world.steady, world.sleep)
        self._away_since: float | None = None

    def page(self, seq: int, limit: int) -> Page:
        """The page behind `seq`, asked for until there is one.

        Raises:
            MingjianError: the archive refuses for a reason that asking again does not mend.
            Stopped: told to end meanwhile.
        """
        try:
            return self._page(seq, limit)
        except ArchiveError as error:
            if error.code != EXPIRED or not seq:
                raise self._refused(error) from None
        try:
            return self._oldest(seq, limit)
        except ArchiveError as error:
            raise self._refused(error) from None

    def _oldest(self, after: int, limit: int) -> Page:
        """The first messages behind `after` that the archive still has."""
        at = 0
        while True:
            page = self._page(at, limit)
            later = [one for one in page.messages if one.seq > after]
            if later or not page.messages:
                return Page(later, page.asked, expired=True)
            at = page.messages[-1].seq

    def _page(self, seq: int, limit: int) -> Page:
        pause = _FIRST_S
        while True:
            self._keep_pace()
            asked = self._world.now()
            try:
                data = self._client.get_chat_data(seq, limit, self._settings.timeout_seconds)
                messages = read_page(data, seq)
            except ArchiveError as error:
                if not error.again:
                    raise
                self._away(error)
            else:
                self._back()
                return Page(messages, asked)
            self._waiting()
            self._world.sleep(pause * (0.5 + self._world.chance()))
            pause = min(_LONGEST_S, pause * 2)
            if self._world.stopped():
                raise Stopped

    def _keep_pace(self) -> None:
        if self._pace.keep() and self._world.stopped():
            raise Stopped
        self._pace.called()

    def _away(self, error: ArchiveError) -> None:
        if self._away_since is None:
            self._away_since = self._world.steady()
            en, zh = error.text()
            self._world.tell("away", f"{en}; trying again", f"{zh}；正在重试")

    def _back(self) -> None:
        if self._away_since is not None:
            seconds = self._world.steady() - self._away_since
            self._world.tell(
                "back", f"the archive answers again after {seconds:.1f} s",
                f"会话存档恢复应答，中断 {seconds:.1f} 秒",
            )  # fmt: skip
            self._away_since = None
        for code in self._watch.subjects(REFUSED):
            self._watch.resolve(REFUSED, code, "the archive answers again", now=self._world.now())

    def _refused(self, error: ArchiveError) -> MingjianError:
        return refused(error, self._watch, self._world.now())


def refused(error: ArchiveError, watch: Watch, now: int) -> MingjianError:
    """Tell of the refusal as an incident, and what a person has to put right."""
    en, zh = error.text()
    watch.open(REFUSED, str(error.code), en, now=now)
    fix = _FIXES.get(error.code, _ANY)
    return MingjianError(
        f"the archive refuses: {en}", f"会话存档拒绝请求：{zh}", fix_en=fix[0], fix_zh=fix[1]
    )


_ANY = (
    "look the code up in WeCom's list of error codes; the number that was reached is kept",
    "请在企业微信错误码列表中查询该码；已到达的序号已保存",
)
_CREDENTIALS = (
    "check ingest.archive.corpid, and that MINGJIAN_ARCHIVE_SECRET is the secret of the session"
    " archive and of no other application",
    "请检查 ingest.archive.corpid，并确认 MINGJIAN_ARCHIVE_SECRET 是“会话内容存档”的 Secret，"
    "而不是其他应用的",
)
_FIXES = {
    PARAMETER: _CREDENTIALS,
    KEY_FAILED: _CREDENTIALS,
    48_002: _CREDENTIALS,  # "api forbidden": the secret of another application
    ADDRESS: (
        "add this machine's public address to the trusted ones of the archive in WeCom's console",
        "请在企业微信管理后台“会话内容存档”的可信 IP 中加入本机的公网地址",
    ),
    CERTIFICATE: (
        "check this machine's clock and its certificates",
        "请检查本机时钟与根证书",
    ),
}
