"""`mingjian stack …`: the cluster profile's servers on this machine, without Docker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from jobs import stack
from jobs.cli.app import Output, OutputOption, emit, err, out, say
from rules.errors import EXIT_FINDINGS

stack_app = typer.Typer(
    name="stack",
    no_args_is_help=True,
    help="不用 Docker，在本机启动真实的 Kafka、Redis、Elasticsearch、Flink，"
    "以及归档所用的 PostgreSQL 和 S3 存储。\n\n"
    "Start real Kafka, Redis, Elasticsearch and Flink here, and PostgreSQL and S3 storage for the"
    " archive, without Docker.\n\n"
    "例 · examples:\n\n  mingjian stack up\n\n  mingjian stack status\n\n  mingjian stack down",
)


def _folder(text: str) -> Path:
    """The folder of a stack; an empty name would be the current one, which nobody means."""
    if not str(text):
        raise typer.BadParameter(say("expected the name of a folder", "应为目录名"))
    return Path(text)


def _port_option(usual: int) -> Any:
    """One that is not given is not the usual port: a server stays where it was."""
    return typer.Option(
        min=0,
        max=65535,
        help=f"端口，0 = 任意空闲端口；默认沿用上次的，否则 {usual}"
        f" · port, 0 = any free one; by default as last time, else {usual}",
    )


FolderOption = Annotated[
    Path,
    typer.Option(
        "--dir",
        parser=_folder,
        metavar="DIR",
        help="数据、日志、pid 所在目录 · folder of data, logs and pids",
    ),
]
_FOLDER = Path("var/stack")


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(stack_app)


@stack_app.command(
    "up",
    help="启动未运行的部分（包括单个 TaskManager），等到全部就绪，并写好配置文件；"
    "仍有缺失时退出码为 1。重新启动的服务器沿用原来的端口。\n\n"
    "Start whatever does not run, a single TaskManager too, wait until all answer, write the"
    " settings file; exit code 1 when something is still missing. A server that is started again"
    " keeps its port.\n\n"
    "例 · example:\n\n  mingjian stack up --with-deliver --kafka-port 0",
)
def up(
    *,
    folder: FolderOption = _FOLDER,
    kafka_port: Annotated[int | None, _port_option(9092)] = None,
    redis_port: Annotated[int | None, _port_option(6379)] = None,
    elasticsearch_port: Annotated[int | None, _port_option(9200)] = None,
    flink_port: Annotated[int | None, _port_option(8081)] = None,
    postgres_port: Annotated[int | None, _port_option(5432)] = None,
    s3_port: Annotated[int | None, _port_option(9000)] = None,
    task_managers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="TaskManager 数，每个一个槽位；默认与上次相同，否则 2"
            " · single-slot TaskManagers; by default as many as last time, else 2",
        ),
    ] = None,
    with_deliver: Annotated[
        bool, typer.Option("--with-deliver", help="同时启动投递进程 · the deliverer as well")
    ] = False,
    output: OutputOption = Output.text,
) -> None:
    """Start the stack."""
    ports = stack.Ports(
        kafka=kafka_port, redis=redis_port, elasticsearch=elasticsearch_port, flink=flink_port,
        postgres=postgres_port, s3=s3_port,
    )  # fmt: skip
    earlier = stack.earlier_run(folder)
    parts = stack.up(
        folder,
        ports=ports,
        task_managers=task_managers,
        with_deliver=with_deliver,
        say=lambda en, zh: err.print(say(en, zh), style="dim"),
    )
    settings, secrets = folder / stack.SETTINGS_FILE, folder / stack.SECRETS_FILE
    if output is Output.json:
        told = {"settings": str(settings), "secrets": str(secrets) if secrets.exists() else ""}
        emit({**told, "parts": msgspec.to_builtins(parts)})
    else:
        _show(parts)
    if any(not part.pid for part in parts):
        raise typer.Exit(EXIT_FINDINGS)
    if output is Output.json:
        return
    if earlier:
        out.print(
            say(
                "\nThe data of an earlier run is here; its detection job is not: submit it again.",
                "\n先前运行的数据仍在，但检测作业已不在：请重新提交。",
            ),
            style="bold yellow",
        )
    out.print(say("\nNow, for example:", "\n接下来，例如："))
    commands = [f". {secrets}"] if secrets.exists() else []  # passwords, for the archive
    commands.append(f"mingjian detect --config {settings}")
    if not with_deliver:
        commands.append(f"mingjian deliver --follow --config {settings}")
    commands += [f"mingjian alerts tail --config {settings}"]
    if secrets.exists():
        commands.append(f"mingjian archive search --config {settings}")
    commands.append(f"mingjian stack down --dir {folder}")
    for command in commands:
        out.print(f"  {command}", soft_wrap=True)


@stack_app.command(
    "down",
    help="结束由 up 启动的进程，只结束这些；数据保留。\n\n"
    "End the processes that `up` started, and only those; data stays.",
)
def down(
    folder: FolderOption = _FOLDER,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="同时删除数据 · remove the data too")
    ] = False,
) -> None:
    """End the stack."""
    ended = stack.down(folder, wipe=wipe, say=lambda en, zh: out.print(say(en, zh)))
    if not ended:
        out.print(say(f"nothing runs in {folder}", f"{folder} 中没有运行中的服务器"))


@stack_app.command(
    "status",
    help="各进程的地址与状态；有缺失时退出码为 1。\n\n"
    "Address and state of every process; exit code 1 when one is missing.",
)
def status(folder: FolderOption = _FOLDER, output: OutputOption = Output.text) -> None:
    """Show the stack."""
    parts = stack.status(folder)
    if output is Output.json:
        emit({"parts": msgspec.to_builtins(parts)})
    elif parts:
        _show(parts)
    else:
        out.print(say(f"no stack in {folder}", f"{folder} 中没有服务器"))
    if not parts or any(not part.pid for part in parts):
        raise typer.Exit(EXIT_FINDINGS)


def _show(parts: list[stack.Part]) -> None:
    """A table of the processes, and below it the logs of those that do not run, each whole."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (say("server", "服务器"), say("address", "地址"), say("state", "状态")):
        table.add_column(title, overflow="fold")
    for part in parts:
        down = say("down", "未运行")
        state = f"[green]pid {part.pid}[/]" if part.pid else f"[red]{down}[/]"
        table.add_row(part.name, part.address, state)
    out.print(table)
    logs = [part for part in parts if not part.pid]
    if logs:
        out.print(say("\nsee the logs of what is down:", "\n未运行者的日志："))
    for part in logs:
        out.print(f"  {_near(part.log)}", soft_wrap=True, markup=False)


def _near(path: str) -> str:
    """A path as somebody here would write it."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path
