"""Judgements of the source and the job. Pure."""

from __future__ import annotations

from config.settings import Limits
from jobs.doctor.findings import FAIL, NONE, OK, UNKNOWN, WARN, Finding, span_en, span_zh
from jobs.doctor.observed import Files, Job, Progress, Topic
from jobs.health import troubles

_AHEAD = "message.timestamp.after.max.ms"
_DAY_MS = 24 * 3_600_000
_SHORT_MS = 7 * _DAY_MS  # kept for less than this, a long fault may outlast it
_FAILED, _RESTARTS = 3, 3
_STALE_MS, _OLD_MS = 60_000, 600_000
_BEHIND_MS, _FAR_MS = 60_000, 600_000


def files(seen: Files, now: int) -> list[Finding]:
    """A folder of messages."""
    if not seen.there:
        return [
            Finding(
                "source",
                FAIL,
                f"there is no folder {seen.folder}",
                f"没有目录 {seen.folder}",
                "correct source.path, or start a collector",
                "请更正 source.path，或启动采集",
            )
        ]
    if not seen.files:
        return [
            Finding("source", WARN, f"no messages in {seen.folder}", f"{seen.folder} 中没有消息")
        ]
    age = now - seen.newest
    return [
        Finding(
            "source",
            OK,
            f"{seen.files:,} files, the newest written {span_en(age)} ago",
            f"{seen.files:,} 个文件，最新的写于 {span_zh(age)}前",
        )
    ]


def topic(seen: Topic, now: int) -> list[Finding]:
    """The topic is there, and set so that nothing in it is refused or removed too early."""
    if not seen.partitions:
        return [
            Finding(
                "source",
                FAIL,
                f"Kafka has no topic '{seen.name}'",
                f"Kafka 上没有主题“{seen.name}”",
                "start the job or a collector, which make it",
                "请启动作业或采集，它们会创建",
            )
        ]
    found = []
    ahead = int(seen.settings.get(_AHEAD, 0) or 0)
    if _AHEAD in seen.settings and ahead < _DAY_MS:
        found.append(
            Finding(
                "source",
                WARN,
                f"'{seen.name}' refuses records dated more than {span_en(ahead)} ahead, with their"
                " whole batch",
                f"主题“{seen.name}”会整批拒绝时间超前 {span_zh(ahead)}以上的记录",
                f"set {_AHEAD} to 9223372036854775807",
                f"请把 {_AHEAD} 设为 9223372036854775807",
            )
        )
    kept = int(seen.settings.get("retention.ms", -1) or -1)
    if 0 <= kept < _SHORT_MS:
        found.append(
            Finding(
                "source",
                WARN,
                f"'{seen.name}' keeps records for {span_en(kept)} after their event time: what"
                " waits for longer is gone",
                f"主题“{seen.name}”只保留事件时间后 {span_zh(kept)}：等得更久的会丢失",
                "set retention.ms to a week or more, or -1",
                "请把 retention.ms 设为一周以上，或 -1",
            )
        )
    if "compact" in seen.settings.get("cleanup.policy", ""):
        found.append(
            Finding(
                "source",
                FAIL,
                f"'{seen.name}' is compacted: of messages with one key only the last stays",
                f"主题“{seen.name}”启用了压实：同键消息只留最后一条",
                "set cleanup.policy to delete",
                "请把 cleanup.policy 设为 delete",
            )
        )
    age = (
        f", newest message {span_en(now - seen.newest)} old",
        f"，最新消息在 {span_zh(now - seen.newest)}前",
    )
    en, zh = age if seen.newest else ("", "")
    fine = Finding(
        "source",
        OK,
        f"topic '{seen.name}': {seen.partitions} partitions, {seen.records:,} records{en}",
        f"主题“{seen.name}”：{seen.partitions} 个分区，{seen.records:,} 条{zh}",
    )
    return [*found, fine] if found else [fine]


def job(seen: Job | None, now: int) -> list[Finding]:
    """It runs, whole and alone, and its state is kept. None: embedded, no job of its own."""
    if seen is None:
        words = "embedded: it runs within `mingjian detect`"
        return [Finding("job", NONE, words, "嵌入式：随 `mingjian detect` 运行")]
    if not seen.jobs:
        return [
            Finding(
                "job",
                FAIL,
                "no detection job of this tenant runs",
                "没有本租户的检测作业在运行",
                "mingjian detect --keep --from latest",
                "mingjian detect --keep --from latest",
            )
        ]
    found = []
    if len(seen.jobs) > 1:
        found.append(
            Finding(
                "job",
                FAIL,
                f"{len(seen.jobs)} jobs run for one tenant",
                f"同一租户有 {len(seen.jobs)} 个作业",
                "end all but one",
                "请只保留一个",
            )
        )
    if seen.state != "RUNNING" or seen.running < seen.tasks:
        because = f": {seen.problem}" if seen.problem else ""
        found.append(
            Finding(
                "job",
                FAIL,
                f"{seen.state.lower()}, {seen.running} of {seen.tasks} tasks run{because}",
                f"状态 {seen.state}，{seen.tasks} 个任务中 {seen.running} 个在运行{because}",
                *_look_at(seen),
            )
        )
    found += _checkpoints(seen, now)
    if seen.restarts >= _RESTARTS:
        because = f"; the last time: {seen.problem}" if seen.problem else ""
        found.append(
            Finding(
                "job",
                WARN,
                f"restarted {seen.restarts} times in {span_en(now - seen.since)}{because}",
                f"{span_zh(now - seen.since)}内重启 {seen.restarts} 次{because}",
                "nothing is lost by it; look for the cause in Flink's page",
                "不会因此丢失；请在 Flink 页面查找原因",
            )
        )
    if found:
        return found
    kept = f", checkpoint {span_en(now - seen.checkpoint)} ago" if seen.checkpoint else ""
    kept_zh = f"，{span_zh(now - seen.checkpoint)}前有检查点" if seen.checkpoint else ""
    return [
        Finding(
            "job",
            OK,
            f"runs for {span_en(now - seen.since)}, {seen.tasks} tasks,"
            f" {seen.restarts} restarts{kept}",
            f"已运行 {span_zh(now - seen.since)}，{seen.tasks} 个任务，"
            f"重启 {seen.restarts} 次{kept_zh}",
        )
    ]


