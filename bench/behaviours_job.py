"""One job over prepared events: ours, or one of those it is compared with. Runs in a process of its
own: `python -m bench.behaviours_job FOLDER KIND CASE`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import psutil
from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ListStateDescriptor, ValueStateDescriptor
from pyflink.table import DataTypes
from pyflink.table.udf import udf

from bench.behaviours_events import LATENESS, TENANT, Case
from config.settings import Settings, load
from jobs import ends
from jobs.flink import Environment, environment, keyed_rows, side_output
from rules.batches import batched, items_of
from rules.compiled import compile_timeline
from rules.engine import unsealed
from udfs.behave import SIDE_OUTPUTS, Behave, batch_in
from udfs.spec import JobSpec

FIGURES = "figures.json"
WARM = 20_000  # elements before the clock starts: the JVM compiles while they pass
COLUMNS = "t BIGINT, grp STRING, word STRING, val STRING, msgid STRING, item BYTES"


class Clock:
    """Wall and CPU seconds of this process from the WARM-th element to the end of the input, those
    of its own thread, Java and Python, and of that the part inside the function."""

    def __init__(self, folder: str) -> None:
        self._file = Path(folder) / FIGURES
        self._begun: tuple[float, float, float] | None = None
        self.elements, self._from = 0, WARM
        self.timers = 0
        self.inside = 0.0
        self.marks: list[float] = []

    def tick(self, signals: int = 1) -> None:
        """So many came."""
        before = self.elements
        self.elements += signals
        if self.elements // 1_000 > before // 1_000:
            self.marks.append(round(_cpu_of(psutil.Process()), 2))
        if self.elements >= WARM and self._begun is None:
            self._from = self.elements
            self._begun = (time.monotonic(), _cpu_of(psutil.Process()), time.thread_time())
            self.timers, self.inside = 0, 0.0

    def drained(self, results: Iterable[Any] | None) -> list[Any]:
        """What a function gives, with the time that it takes."""
        begun = time.thread_time()
        found = list(results or ())
        self.inside += time.thread_time() - begun
        return found

    def stop(self) -> None:
        """The input has ended."""
        wall, cpu, thread = self._begun or (time.monotonic(), _cpu_of(psutil.Process()), 0.0)
        found = {
            "elements": self.elements - self._from,
            "timers": self.timers,
            "wall": time.monotonic() - wall,
            "cpu": _cpu_of(psutil.Process()) - cpu,
            "thread": time.thread_time() - thread,
            "inside": self.inside,
            "peak_mb": psutil.Process().memory_info().rss / 1e6,
            "marks": self.marks,
        }
        self._file.write_text(json.dumps(found), encoding="utf-8")


class Timed(Behave):
    """The product's function with a clock beside it."""

    def __init__(self, spec: JobSpec, folder: str) -> None:
        super().__init__(spec)
        self._folder = folder

    def open(self, runtime_context: RuntimeContext) -> None:
        """See Behave."""
        super().open(runtime_context)
        self._clock = Clock(self._folder)

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> list[Any]:
        """See Behave."""
        self._clock.tick(sum(1 for _ in items_of(batch_in(value))))
        return self._clock.drained(super().process_element(value, ctx))

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> list[Any]:
        """See Behave."""
        self._clock.timers += 1
        return self._clock.drained(super().on_timer(timestamp, ctx))

    def close(self) -> None:
        """The input has ended."""
        self._clock.stop()


