"""What a person is told when the cluster is not there, or the job has failed."""

from __future__ import annotations

from config.settings import Settings
from jobs import ends
from rules.errors import MingjianError


def no_cluster(url: str) -> MingjianError:
    """Nobody answers at `flink.rest_url`."""
    return MingjianError(
        f"no Flink cluster answers at {url}",
        f"{url} 没有 Flink 集群应答",
        fix_en="start it (`make stack`), or correct flink.rest_url",
        fix_zh="请启动它（`make stack`），或更正 flink.rest_url",
    )


def runs_already(settings: Settings, job_id: str) -> MingjianError:
    """One job a tenant."""
    return MingjianError(
        f"a detection job of tenant '{settings.tenant}' is running there: {job_id}",
        f"租户“{settings.tenant}”的检测作业已在运行：{job_id}",
        fix_en="end it first: mingjian detect --profile cluster --stop",
        fix_zh="请先停止它：mingjian detect --profile cluster --stop",
    )


def too_few_slots(url: str, free: int, needed: int) -> MingjianError:
    """Flink would wait for more without a word."""
    return MingjianError(
        f"the Flink cluster at {url} has {free} free slots, the job needs {needed}",
        f"{url} 的 Flink 集群有 {free} 个空闲槽位，作业需要 {needed} 个",
        fix_en="end other jobs, add TaskManagers, or lower flink.parallelism",
        fix_zh="请停止其他作业、增加 TaskManager，或调低 flink.parallelism",
    )


def job_gone(settings: Settings, job_id: str) -> MingjianError:
    """Flink took the job, and does not know it any more."""
    return MingjianError(
        f"Flink at {settings.flink.rest_url} tells nothing of job {job_id}, which it took",
        f"Flink（{settings.flink.rest_url}）接受了作业 {job_id}，但已查不到它",
        fix_en="its JobManager may have died: see its log, and start the job again",
        fix_zh="JobManager 可能已中断：请查看其日志，并重新启动作业",
    )


def failed(error: BaseException | None, cause: str, settings: Settings) -> MingjianError:
    """The root cause of a failure: what Flink says of it (`cause`), else what Java threw."""
    if settings.source.kind == "files" and (damaged := ends.damaged_files(settings.source.path)):
        names = ", ".join(map(str, damaged))
        return MingjianError(
            f"cannot be unpacked to its end: {names}",
            f"无法完整解压：{names}",
            fix_en="fetch the file again, or move it away; then run detect again",
            fix_zh="请重新获取该文件或将其移走，然后重新运行 detect",
        )
    if not cause and error is not None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        causes = [line for line in lines if line.startswith("Caused by:")]
        cause = (causes or lines or ["unknown"])[-1].removeprefix("Caused by: ")
    return MingjianError(
        f"the detection job failed: {cause}",
        f"检测作业失败：{cause}",
        fix_en=f"the whole story is in {settings.data_dir}/log",
        fix_zh=f"详细日志在 {settings.data_dir}/log",
    )
