"""The detection job: source -> match -> filter -> key_by -> behave -> four outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from config.checks import writable
from config.settings import Settings
from jobs import ends, progress
from jobs.failures import failed, job_gone, no_cluster, runs_already, too_few_slots
from jobs.flink import Environment, environment, java_beside, keyed_rows, side_output
from jobs.kept_state import savepoint_folder
from jobs.progress import FINAL, JobMonitor, Snapshot
from jobs.registry import begin, pin, registry_of
from jobs.servers.jars import connector_jar
from jobs.servers.process import take_port
from rules.errors import EXIT_USAGE, MingjianError
from sinks.sealing import Sealer
from udfs.ahead import keep_compiled
from udfs.live_rules import LiveRules
from udfs.spec import JobSpec

if TYPE_CHECKING:
    from jobs.beginning import Beginning

JOB_NAME = "mingjian-detect"
_POLL_SECONDS = 0.5
_SLOTS_SECONDS = 20
# a job that is left alone is said to run when it has counted, or has run so long without a failure:
# the workers of a topic in which nothing stands count nothing
_SILENT_SECONDS = 10
_GONE_SECONDS = 60  # a job of which Flink has told nothing for so long is not there any more


@dataclass
class Report:
    """How a run went. Seconds are wall time; `run_seconds` starts when the tasks are running.
    The counts of `last` are `exact` when Flink was embedded; a cluster's are those of the last
    look, and may be short of what was judged after it."""

    job_id: str
    state: str
    start_seconds: float = 0.0
    run_seconds: float = 0.0
    samples: list[tuple[float, int]] = field(default_factory=list)  # (seconds, records judged)
    last: Snapshot = field(default_factory=lambda: Snapshot("UNKNOWN"))
    exact: bool = False
    beginning: Beginning | None = None  # where it began without its state

    @property
    def rate(self) -> float:
        """Records a second between the first and the last look that showed progress; the start
        of the workers is left out. 0 when the run was too short to tell."""
        if len(self.samples) < 2:  # noqa: PLR2004
            return 0.0
        (first, before), (last, after) = self.samples[0], self.samples[-1]
        return (after - before) / (last - first)


def job_spec(settings: Settings) -> tuple[JobSpec, LiveRules]:
    """What the Python stages are given, and the rules, so that a broken rule is told here.

    Raises:
        MingjianError: no rules, a broken rule, no usable evidence key, or a registry that cannot
            be written or read.
    """
    settings = pin(settings)
    spec = JobSpec(
        tenant=settings.tenant,
        rules=settings.rules.path,
        registry=str(registry_of(settings)),
        feeds=settings.rules.feeds,
        key_bytes=settings.limits.key_bytes,
        record_bytes=settings.limits.record_bytes,
        keep_bytes=settings.limits.quarantine_keep_bytes,
        assume_received_at=int(time.time() * 1000),
        seal=Sealer.from_dir(settings.keys_dir).seal,
    )
    timeline = LiveRules(spec.rules, spec.registry, spec.feeds)
    return replace(spec, levels=timeline.depth), timeline


def build(
    env: Environment,
    settings: Settings,
    spec: JobSpec,
    part: ends.Part | None = None,
    begins: Mapping[int, int] | None = None,
) -> None:
    """Put the job together in `env`; nothing runs yet. Each level of correlations that read each
    other is a keyed stage. `part`, `begins`: see `ends.source_ddl`."""
    from pyflink.common import Types  # noqa: PLC0415

    from udfs.behave import SIDE_OUTPUTS, UP, Behave  # noqa: PLC0415
    from udfs.match import match_records  # noqa: PLC0415

    topic = f"kafka:{settings.source.topic}" if settings.source.kind == "kafka" else ""
    env.tables.execute_sql(ends.source_ddl(settings, part, begins))
    env.tables.create_temporary_function("match_records", match_records(spec, topic))
    items = env.tables.to_data_stream(env.tables.sql_query(ends.select_items(settings)))
    streams: dict[str, Any] = {}
    below = items
    for level in range(1, spec.levels + 1):
        name = "behave" if level == 1 else f"behave-{level}"
        alerts = (
            keyed_rows(below)
            .process(Behave(spec, level), output_type=Types.STRING())
            .name(name)
            .uid(f"{name}-buckets")
        )
        sides = {side: side_output(alerts, tag) for side, tag in SIDE_OUTPUTS.items()}
        for side, stream in {"alerts": alerts, **sides}.items():
            streams[side] = streams[side].union(stream) if side in streams else stream
        below = side_output(alerts, UP)
    for name, stream in streams.items():
        stream.sink_to(ends.sink_for(settings, name)).name(f"to-{name}").uid(f"to-{name}")


def run(
    settings: Settings,
    *,
    on_progress: Callable[[Snapshot, float], None] = lambda _snapshot, _seconds: None,
    detached: bool = False,
    interrupted: threading.Event | None = None,
    part: ends.Part | None = None,
    on_beginning: Callable[[Beginning], None] = lambda _: None,
) -> Report:
    """Build the job, submit it and watch it until it ends (or, `detached`, until it runs).

    Args:
        interrupted: when it is set, watching ends with KeyboardInterrupt between two looks. An
            interrupt in the middle of a call to Java would leave the bridge half way.
        part: judge only this part of the source.
        on_beginning: told where reading begins when there is no state to go on from, though
            messages were judged before.

    Raises:
        MingjianError: anything missing, or the job failed; says the root cause.
    """
    begun = time.monotonic()
    check_ends(settings)
    with ThreadPoolExecutor(1) as beside:  # the workers find the patterns compiled
        env, spec, started = _put_together(settings, part, on_beginning, beside)
        embedded_counts = progress.embedded_counts(settings)
        client = _submitted(env, settings, spec if part is None else None)
    job_id = str(client.get_job_id())
    monitor = JobMonitor(env.rest_url, job_id)
    failure: list[BaseException] = []
    done = threading.Event()
    if not detached:
        _await_in_background(client, failure, done)
    exact = not settings.flink.rest_url
    report = Report(job_id, "CREATED", exact=exact, beginning=started)
    running_since = 0.0
    told_at = time.monotonic()
    while True:
        ended = done.wait(_POLL_SECONDS)
        if interrupted is not None and interrupted.is_set():
            raise KeyboardInterrupt
        seen = embedded_counts(monitor.look())
        if seen is None and detached and time.monotonic() - told_at > _GONE_SECONDS:
            raise job_gone(settings, job_id)
        if seen is not None:
            told_at = time.monotonic()
            if seen.state == "RUNNING" and not running_since:
                running_since = time.monotonic()
                report.start_seconds = running_since - begun
            report.state = seen.state
            if seen.records > report.last.records:
                report.samples.append((time.monotonic() - begun, seen.records))
            if seen.records >= report.last.records:
                report.last = seen.not_before(report.last)
            on_progress(seen, time.monotonic() - (running_since or time.monotonic()))
            silent = time.monotonic() - (running_since or time.monotonic()) > _SILENT_SECONDS
            works = seen.state == "RUNNING" and (seen.counters or silent)
            if seen.state == "FAILED" or (detached and works):
                break
        if ended or (seen is not None and seen.state in FINAL):
            break
    report.last = embedded_counts(report.last) or report.last
    report.run_seconds = time.monotonic() - running_since if running_since else 0.0
    if failure or report.state == "FAILED":
        raise failed(failure[0] if failure else None, monitor.problem(), settings)
    if not detached:
        report.state = "FINISHED"
        report.last = replace(report.last, state=report.state)
        on_progress(report.last, report.run_seconds)
    return report


def _put_together(
    settings: Settings,
    part: ends.Part | None,
    on_beginning: Callable[[Beginning], None],
    beside: Executor,
) -> tuple[Environment, JobSpec, Beginning | None]:
    with java_beside(settings):
        spec, timeline = job_spec(settings)
        started = None
        if part is None and settings.source.kind == "kafka" and settings.source.follow:
            from jobs.beginning import beginning, certain_from  # noqa: PLC0415 - slow to load

            started = beginning(settings, timeline)
            if started is not None:
                on_beginning(started)
            spec = replace(spec, certain_from=certain_from(settings, started))
    kafka = "kafka" in (settings.source.kind, settings.outputs.kind)
    beside.submit(keep_compiled, timeline)
    env = environment(settings, jars=(connector_jar(),) if kafka else ())
    build(env, settings, spec, part, started.offsets if started else None)
    return env, spec, started


def _submitted(env: Environment, settings: Settings, begun: JobSpec | None) -> Any:
    """The job's client. What the cluster answers a submission with is told in a line. `begun`: what
    the tenant's job begins with; None where it is another one."""
    from py4j.protocol import Py4JError  # noqa: PLC0415

    try:
        client = env.stream.execute_async(job_name(settings))
    except Py4JError as error:
        raise failed(error, "", settings) from error
    if begun is not None:
        begin(settings, begun)
    return client


