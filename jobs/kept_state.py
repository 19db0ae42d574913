"""Where a job left its state and positions, and from where the next one goes on."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

from config.settings import Settings
from rules.errors import EXIT_USAGE, MingjianError

LATEST = "latest"


def uri(path: str) -> str:
    """A folder as Flink reads it: it takes the %E6 of `Path.as_uri` literally."""
    return path if "://" in path else f"file://{Path(path).resolve()}"


def state_folder(settings: Settings) -> str:
    """The tenant's own folder in `flink.checkpoint_dir`: of another tenant's state neither the
    windows nor the positions may be taken for ours. "" where there is no such setting."""
    if not settings.flink.checkpoint_dir:
        return ""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", settings.tenant)[:40]
    digest = hashlib.sha256(settings.tenant.encode()).hexdigest()[:8]
    return f"{settings.flink.checkpoint_dir.rstrip('/')}/{readable}-{digest}"


def savepoint_folder(settings: Settings) -> str:
    """Where savepoints go, as a URI: beside the checkpoints.

    Raises:
        MingjianError: nobody has said where checkpoints are kept.
    """
    if not settings.flink.checkpoint_dir:
        raise MingjianError(
            "a savepoint needs a place: flink.checkpoint_dir is empty",
            "保存点需要存放位置：flink.checkpoint_dir 为空",
            fix_en="set flink.checkpoint_dir to a folder that all parts of the cluster see",
            fix_zh="请把 flink.checkpoint_dir 设为集群各部分都能访问的目录",
            exit_code=EXIT_USAGE,
        )
    return f"{uri(state_folder(settings))}/savepoints"


def restore_from(settings: Settings) -> str:
    """The checkpoint or savepoint (a URI) that the job is to go on from; "" begins anew.

    Raises:
        MingjianError: there is none there.
    """
    wanted = settings.flink.restore
    if not wanted:
        return ""
    if wanted == LATEST:
        return uri(str(_newest(settings)))
    local = wanted.removeprefix("file://").removeprefix("file:")  # Flink writes file:/…
    if "://" not in local and not (Path(local) / "_metadata").is_file():
        raise MingjianError(
            f"no checkpoint or savepoint in {wanted}",
            f"{wanted} 不是检查点或保存点",
            fix_en="name the folder that holds '_metadata', or write 'latest'",
            fix_zh="请写包含 _metadata 的目录，或写 latest",
            exit_code=EXIT_USAGE,
        )
    return uri(local)


def _newest(settings: Settings) -> Path:
    folder = state_folder(settings).removeprefix("file://")
    if not folder or "://" in folder:
        raise MingjianError(
            "'latest' is looked for in a folder of this machine, and flink.checkpoint_dir is none",
            "latest 只能在本机目录中查找，而 flink.checkpoint_dir 不是",
            fix_en="name the checkpoint or savepoint itself",
            fix_zh="请直接写检查点或保存点的路径",
            exit_code=EXIT_USAGE,
        )
    found = checkpoints(settings)
    if not found:
        raise MingjianError(
            f"no checkpoint or savepoint below {folder}",
            f"{folder} 下没有检查点或保存点",
            fix_en="leave --from out to begin anew",
            fix_zh="去掉 --from 可从头开始",
            exit_code=EXIT_USAGE,
        )
    return found[0]


def checkpoints(settings: Settings) -> list[Path]:
    """The tenant's checkpoints and savepoints, the newest first; none where `flink.checkpoint_dir`
    is no folder of this machine."""
    folder = state_folder(settings).removeprefix("file://")
    if not folder or "://" in folder:
        return []
    root = Path(folder).resolve()  # as Flink names what it began from
    found = [*root.glob("*/chk-*/_metadata"), *root.glob("savepoints/*/_metadata")]
    written: list[tuple[int, Path]] = []
    for file in found:
        with contextlib.suppress(OSError):  # Flink removes the old ones meanwhile
            written.append((file.stat().st_mtime_ns, file.parent))
    return [place for _, place in sorted(written, reverse=True)]
