"""What a stack keeps its archive in: PostgreSQL, object storage, and passwords made for them.

These two hold every message, so they ask for passwords even here. The passwords are random, stand
in one file of the stack's folder that its owner alone can read, and reach commands through the
environment, as everywhere.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobs.servers import postgres, s3
from jobs.servers.process import Say, Server
from rules.errors import MingjianError
from sinks.archive.postgres_session import PASSWORD_VARIABLE
from sinks.archive.s3_objects import ACCESS_VARIABLE, SECRET_VARIABLE

SECRETS_FILE = "secrets.env"
NAMES = ("postgres", "s3")
FOLDER = "archive"  # ledger, custody book, what was deleted
DATABASE = BUCKET = "mingjian"
_EXPORT = "export "


class Secrets(NamedTuple):
    """Of the servers of one stack."""

    password: str
    access: str
    secret: str

    def environment(self) -> dict[str, str]:
        """As commands take them."""
        return {
            PASSWORD_VARIABLE: self.password,
            ACCESS_VARIABLE: self.access,
            SECRET_VARIABLE: self.secret,
        }


def may_run(known: Collection[str], say: Say) -> bool:
    """Whether this machine has the programs; where it has not, that is said. A stack that had an
    archive before is not started without it: what is collected meanwhile would be in no archive.

    Raises:
        MingjianError: it had one, and the programs are gone.
    """
    try:
        postgres.find_postgres()
    except MingjianError as error:
        if set(NAMES) & set(known):
            raise
        say(
            f"no archive in this stack: {error.en} ({error.fix_en})",
            f"本机服务中没有归档：{error.zh}（{error.fix_zh}）",
        )
        return False
    return True


def secrets_of(folder: Path) -> Secrets:
    """Those of the stack in `folder`, made on first use.

    Raises:
        MingjianError: the file is damaged, or gone while there is data that asks for them.
    """
    file = folder / SECRETS_FILE
    if not file.exists():
        if (folder / "postgres" / "data" / "PG_VERSION").exists():
            raise _lost(file)
        made = Secrets(secrets.token_hex(16), f"mingjian-{secrets.token_hex(4)}",
                       secrets.token_hex(24))  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        lines = [f"{_EXPORT}{name}={value}\n" for name, value in made.environment().items()]
        file.write_text("".join(lines), encoding="utf-8")
        return made
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix(_EXPORT).partition("=") for line in lines)
    values = {name: "".join(shlex.split(value)) for name, _, value in pairs}
    names = (PASSWORD_VARIABLE, ACCESS_VARIABLE, SECRET_VARIABLE)
    if not all(values.get(name) for name in names):
        raise _lost(file)
    return Secrets(*(values[name] for name in names))


def _lost(file: Path) -> MingjianError:
    return MingjianError(
        f"{file} with the passwords of PostgreSQL and S3 is missing or damaged",
        f"存放 PostgreSQL 与 S3 口令的 {file} 缺失或已损坏",
        fix_en="restore it; or give up the stack's data: mingjian stack down --wipe",
        fix_zh="请恢复该文件；或放弃本机服务的数据：mingjian stack down --wipe",
    )


def launchers(given: Secrets) -> dict[str, Callable[[Path, int], Server]]:
    """By name, what starts each server in its folder at a port. The bucket is there at once."""
    return {
        "postgres": lambda folder, port: postgres.launch(
            folder, port, password=given.password, database=DATABASE
        ),
        "s3": lambda folder, port: s3.launch(
            folder, port, keys=(given.access, given.secret), buckets=(BUCKET,)
        ),
    }


def make_database(port: int, given: Secrets) -> None:
    """Make the database where it is missing. Raises MingjianError."""
    postgres.make_database(port, DATABASE, given.password)


def target(values: dict[str, Any], folder: Path, addresses: Mapping[str, str]) -> dict[str, Any]:
    """The target of the cluster profile, on the servers of this stack.

    Args:
        addresses: of "postgres" and "s3".
    """
    return {
        **values,
        "path": str(folder / FOLDER),
        "s3_endpoint": addresses["s3"],
        "s3_bucket": BUCKET,
        "index_url": addresses["postgres"],
        "username": postgres.USER,
    }
