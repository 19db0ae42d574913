"""`mingjian ingest archive`: what was said, from WeCom's session archive or a simulated one."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from config.settings import Settings
from ingest.archive.asking import World, refused
from ingest.archive.book import Book
from ingest.archive.keys import Keys
from ingest.archive.port import ArchiveClient, ArchiveError
from ingest.archive.puller import Pulled, Puller
from ingest.archive.sdk import SdkClient
from ingest.archive.simulator_folder import KEYS, Kind, fill, open_folder
from ingest.archive.watch import Watch
from ingest.intake import Intake
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    say,
    settings_from,
)
from jobs.cli.ingest import NameOption, conclude, ingest_app, stopping, tell
from jobs.cli.words import plural
from jobs.clock import now_ms
from jobs.collecting import book_path, collector, ends
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

_SECRET = "MINGJIAN_ARCHIVE_SECRET"  # noqa: S105 - the name of the variable
_LAST_SEQ = 2**64 - 1
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--simulator",
        metavar="FOLDER",
        help="用 simulate-archive 生成的模拟存档，而不是企业微信"
        " · a simulated archive, made by simulate-archive, instead of WeCom",
    ),
]


def register(_: typer.Typer) -> None:
    """Add both commands to `mingjian ingest`."""
    ingest_app.command(
        "archive",
        help="从企业微信会话内容存档拉取消息：先持久写入，再前移序号；断号、落后、过期、缺密钥都会报告。\n\n"
        "Pull messages from WeCom's session archive: written durably before the number moves on;"
        " missing numbers, delay, expiry and missing keys are told.\n\n"
        "例 · examples:\n\n"
        "  mingjian ingest archive --config mingjian.yaml\n\n"
        "  mingjian ingest archive --simulator var/archive --once",
    )(archive)
    ingest_app.command(
        "simulate-archive",
        help="用模拟数据生成一个模拟的会话存档（不是企业微信），供试用采集。\n\n"
        "Make a simulated session archive (not WeCom's) of simulated records, to try the"
        " collector.\n\n"
        "例 · examples:\n\n"
        "  mingjian simulate --out var/day\n\n"
        "  mingjian ingest simulate-archive var/archive --from var/day",
    )(simulate_archive)


def archive(
    *,
    simulator: FolderOption = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="取完现有消息即结束 · end when all that is there is taken"),
    ] = False,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SEQ",
            help="从此序号之后重新拉取；已有的不会重复写入"
            " · pull again behind this number; what is there already is not written twice",
        ),
    ] = "",
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="只重试先前无法解密而保留的消息 · only try again what is kept unopened",
        ),
    ] = False,
    name: NameOption = "archive",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Pull the archive. The help is given above."""
    settings = settings_from(profile, config, overrides)
    first = _number(start)
    keys = _keys(simulator / KEYS if simulator else Path(settings.ingest.archive.keys_dir))
    stop = stopping()
    began = time.monotonic()
    with ends(settings, stop, tell=tell) as where, collector(settings, name, where) as intake:
        book = Book(Path(settings.data_dir) / "ingest" / f"{name}.kept.db", where.waiting)
        try:
            client = connected(settings, simulator, intake, book)
            try:
                puller = Puller(
                    client,
                    keys,
                    intake,
                    book,
                    settings.ingest.archive,
                    world(stop),
                    tenant=settings.tenant,
                    start=first,
                    place=str(book_path(settings, name)),
                )
                if again:
                    puller.open_again()
                    pulled = puller.result()
                else:
                    with _shown() as progress:
                        pulled = puller.run(once=once, progress=progress)
            finally:
                client.close()
        finally:
            book.close()
    more = {"pages": pulled.pages, "seq": str(pulled.seq), "kept": pulled.shut}
    conclude(name, pulled.taken, time.monotonic() - began, output, more)
    if not pulled.shut:
        return
    counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(pulled.shut.items()))
    err.print(
        say(
            f"kept unopened: {counts} (docs/ingest-archive.md)",
            f"尚未解密而保留：{counts}（见 docs/ingest-archive.zh-CN.md）",
        ),
        style="yellow",
        soft_wrap=True,
    )
    if once or again:
        raise typer.Exit(EXIT_FINDINGS)


