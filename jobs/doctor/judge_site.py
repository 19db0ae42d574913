"""Judgements of what is on this machine. Pure: what was seen in, findings out."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.doctor.findings import FAIL, NONE, OK, WARN, Finding, span_en, span_zh
from jobs.doctor.observed import Clock, Disk, Keys, Rules

_GIB = 1024**3
# of all, and in bytes; both have to be less
_LITTLE, _TOO_LITTLE = (0.10, 10 * _GIB), (0.05, _GIB // 2)
_SHIFT_MS, _BIG_SHIFT_MS = 2_000, 60_000
_OTHERS = 0o077


def keys(seen: Keys) -> list[Finding]:
    """The evidence key is there, can be read, and by its owner alone."""
    if not seen.there:
        return [
            Finding(
                "keys",
                FAIL,
                f"no evidence key in {seen.folder}",
                f"{seen.folder} 中没有证据密钥",
                "restore it from its backup; a new one is made by `mingjian detect`, and opens"
                " nothing that was sealed before",
                "请从备份恢复；`mingjian detect` 会新建一把，但打不开以前封存的内容",
            )
        ]
    found = []
    for file in seen.files:
        if file.problem is not None:
            found.append(Finding("keys", FAIL, *file.problem))
        elif file.mode & _OTHERS:
            found.append(
                Finding(
                    "keys",
                    FAIL,
                    f"{file.name} can be read by others (mode {file.mode:04o})",
                    f"{file.name} 可被其他用户读取（权限 {file.mode:04o}）",
                    f"chmod 600 {seen.folder}/{file.name}",
                    f"chmod 600 {seen.folder}/{file.name}",
                )
            )
    count = len(seen.files)
    words = f"{count} file{'s' if count > 1 else ''}, for their owner alone"
    return found or [Finding("keys", OK, words, f"{count} 个文件，仅所有者可读")]


def rules(seen: Rules, now: int) -> list[Finding]:
    """They load; what was published last; and every task of the job has it."""
    if seen.problem is not None:
        en, zh = seen.problem
        return [
            Finding(
                "rules",
                FAIL,
                f"they do not load: {en}",
                f"无法加载：{zh}",
                "see `mingjian rules check`",
                "见 `mingjian rules check`",
            )
        ]
    en = f"{seen.rules} judge, {seen.waiting} wait for a feed; digest {seen.digest[:12]}"
    zh = f"{seen.rules} 条在判定，{seen.waiting} 条等待数据源；摘要 {seen.digest[:12]}"
    past = [one for one in seen.published if one <= now]
    if past:
        en += f"; published {span_en(now - max(past))} ago"
        zh += f"；{span_zh(now - max(past))}前发布"
    if len(set(seen.tasks)) > 1:
        return [
            Finding(
                "rules",
                FAIL,
                "tasks of the job judge by different rules",
                "作业的各任务使用的规则不一致",
                "wait a minute; if it stays so, restart the job",
                "请等一分钟；若仍如此，请重启作业",
            )
        ]
    return [Finding("rules", OK, en, zh)]


def disks(seen: Sequence[Disk]) -> list[Finding]:
    """A line for each file system."""
    found = []
    for disk in seen:
        share = disk.free / disk.total if disk.total else 0.0
        en = f"{disk.what}: {_size(disk.free)} free of {_size(disk.total)}"
        zh = f"{disk.what}：剩余 {_size(disk.free)}，共 {_size(disk.total)}"
        state = OK
        for limit, word in ((_LITTLE, WARN), (_TOO_LITTLE, FAIL)):
            if share < limit[0] and disk.free < limit[1]:
                state = word
        fix = (
            "make room: nothing is lost while it is full, but nothing goes on either",
            "请腾出空间：磁盘满时不会丢失，但也无法继续",
        )
        found.append(Finding("disk", state, en, zh, *(fix if state != OK else ("", ""))))
    return found


def clocks(seen: Sequence[Clock]) -> list[Finding]:
    """How far servers' clocks are from ours; one line for those that agree."""
    if not seen:
        return [Finding("clock", NONE, "no server that tells its time", "没有可比对时间的服务器")]
    found = []
    for one in seen:
        off = max(0.0, abs(one.ahead) - one.doubt)
        if off < _SHIFT_MS:
            continue
        side = ("ahead", "快") if one.ahead > 0 else ("behind", "慢")
        found.append(
            Finding(
                "clock",
                FAIL if off >= _BIG_SHIFT_MS else WARN,
                f"{one.server} is {span_en(off)} {side[0]} of this machine",
                f"{one.server} 比本机{side[1]} {span_zh(off)}",
                "set both by NTP: times decide windows and deadlines",
                "请用 NTP 校准两边：窗口与期限都取决于时间",
            )
        )
    names = ", ".join(one.server for one in seen)
    words = f"agrees with {names} within 2 s"
    return found or [Finding("clock", OK, words, f"与 {names} 相差不到 2 秒")]


def _size(count: int) -> str:
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # noqa: B007 - used after the loop
        if size < 1024:  # noqa: PLR2004
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size >= 10 else f"{size:.1f} {unit}"  # noqa: PLR2004
