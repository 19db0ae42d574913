"""The deliverer: takes the job's outputs to every target of the settings, each at its own pace.

A plain process beside the job. Every target has a thread, a position and a waiting time of its
own, so one that is away stops no other. What a target confirmed is remembered only after that;
killed in between, the deliverer writes the same ids again and the target ignores them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog

from config.settings import Settings
from jobs.delivery.books import Books
from jobs.delivery.files import KINDS_IN_ORDER, FileOutputs
from jobs.delivery.lane import Lane, LaneState, RejectStore
from jobs.delivery.locate import Locator
from jobs.delivery.source import MESSAGES, Outputs
from jobs.delivery.stalled import NotReading
from jobs.delivery.topics import RejectedTopic, TopicOutputs
from jobs.ledger_signer import note_signer
from jobs.stamping import stamp_newest, stamping
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import Sink
from sinks.progress import KeepsPositions, KeepsRejected, Ticks
from sinks.targets import open_sinks

Progress = Callable[[tuple[LaneState, ...]], None]
_PROGRESS_S = 0.5
_RESTART_S = 5.0
_END_S = 25.0  # for what is in hand when asked to end; who asks often kills after 30 s
log = structlog.get_logger("deliver")


class DeliverReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered: the last state of every target, and the time it took in seconds."""

    targets: tuple[LaneState, ...]
    seconds: float