class Passed(KeyedProcessFunction):  # type: ignore[misc]
    """Nothing is judged: what the way to the keyed stage costs in this bench."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def open(self, runtime_context: RuntimeContext) -> None:
        """Start the clock."""
        self._clock = Clock(self._folder)

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> list[Any]:
        """Counts."""
        self._clock.tick(sum(1 for _ in items_of(batch_in(value))))
        return []

    def close(self) -> None:
        """The input has ended."""
        self._clock.stop()


class Naive(KeyedProcessFunction):  # type: ignore[misc]
    """The same question as most would write it: a list for each key, looked through at every
    event, in order of arrival."""

    def __init__(self, case: Case, folder: str) -> None:
        self._case, self._folder = case, folder

    def open(self, runtime_context: RuntimeContext) -> None:
        """Find the state."""
        self._clock = Clock(self._folder)
        self._list = runtime_context.get_list_state(
            ListStateDescriptor("list", Types.PICKLED_BYTE_ARRAY())
        )
        self._open = runtime_context.get_state(ValueStateDescriptor("open", Types.BOOLEAN()))

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Adds, forgets what is too old, counts what is left."""
        self._clock.tick()
        yield from self._clock.drained(self._judge(value))

    def _judge(self, value: Any) -> Iterator[str]:
        now, _, word, counted, msgid, item = value
        oldest = now - self._case.span * 1000
        kept = [one for one in self._list.get() or () if one[0] >= oldest]
        kept.append((now, word, counted, msgid, bytes(item)))
        self._list.update(kept)
        held, was = self._holds(kept), bool(self._open.value())
        if held and not was:
            yield json.dumps([now, [one[3] for one in kept]])
        if held != was:
            self._open.update(held)

    def _holds(self, kept: list[tuple[int, str, str, str, bytes]]) -> bool:
        if self._case.type == "event_count":
            return sum(one[1] == "a" for one in kept) >= self._case.bound
        if self._case.type == "value_count":
            return len({one[2] for one in kept}) >= self._case.bound
        first = min((one[0] for one in kept if one[1] == "a"), default=None)
        return first is not None and any(one[1] == "b" and one[0] > first for one in kept)

    def close(self) -> None:
        """The input has ended."""
        self._clock.stop()


def counted_by_sql(case: Case) -> str:
    """Alerts of `event_count` as Flink's SQL says it: a count over a range, and its rises. The same
    question as ours: an episode begins at an event whose window has enough when that of the event
    before had not. What comes later than the watermark is lost without a word."""
    return f"""
        SELECT CAST(cnt AS STRING) FROM (
            SELECT cnt, COALESCE(
                LAG(cnt, 1) OVER (PARTITION BY grp ORDER BY event_time), 0) AS before_it
            FROM (
                SELECT grp, event_time, COUNT(*) OVER (
                    PARTITION BY grp ORDER BY event_time
                    RANGE BETWEEN INTERVAL '{case.span}' SECOND({_digits(case)}) PRECEDING
                    AND CURRENT ROW) AS cnt
                FROM events WHERE word = 'a'))
        WHERE cnt >= {case.bound} AND before_it < {case.bound}"""  # noqa: S608


def ordered_by_sql(case: Case) -> str:
    """Alerts of "a, then b" by MATCH_RECOGNIZE, which is flink-cep, and their rises.

    A match takes the latest a before its b. With `A X*? B` and any X between, every a of the window
    would begin a match that each event is tried on: 5 ms an event before the window of 100 is full.
    Of pairs that overlap ours tells the first; the event before b_k is a_k here, and at it the pair
    before still held when its a was in the window. WITHIN is open where our window is closed.
    """
    return f"""
        SELECT CONCAT(first_id, ' ', last_id) FROM (
            SELECT first_id, last_id, first_t, LAG(first_t, 1) OVER (
                PARTITION BY grp ORDER BY matched) AS before_it
            FROM events MATCH_RECOGNIZE (
                PARTITION BY grp ORDER BY event_time
                MEASURES A.msgid AS first_id, A.t AS first_t, B.msgid AS last_id,
                    MATCH_ROWTIME() AS matched
                ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
                PATTERN (A X* B) WITHIN INTERVAL '{case.span}.001' SECOND({_digits(case)}, 3)
                DEFINE A AS A.word = 'a', X AS X.word NOT IN ('a', 'b'), B AS B.word = 'b'))
        WHERE before_it IS NULL OR before_it < first_t - {case.span * 1000}"""  # noqa: S608


def _digits(case: Case) -> int:
    return max(2, len(str(case.span)))


@udf(result_type=DataTypes.ARRAY(DataTypes.BYTES()), func_type="pandas")  # type: ignore[untyped-decorator]
def batched_items(items: Any) -> Any:
    """What the Arrow stage of the product does at its end."""
    return pd.Series(batched([[bytes(item)] for item in items]), dtype=object)


