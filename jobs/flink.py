"""A Flink environment as the product wants it: Java found, paths set, options from Settings."""

from __future__ import annotations

import atexit
import os
import shutil
import site
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from config.java import java_home
from config.settings import Settings
from jobs.java_bridge import gateway
from jobs.kept_state import restore_from, state_folder, uri
from jobs.servers.process import PYFLINK_MARKS, free_port
from rules.errors import MingjianError

if TYPE_CHECKING:
    from pyflink.datastream import DataStream, KeyedStream, OutputTag

ROOT = Path(__file__).resolve().parent.parent
MAX_PARALLELISM = 128  # Flink divides keyed state into so many parts, for good


@dataclass(frozen=True)
class Environment:
    """The two faces of one Flink environment, and where its REST interface answers."""

    stream: Any
    tables: Any
    rest_url: str


def python_path() -> str:
    """PYTHONPATH of everything that runs our functions: the project, then the environment.

    Thread mode embeds Python in the JVM, which does not read the `.pth` file of an editable
    install, so the project's own root has to be named.
    """
    return os.pathsep.join([str(ROOT), *site.getsitepackages()])


def prepare_process(settings: Settings) -> None:
    """Set what PyFlink reads from the environment. Must run before pyflink starts its gateway."""
    for mark in PYFLINK_MARKS:
        os.environ.pop(mark, None)
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ["PYTHONPATH"] = python_path()
    logs = Path(settings.data_dir) / "log"
    logs.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("FLINK_LOG_DIR", str(logs.resolve()))
    options, temporary = (
        f"-Xms128m -Xmx{settings.flink.heap_mb}m -XX:+UseSerialGC",
        scratch(settings),
    )
    if settings.flink.rest_url:  # it plans and submits, and is gone before it could be optimised
        options += " -XX:TieredStopAtLevel=1"
    if " " not in str(temporary):  # Flink's script splits the options at every blank
        options += f" -Djava.io.tmpdir={temporary}"
    os.environ.setdefault("JVM_ARGS", options)


@contextmanager
def java_beside(settings: Settings) -> Iterator[None]:
    """Java starts while the caller does something else; `environment` waits for it, and tells what
    went wrong. Left by an error, it is waited for all the same: what it has made is tidied up."""
    try:
        prepare_process(settings)
    except MingjianError:  # the caller's own errors come first; `environment` says this one again
        yield
        return
    with ThreadPoolExecutor(1) as beside:
        beside.submit(gateway)
        yield


def _quiet_hang_up() -> None:
    """Let a worker thread that is cut off at the end of a job end without a traceback.

    In the mini-cluster Python functions run in threads of this process; when the job is over the
    JVM closes their channel, and Beam's reader reports that as an uncaught error. Every other
    error in a thread is shown as before.
    """
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if "Multiplexer hanging up" not in str(args.exc_value):
            before(args)

    threading.excepthook = hook


def environment(settings: Settings, *, jars: tuple[Path, ...] = ()) -> Environment:
    """A stream and a table environment, on the cluster of `rest_url` or in this process.

    Raises:
        MingjianError: no Java.
    """
    prepare_process(settings)
    from pyflink.common import Configuration  # noqa: PLC0415
    from pyflink.datastream import StreamExecutionEnvironment  # noqa: PLC0415
    from pyflink.table import StreamTableEnvironment  # noqa: PLC0415

    _quiet_hang_up()
    java = gateway().jvm
    options, rest_url = flink_options(settings, jars)
    configuration = Configuration()
    for key, value in options.items():
        configuration.set_string(key, value)
    if settings.flink.rest_url:
        # get_execution_environment() would start a mini-cluster whatever execution.target says
        made = java.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment(
            configuration._j_configuration  # noqa: SLF001
        )
        stream = StreamExecutionEnvironment(made)
    else:
        stream = StreamExecutionEnvironment.get_execution_environment(configuration)
    stream.set_parallelism(settings.flink.parallelism)
    stream.set_max_parallelism(MAX_PARALLELISM)
    return Environment(stream, StreamTableEnvironment.create(stream), rest_url)


def keyed_rows(rows: DataStream) -> KeyedStream:
    """A stream of rows (bucket, text) as texts by bucket.

    What `key_by` does, without its Python function: that is an operator of its own through which
    each row would go into the interpreter and back. And a thread must not have two of them: where a
    module made with pybind11, as re2 is, is first imported by an operator of a thread that has
    opened another before, it takes that one's thread state for its own and waits for itself.
    """
    from pyflink.common import Types  # noqa: PLC0415
    from pyflink.datastream.data_stream import KeyedStream  # noqa: PLC0415

    java = rows._j_data_stream  # noqa: SLF001
    # of a table it has a type of the table's, which the keyed operator does not know
    row = Types.ROW([Types.STRING(), Types.STRING()]).get_java_type_info()
    java.getTransformation().setOutputType(row)
    key = Types.ROW([Types.STRING()]).get_java_type_info()
    by_key = java.keyBy(gateway().jvm.KeyByKeySelector(), key)
    return KeyedStream(by_key, Types.STRING(), rows)