def _look_at(seen: Job) -> tuple[str, str]:
    """Where to look, and whether there are slots enough."""
    page = f" {seen.page}" if seen.page else ""
    en, zh = f"look at the job in Flink's page{page}", f"请在 Flink 页面{page} 查看作业"
    if seen.slots is None:
        return f"{en}; are there slots enough?", f"{zh}；槽位是否足够？"
    need, total, free = seen.slots
    en = f"{en}; it needs {need} slots, and the cluster has {total} ({free} free)"
    zh = f"{zh}；需要 {need} 个槽位，集群共有 {total} 个（空闲 {free} 个）"
    if total < need:
        en += ": add task managers, or set flink.parallelism lower"
        zh += "：请增加 TaskManager，或调低 flink.parallelism"
    return en, zh


def _checkpoints(seen: Job, now: int) -> list[Finding]:
    fix = (
        "look at Checkpoints in Flink's page, and at the disk of flink.checkpoint_dir",
        "请查看 Flink 页面的 Checkpoints，以及 flink.checkpoint_dir 的磁盘",
    )
    if seen.failed >= _FAILED:
        return [
            Finding(
                "job",
                FAIL,
                f"{seen.failed} checkpoints in a row failed",
                f"连续 {seen.failed} 个检查点失败",
                *fix,
            )
        ]
    age = now - (seen.checkpoint or seen.since)
    stale = max(_STALE_MS, 5 * seen.interval)
    if age > stale:
        state = FAIL if age > max(_OLD_MS, 10 * seen.interval) else WARN
        return [
            Finding(
                "job",
                state,
                f"no checkpoint for {span_en(age)}: a restart has that much to read again",
                f"{span_zh(age)}没有检查点：重启后要重读这么多",
                *fix,
            )
        ]
    return []


def _late(seen: Progress) -> Finding:
    """What came too late: how much of it would have alerted, and of how much nobody can tell."""
    counters = seen.job.counters if seen.job else {}
    late, fired = counters.get("late", 0), counters.get("late_would_have_fired", 0)
    en, zh = f"{fired:,} would have alerted", f"{fired:,} 次本会告警"
    if seen.unknown is None:
        en, zh = f"{en}, the others were not asked about", f"{zh}，其余未能查询"
    else:
        told, more = seen.unknown
        count = min(told, max(0, late - fired))  # the index may hold those of an earlier job
        least = ("at least ", "至少 ") if more and count == told else ("", "")
        en = f"{en}; of {least[0]}{count:,} it cannot be told"
        zh = f"{zh}；{least[1]}{count:,} 次无从判断"
    return Finding(
        "progress",
        WARN,
        f"{late:,} times a message came too late to be judged in order: {en}",
        f"有 {late:,} 次消息到得太晚，无法按时间顺序判定：{zh}",
        "mingjian alerts late; is flink.allowed_lateness_ms too short, or is this a past day that"
        " is read with source.follow?",
        "mingjian alerts late；请检查 flink.allowed_lateness_ms 是否太短，"
        "或是否正以 source.follow 读过去的数据",
    )


def progress(seen: Progress, limits: Limits, lateness: int) -> list[Finding]:
    """How far judging is behind the newest message, and what the counts say.

    Args:
        lateness: ms by which the watermark stays behind on purpose.
    """
    if seen.job is None:
        return [
            Finding(
                "progress", NONE, "embedded: see `mingjian detect`", "嵌入式：见 `mingjian detect`"
            )
        ]
    if not seen.job.jobs:
        return [Finding("progress", UNKNOWN, "no job runs", "没有作业在运行")]
    found = [
        _late(seen) if one.kind == "late" else Finding("progress", WARN, one.en, one.zh)
        for one in troubles(seen.job.counters, limits)
    ]
    if not seen.newest:
        return found or [Finding("progress", OK, "no messages yet", "还没有消息")]
    if not seen.job.watermark:
        state = WARN if seen.left == 0 else UNKNOWN
        return [
            *found,
            Finding("progress", state, "the job tells no event time yet", "作业尚未报告事件时间"),
        ]
    behind = max(0, seen.newest - lateness - seen.job.watermark)
    left = "" if seen.left is None else f", {seen.left:,} records not in a checkpoint yet"
    left_zh = "" if seen.left is None else f"，{seen.left:,} 条尚未进入检查点"
    if behind <= _BEHIND_MS:
        fine = Finding(
            "progress",
            OK,
            f"{span_en(behind)} behind the newest message{left}",
            f"落后最新消息 {span_zh(behind)}{left_zh}",
        )
        return [*found, fine]
    return [
        *found,
        Finding(
            "progress",
            FAIL if behind > _FAR_MS else WARN,
            f"{span_en(behind)} behind the newest message{left}",
            f"落后最新消息 {span_zh(behind)}{left_zh}",
            "a burst catches up; else more slots, or a partition that is silent"
            " (flink.idle_timeout_ms, mingjian heartbeat)",
            "突发流量会自行追上；否则需要更多槽位，"
            "或有分区没有消息（flink.idle_timeout_ms、mingjian heartbeat）",
        ),
    ]