def ours(env: Environment, case: Case, folder: Path, settings: Settings) -> None:
    """The product's own keyed stage between its own ends."""
    spec = JobSpec(
        tenant=TENANT,
        rules=str(folder / "rules"),
        registry="",
        record_bytes=1 << 20,
        keep_bytes=4096,
        assume_received_at=1,
        seal=unsealed,
    )
    compile_timeline(spec.timeline())
    alerts = _by_bucket(env).process(Timed(spec, str(folder)), output_type=Types.STRING())
    sides = {side: side_output(alerts, tag) for side, tag in SIDE_OUTPUTS.items()}
    for name, stream in {"alerts": alerts, **sides}.items():
        stream.sink_to(ends.sink_for(settings, name))


def passed(env: Environment, _case: Case, folder: Path, settings: Settings) -> None:
    """The same way, with nothing judged at its end."""
    nothing = _by_bucket(env).process(Passed(str(folder)), output_type=Types.STRING())
    nothing.sink_to(ends.sink_for(settings, "alerts"))


def _by_bucket(env: Environment) -> Any:
    env.tables.create_temporary_function("batched_items", batched_items)
    unnested = """
        SELECT batch AS item FROM (SELECT batched_items(item) AS found FROM events)
        CROSS JOIN UNNEST(found) AS each_of(batch)"""
    return keyed_rows(env.tables.to_data_stream(env.tables.sql_query(ends.keyed_texts(unnested))))


def naive(env: Environment, case: Case, folder: Path, settings: Settings) -> None:
    """See Naive."""
    rows = env.tables.to_data_stream(
        env.tables.sql_query("SELECT t, grp, word, val, msgid, item FROM events")
    )
    alerts = rows.key_by(lambda row: row[1], key_type=Types.STRING()).process(
        Naive(case, str(folder)), output_type=Types.STRING()
    )
    alerts.sink_to(ends.sink_for(settings, "alerts"))


def by_sql(env: Environment, case: Case, folder: Path, settings: Settings) -> None:
    """All in Java."""
    query = ordered_by_sql(case) if case.type == "temporal_ordered" else counted_by_sql(case)
    found = env.tables.to_data_stream(env.tables.sql_query(query))
    found.map(lambda row: row[0], output_type=Types.STRING()).sink_to(
        ends.sink_for(settings, "alerts")
    )


KINDS = {"ours": ours, "passed": passed, "naive": naive, "sql": by_sql}


def settings_of(folder: Path, backend: str) -> Settings:
    """As the embedded profile has them, everything below `folder`."""
    return load(
        "embedded",
        None,
        (
            f"data_dir={folder}",
            f"keys_dir={folder}/keys",
            f"outputs.path={folder}/outputs",
            "targets=[]",
            "flink.parallelism=1",
            f"flink.state_backend={backend}",
        ),
    )


def main() -> None:
    """Run the job to its end, or with `open` until it is told to stop."""
    folder, kind = Path(sys.argv[1]).resolve(), sys.argv[2]
    case = msgspec.json.decode(sys.argv[3], type=Case)
    unbounded = len(sys.argv) > 4  # noqa: PLR2004
    settings = settings_of(folder, case.backend)
    env = environment(settings)
    follow = ", 'source.monitor-interval' = '1 s'" if unbounded else ""
    late = f"INTERVAL '{LATENESS / 1000:.3f}' SECOND(3, 3)"
    env.tables.execute_sql(
        f"CREATE TABLE events ({COLUMNS}, event_time AS TO_TIMESTAMP_LTZ(t, 3), "
        f"WATERMARK FOR event_time AS event_time - {late}) WITH ("
        f"'connector' = 'filesystem', 'path' = '{(folder / 'events').as_uri()}', "
        f"'format' = 'csv'{follow})"
    )
    KINDS[kind](env, case, folder, settings)
    client = env.stream.execute_async(f"bench-{kind}")
    job = f"{env.rest_url}/jobs/{client.get_job_id()}"
    if unbounded:
        print(json.dumps({"job": job}), flush=True)
        sys.stdin.readline()
        client.cancel().result()
        return
    begun = time.monotonic()
    client.get_job_execution_result().result()
    cpu = sum(_cpu_of(one) for one in psutil.Process().children(recursive=True))
    print(json.dumps({"seconds": time.monotonic() - begun, "cpu": cpu}))


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