def simulate_archive(
    folder: Annotated[
        Path, typer.Argument(help="存档目录；已有则续写 · its folder; one that is there goes on")
    ],
    *,
    source: Annotated[
        Path,
        typer.Option("--from", help="mingjian simulate 的输出目录 · output of mingjian simulate"),
    ] = Path("var/messages"),
    versions: Annotated[
        int, typer.Option("--keys", min=1, max=99, help="公钥版本数 · versions of the key")
    ] = 2,
    start: Annotated[
        int, typer.Option("--start", min=1, max=_LAST_SEQ, help="第一个序号 · the first number")
    ] = 1,
    gap: Annotated[
        list[int],
        typer.Option("--gap", help="空缺的序号，可多次 · a number to leave out, repeatable"),
    ] = [],  # noqa: B006 - Typer copies it
    keep_days: Annotated[
        int,
        typer.Option("--keep-days", min=0, help="保留天数，0 为永久 · days kept, 0 = for ever"),
    ] = 0,
    refuse_expired: Annotated[
        bool,
        typer.Option("--refuse-expired", help="过期时返回 10010 · answer 10010 for what expired"),
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="到了消息时间才可取 · a message is there once its time comes"),
    ] = False,
    fail: Annotated[
        list[int],
        typer.Option(
            "--fail", help="依次返回的错误码，0 为成功 · codes to answer in turn, 0 = none"
        ),
    ] = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Make or extend a simulated archive. The help is given above."""
    kind = Kind(
        keep_days=keep_days, live=live, refuses_expired=refuse_expired, failures=tuple(fail)
    )
    filled = fill(
        folder, _records(source), kind=kind, versions=versions, start=start, leave_out=gap
    )
    if output is Output.json:
        emit({"folder": str(folder), **filled._asdict()})
        return
    made = say(
        f"a simulated archive in {folder}: {plural(filled.messages, 'message')}, numbers"
        f" {filled.first} to {filled.last}; {plural(filled.skipped, 'record is', 'records are')}"
        " none of an archive",
        f"模拟存档 {folder}：{filled.messages:,} 条消息，序号 {filled.first} 到 {filled.last}；"
        f"另有 {filled.skipped:,} 条记录不属于会话存档",
    )
    out.print(Text(made), soft_wrap=True)  # a path is no markup


def connected(
    settings: Settings, simulator: Path | None, intake: Intake, book: Book
) -> ArchiveClient:
    """The archive: WeCom's by its library, or a simulated one.

    Raises:
        MingjianError: a setting is missing, or the archive refuses, which is told as an incident.
    """
    if simulator:
        return open_folder(simulator, now_ms)
    wanted = settings.ingest.archive
    secret = os.environ.get("MINGJIAN_ARCHIVE_SECRET", "")
    for value, name in (
        (wanted.library, "ingest.archive.library"),
        (wanted.corpid, "ingest.archive.corpid"),
        (secret, _SECRET),
    ):
        if not value:
            raise MingjianError(
                f"{name} is not set: the archive needs the SDK's library, the corpid and the"
                " secret",
                f"未设置 {name}：会话存档需要 SDK 库、corpid 和 Secret",
                fix_en="see docs/ingest-archive.md; to try without WeCom: --simulator FOLDER",
                fix_zh="见 docs/ingest-archive.zh-CN.md；不接企业微信试用：--simulator 目录",
                exit_code=EXIT_USAGE,
            )
    password = os.environ.get("MINGJIAN_ARCHIVE_PROXY_PASSWORD", "")
    try:
        return SdkClient(Path(wanted.library), wanted.corpid, secret, wanted.proxy, password)
    except ArchiveError as error:
        raise refused(error, Watch(intake, book, settings.tenant), now_ms()) from None


def _keys(folder: Path) -> Keys:
    keys = Keys(folder, os.environ.get("MINGJIAN_ARCHIVE_KEY_PASSPHRASE", ""))
    for one in keys.useless:
        err.print(Text(say(one.en, one.zh), "yellow"), soft_wrap=True)
    if not keys.versions:
        raise MingjianError(
            f"there is no private key in {folder}",
            f"{folder} 中没有私钥",
            fix_en="put one file for each version of the public key there, such as 3.pem"
            " (ingest.archive.keys_dir)",
            fix_zh="请按公钥版本号放入私钥文件，如 3.pem（设置 ingest.archive.keys_dir）",
        )
    return keys


def world(stop: threading.Event) -> World:
    """This process's clock, and standard error for news."""

    def told(word: str, en: str, zh: str) -> None:
        style = "green" if word in {"back", "opened"} else "yellow"
        err.print(say(en, zh), style=style, soft_wrap=True, markup=False)

    return World(now_ms, stop.wait, random.random, stop.is_set, told)


@contextmanager
def _shown() -> Iterator[Callable[[Pulled], None]]:
    """How far it is, on a terminal."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status(say("waiting for messages", "等待消息")) as status:

        def show(at: Pulled) -> None:
            new = f"{at.taken.new:,}"
            status.update(say(f"{new} new, number {at.seq}", f"新记录 {new}，序号 {at.seq}"))

        yield show


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) <= _LAST_SEQ):
        raise MingjianError(
            f"--from: '{text}' is no number from 0 to 2^64-1",
            f"--from：“{text}”不是 0 到 2^64-1 的序号",
            exit_code=EXIT_USAGE,
        )
    return int(text)


def _records(source: Path) -> Iterator[bytes]:
    files = sorted(source.glob("messages*.jsonl*")) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise MingjianError(
            f"--from: there are no records in {source}",
            f"--from：{source} 中没有记录",
            fix_en=f"make some: `mingjian simulate --out {source}`",
            fix_zh=f"可先生成：`mingjian simulate --out {source}`",
            exit_code=EXIT_USAGE,
        )
    for file in files:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            yield from lines
