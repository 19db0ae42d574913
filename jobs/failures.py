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