def side_output(stream: DataStream, tag: OutputTag) -> DataStream:
    """What `get_side_output` does, without its Python function, which gives each row back as it is.
    See `keyed_rows`."""
    from pyflink.datastream import DataStream as Stream  # noqa: PLC0415

    return Stream(stream._j_data_stream.getSideOutput(tag.get_java_output_tag()))  # noqa: SLF001


def flink_options(settings: Settings, jars: tuple[Path, ...]) -> tuple[dict[str, str], str]:
    """(Flink configuration, REST address) of these settings."""
    flink = settings.flink
    options = {
        "execution.runtime-mode": "STREAMING",
        "parallelism.default": str(flink.parallelism),
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        # keyed state in the JVM's own thread; Arrow functions keep their worker processes
        "python.execution-mode": "thread",
        "python.fn-execution.arrow.batch.size": str(flink.arrow_batch),
        "python.fn-execution.bundle.size": str(flink.bundle_size),
        # bundles hold the watermark back, so their time is part of every alert's latency
        "python.fn-execution.bundle.time": str(flink.bundle_time_ms),
        # no function here keeps or changes a row it was given; without this every chained operator
        # copies every record
        "pipeline.object-reuse": "true",
        # only what concerns a rule goes from task to task, so few buffers are ever full: with the
        # 100 ms that Flink waits for more, alerts were visible 70 ms later (docs/performance.md)
        "execution.buffer-timeout.interval": "10 ms",
        # the SQL operators too keep their state under a name: the source's offsets among it
        "table.exec.uid.generation": "ALWAYS",
        "state.backend.type": flink.state_backend,
        "execution.checkpointing.incremental": str(flink.state_backend == "rocksdb").lower(),
        "execution.checkpointing.interval": f"{flink.checkpoint_interval_ms} ms",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # more than one, for the newest may turn out to be unreadable
        "execution.checkpointing.num-retained": "3",
        # a worker that hangs holds its checkpoint: noticed in a minute (jobs/keep.py), not in ten
        "execution.checkpointing.timeout": "60 s",
        # a full disk must not stop what judges: starting anew would not make room
        "execution.checkpointing.tolerable-failed-checkpoints": "1000000",
        # what hangs does not end when it is asked to; its TaskManager ends then
        "task.cancellation.timeout": "30000",
        # a partition of an input that ends is not idle, however long its records take: it holds the
        # watermark until they are read, and then no more
        "table.exec.source.idle-timeout": (
            f"{flink.idle_timeout_ms if settings.source.follow else 0} ms"
        ),
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
    }
    if flink.checkpoint_dir:
        options["execution.checkpointing.dir"] = uri(state_folder(settings))
    if restored := restore_from(settings):
        options["execution.state-recovery.path"] = restored
        dropped = "true" if flink.drop_state else "false"
        options["execution.state-recovery.ignore-unclaimed-state"] = dropped
    if jars:
        options["pipeline.jars"] = ";".join(jar.resolve().as_uri() for jar in jars)
    if flink.rest_url:
        host, _, port = flink.rest_url.removeprefix("http://").partition(":")
        options |= {"execution.target": "remote", "rest.address": host, "rest.port": port}
        return options, flink.rest_url
    port = str(flink.rest_port or free_port())
    own = scratch(settings)
    # in memory, where Flink keeps them unless told, checkpoints end the job at 5 MB of state
    options.setdefault("execution.checkpointing.dir", uri(str(own / "checkpoints")))
    options |= {
        "rest.port": port,
        "rest.bind-address": "127.0.0.1",
        "rest.address": "127.0.0.1",
        "taskmanager.numberOfTaskSlots": str(flink.parallelism),
        "io.tmp.dirs": str(own),
        # RocksDB's log stays with the state if the path is as long as this; else it goes beside
        # Flink's, is called after the path, too long a name if that is Chinese, and is left there
        "state.backend.rocksdb.localdir": str(own / f"state{'-' * 100}"),
        "metrics.fetcher.update-interval": "500",  # ms; the default of 10 s would hide a short run
        "taskmanager.memory.network.min": "32 mb",
        "taskmanager.memory.network.max": "32 mb",
        # in this process a failure is shown at once instead of being tried again for ever
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "2",
        "restart-strategy.fixed-delay.delay": "1 s",
    }
    return options, f"http://127.0.0.1:{port}"


def scratch(settings: Settings) -> Path:
    """A folder of this process for what Flink unpacks and for checkpoints that serve this run
    alone; Flink leaves 24 MB behind wherever it runs. Nobody else may read it.

    Removed when the process ends; what a killed one left is removed by the next.
    """
    folder = Path(settings.data_dir).resolve() / "tmp"
    for old in folder.glob("flink-*"):
        if not psutil.pid_exists(int(old.name.removeprefix("flink-"))):
            shutil.rmtree(old, ignore_errors=True)
    own = folder / f"flink-{os.getpid()}"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own