def run(
    settings: Settings,
    *,
    once: bool,
    on_progress: Progress | None = None,
    stop: threading.Event | None = None,
    after_write: Callable[[str], None] | None = None,
    patience_s: float = 30.0,
) -> DeliverReport:
    """Deliver until `stop` is set, or with `once` until all that is there now is delivered. A
    target that does not let go in time after that is left with its batch unconfirmed.

    Args:
        on_progress: called twice a second, and at the end, with the state of every target.
        after_write: called with the target's name between its confirmation and the commit.
        patience_s: with `once`, how long a target may be away before that is an error.

    Raises:
        MingjianError: with `once`, every target that was away too long; all others are done
            first.
    """
    stop = stop or threading.Event()
    began = time.monotonic()
    errors: dict[str, BaseException] = {}
    lanes = _lanes(settings, once, stop, after_write, patience_s)
    states = {name: LaneState(target=name) for name in lanes}
    threads = [
        threading.Thread(
            target=_keep_running,
            args=(name, make),
            kwargs={"states": states, "errors": errors, "once": once, "stop": stop},
            name=f"deliver-{name}",
            daemon=True,
        )
        for name, make in lanes.items()
    ]
    for thread in threads:
        thread.start()
    if not once:
        stamping(settings, stop)
    asked = 0.0
    while any(thread.is_alive() for thread in threads):
        try:
            if on_progress is not None:
                on_progress(tuple(states.values()))
            _join_for(threads, _PROGRESS_S)
        except KeyboardInterrupt:
            stop.set()
        if stop.is_set():
            asked = asked or time.monotonic()
            if time.monotonic() - asked >= _END_S:
                break
    for name, thread in zip(lanes, threads, strict=True):
        if thread.is_alive():  # what it has in hand was not confirmed, and comes again
            log.warning("delivery_left", target=name, after_s=_END_S)
            states[name] = msgspec.structs.replace(states[name], state="stopped", left_s=0)
    if on_progress is not None:
        on_progress(tuple(states.values()))
    if once:
        stamp_newest(settings, now=time.time_ns() // 1_000_000)
    if errors:
        raise _together(errors)
    return DeliverReport(targets=tuple(states.values()), seconds=time.monotonic() - began)


def _together(errors: dict[str, BaseException]) -> BaseException:
    """One error that names every target; an unexpected one stands for itself."""
    known = {name: error for name, error in errors.items() if isinstance(error, MingjianError)}
    if len(known) < len(errors):
        return next(error for name, error in errors.items() if name not in known)
    first = next(iter(known.values()))
    if len(known) == 1:
        return first
    fixes = dict.fromkeys((error.fix_en, error.fix_zh) for error in known.values() if error.fix_en)
    return MingjianError(
        f"{len(known)} targets failed. "
        + "; ".join(f"{name}: {error.en}" for name, error in known.items()),
        f"{len(known)} 个投递目标失败。"
        + "；".join(f"{name}：{error.zh}" for name, error in known.items()),
        fix_en="; ".join(en for en, _ in fixes),
        fix_zh="；".join(zh for _, zh in fixes),
        exit_code=max(error.exit_code for error in known.values()),
    )


def _join_for(threads: Sequence[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _keep_running(
    name: str,
    make: Callable[[], Lane],
    *,
    states: dict[str, LaneState],
    errors: dict[str, BaseException],
    once: bool,
    stop: threading.Event,
) -> None:
    """Run a lane; in a process that stays, start it anew when it breaks, and say so each time."""
    while True:
        try:
            lane = make()
            before, states[name] = states[name], lane.state
            lane.state.written, lane.state.duplicates = before.written, before.duplicates
            lane.state.rejected = before.rejected
            lane.run()
        except BaseException as error:
            if isinstance(error, NotReading):
                log.error("delivery_stalled", target=name, why=str(error), action="anew")
            elif not isinstance(error, MingjianError):
                # the type only: what an unexpected error quotes may be content
                log.error("delivery_broke", target=name, error=type(error).__name__)
            elif not once:  # else it is told at the end, with those of the other targets
                log.error("delivery_broke", target=name, why=error.en)
            if once or not isinstance(error, Exception):
                errors[name] = error
                return
            if stop.wait(_RESTART_S):
                return
        else:
            return


def _lanes(
    settings: Settings,
    once: bool,
    stop: threading.Event,
    after_write: Callable[[str], None] | None,
    patience_s: float,
) -> dict[str, Callable[[], Lane]]:
    """What makes the lane of every target. Each make gets fresh connections."""
    if not (settings.targets or settings.channels):
        raise MingjianError(
            "the settings name no target to deliver to",
            "配置中没有投递目标",
            fix_en="add one under targets, or a channel under channels",
            fix_zh="请在 targets 下增加一个目标，或在 channels 下增加一个通知渠道",
            exit_code=EXIT_USAGE,
        )
    signer = partial(note_signer, settings)
    names = [sink.name for sink in open_sinks(settings)]  # checks kinds and names early
    if settings.outputs.kind == "files":
        _look_for_outputs(Path(settings.outputs.path), once)

    def maker(index: int) -> Callable[[], Lane]:
        def make() -> Lane:
            sink = open_sinks(settings, signer)[index]
            parts = _ends(settings, sink, once=once)
            return Lane(
                sink,
                parts.open_outputs,
                once=once,
                stop=stop,
                rejects=parts.rejects,
                complete=Locator().complete if settings.source.kind == "files" else None,
                remember=parts.remember,
                after_write=after_write,
                patience_s=patience_s,
            )

        return make

    return {name: maker(index) for index, name in enumerate(names)}


def _look_for_outputs(folder: Path, once: bool) -> None:
    """Say so when there is no such folder: a wrong path must not look like nothing to do."""
    if os.path.isdir(folder):
        return
    if once or os.path.exists(folder):
        raise MingjianError(
            f"there are no outputs to deliver: outputs.path is {folder}, which is no folder",
            f"没有可投递的输出：outputs.path 的值是 {folder}，不是已有的目录",
            fix_en="run `mingjian detect` first, or correct outputs.path",
            fix_zh="请先运行 `mingjian detect`，或更正 outputs.path",
            exit_code=EXIT_USAGE,
        )
    log.warning("no_outputs_yet", path=str(folder))


def _two_kinds(name: str) -> MingjianError:
    return MingjianError(
        f"target '{name}' keeps messages and alerts, so source.kind and outputs.kind must be equal",
        f"目标“{name}”同时归档消息与告警，source.kind 与 outputs.kind 必须相同",
        fix_en="set both to files or both to kafka",
        fix_zh="请将两者都设为 files 或都设为 kafka",
        exit_code=EXIT_USAGE,
    )


class _Ends(msgspec.Struct):
    """The ends of one lane: what it reads, where refusals go, what remembers its positions."""

    open_outputs: Callable[[], Outputs]
    rejects: RejectStore
    remember: Callable[[dict[str, int]], None] | None = None


def _ends(settings: Settings, sink: Sink, *, once: bool) -> _Ends:
    keeper = sink if isinstance(sink, KeepsPositions) else None
    kinds = KINDS_IN_ORDER
    if isinstance(sink, Ticks):
        kinds = tuple(kind for kind in (MESSAGES, *KINDS_IN_ORDER) if kind in sink.topics)
    if MESSAGES in kinds and settings.source.kind != settings.outputs.kind:
        raise _two_kinds(sink.name)
    own = sink if isinstance(sink, KeepsRejected) else None
    if settings.outputs.kind == "kafka":
        return _Ends(
            lambda: TopicOutputs(settings, sink.name, keeper, kinds, once=once),
            own or RejectedTopic(settings, sink.name),
        )
    if settings.outputs.kind != "files":
        raise MingjianError(
            f"no kind of outputs '{settings.outputs.kind}'",
            f"没有“{settings.outputs.kind}”这种输出",
            fix_en="use files or kafka (outputs.kind)",
            fix_zh="请用 files 或 kafka（outputs.kind）",
            exit_code=EXIT_USAGE,
        )
    path, messages = settings.outputs.path, settings.source.path
    if keeper is not None and own is not None:
        return _Ends(lambda: FileOutputs(path, keeper.positions()), own)
    books = Books(Path(settings.data_dir) / "deliver" / f"{sink.name}.db")
    if keeper is not None:
        return _Ends(lambda: FileOutputs(path, keeper.positions(), kinds, messages), books)
    return _Ends(lambda: FileOutputs(path, books.positions(), kinds), books, books.save)