def check_ends(settings: Settings) -> None:
    """Tell at once about what would make the job fail or wait for ever.

    Raises:
        MingjianError: no messages, no broker, no Flink cluster.
    """
    if settings.source.kind == "files":
        ends.source_files(settings.source.path, may_be_empty=settings.source.follow)
    writable(settings.data_dir, "data_dir")
    writable(settings.keys_dir, "keys_dir", 0o700)
    if settings.outputs.kind == "files":
        writable(settings.outputs.path, "outputs.path")
    if settings.flink.restore and settings.source.kind == "kafka" and not settings.source.follow:
        # Flink keeps with a partition where its reading ends, and that was nowhere
        raise MingjianError(
            "a job that goes on from a savepoint does not end by itself: source.follow is false",
            "从保存点继续的作业不会自行结束，而 source.follow 是 false",
            fix_en="set source.follow=true, or leave --from out",
            fix_zh="请设置 source.follow=true，或去掉 --from",
            exit_code=EXIT_USAGE,
        )
    if settings.flink.rest_port and not settings.flink.rest_url:
        take_port(settings.flink.rest_port, "flink.rest_port")
    if "kafka" in (settings.source.kind, settings.outputs.kind):
        from jobs.topics import ensure_topics  # noqa: PLC0415

        ensure_topics(settings)
    if settings.flink.rest_url:
        _check_cluster(settings)


