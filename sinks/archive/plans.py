"""Where plans of deletion are kept: files of a folder, named by their digest, for ever."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.disposable import Spans, digest, encode, within
from sinks.archive.disposal_plan import Plan
from sinks.whole_file import write_whole

FOLDER = "disposals"
_ID = re.compile(r"[0-9a-f]{64}")
_SUFFIX, _DONE = ".plan.json", ".done.json"


class PlanDamaged(MingjianError):
    """A plan that is not what was made."""

    def __init__(self, path: Path, plan: str) -> None:
        super().__init__(
            f"the plan {path} is not what was made: its digest is another",
            f"删除计划 {path} 与制定时不同：摘要不符",
            fix_en="restore it from its copy; nothing is deleted by it",
            fix_zh="请从副本恢复；不会按它删除任何内容",
        )
        self.plan = plan


class Done(msgspec.Struct, frozen=True):
    """What was done by a plan: how many messages went by it, which stayed, by the reason, and which
    had gone by another plan before."""

    deleted: int
    stayed: dict[str, Spans]
    before: Spans = []

    def counts(self) -> dict[str, int]:
        """How many stayed, by the reason."""
        return {why: sum(1 for _ in within(leaves)) for why, leaves in self.stayed.items()}


class Plans:
    """The plans in the folder of an archive."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder) / FOLDER

    def keep(self, plan: Plan) -> str:
        """Store a plan durably: its id."""
        data = encode(plan)
        plan_id = digest(data)
        write_whole(self._path(plan_id), data, mode=0o400)
        return plan_id

    def read(self, plan_id: str) -> Plan:
        """A plan by its id.

        Raises:
            PlanDamaged: it was altered.
            MingjianError: there is none.
            OSError: the disk does not answer.
        """
        path = self._path(plan_id)
        try:
            data = path.read_bytes() if _ID.fullmatch(plan_id) else None
        except FileNotFoundError:
            data = None
        if data is None:
            raise MingjianError(
                f"there is no plan {plan_id[:64]} in {self._folder}",
                f"{self._folder} 中没有删除计划 {plan_id[:64]}",
                fix_en="make one first",
                fix_zh="请先制定计划",
                exit_code=EXIT_USAGE,
            )
        try:
            if digest(data) == plan_id:
                return msgspec.json.decode(data, type=Plan)
        except msgspec.MsgspecError:
            pass
        raise PlanDamaged(path, plan_id)

    def ids(self) -> list[str]:
        """The ids of all that are there."""
        found = (path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))
        return sorted(one for one in found if _ID.fullmatch(one))

    def keep_done(self, plan_id: str, done: bytes) -> None:
        """Store what was done by a plan."""
        write_whole(self._folder / f"{plan_id}{_DONE}", done, mode=0o400)

    def done(self, plan_id: str) -> bytes | None:
        """What was done by a plan; None as long as it is not."""
        try:
            return (self._folder / f"{plan_id}{_DONE}").read_bytes()
        except FileNotFoundError:
            return None

    def result(self, plan_id: str, sm3: str) -> Done | None:
        """What was done by a plan, for people; None where that is not there, or is not what has
        this digest in the custody book or the ledger: then it is nobody's word."""
        done = self.done(plan_id)
        try:
            return msgspec.json.decode(done or b"", type=Done) if _is(done, sm3) else None
        except msgspec.MsgspecError:
            return None

    def _path(self, plan_id: str) -> Path:
        return self._folder / f"{plan_id}{_SUFFIX}"


def _is(data: bytes | None, sm3: str) -> bool:
    return data is not None and digest(data) == sm3