def _check_cluster(settings: Settings) -> None:
    """One job a tenant, and slots for it; else Flink would try again for ever without a word."""
    url, needed = settings.flink.rest_url, settings.flink.parallelism
    try:
        others = progress.running(url, job_name(settings))
        free, until = progress.free_slots(url), time.monotonic() + _SLOTS_SECONDS
        while not others and free < needed and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)  # TaskManagers may be on their way
            free = progress.free_slots(url)
    except (OSError, ValueError, KeyError):
        raise no_cluster(url) from None
    if others:
        raise runs_already(settings, others[0])
    if free < needed:
        raise too_few_slots(url, free, needed)


def stop(settings: Settings, *, savepoint: bool = False) -> dict[str, str]:
    """End every detection job of this tenant on the cluster, and wait until they have ended.

    Args:
        savepoint: keep state and positions in a savepoint, from which any parallelism goes on.

    Returns:
        Their ids, each with the address of its savepoint, "" without.

    Raises:
        MingjianError: no cluster configured, or it does not answer.
    """
    if not settings.flink.rest_url:
        raise MingjianError(
            "nothing to stop: an embedded job ends with its own command",
            "无需停止：嵌入式作业随其命令一起结束",
            fix_en="for a cluster: mingjian detect --profile cluster --stop",
            fix_zh="集群作业请用：mingjian detect --profile cluster --stop",
            exit_code=EXIT_USAGE,
        )
    url, name = settings.flink.rest_url, job_name(settings)
    folder = savepoint_folder(settings) if savepoint else ""
    ended: dict[str, str] = {}
    try:
        for job_id in progress.running(url, name):
            if savepoint:
                ended[job_id] = _saved(url, job_id, folder)
            else:
                progress.cancel(url, job_id)
                ended[job_id] = ""
        while ended.keys() & set(progress.running(url, name)):
            time.sleep(_POLL_SECONDS)
    except OSError:
        raise no_cluster(url) from None
    return ended


def _saved(url: str, job_id: str, folder: str) -> str:
    try:
        return progress.stop_with_savepoint(url, job_id, folder)
    except OSError as error:
        raise MingjianError(
            f"job {job_id} could not be saved and runs on: {error}",
            f"作业 {job_id} 未能保存，仍在运行：{error}",
            fix_en="look at the job in Flink's page; without --savepoint the last checkpoint stays",
            fix_zh="请在 Flink 页面查看该作业；不带 --savepoint 停止时保留最近的检查点",
        ) from None


def job_name(settings: Settings) -> str:
    """What the job is called in Flink: every tenant has one of its own."""
    return f"{JOB_NAME}-{settings.tenant}"


def _await_in_background(client: Any, failure: list[BaseException], done: threading.Event) -> None:
    def wait() -> None:
        try:
            client.get_job_execution_result().result()
        except BaseException as error:  # handed to the main thread, which reports it
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=wait, daemon=True, name="job-result").start()
