"""One correlation, one group: entries in order of time in, rows out.

The caller holds back what is not in order yet: entries of one instant are given together, later
ones after earlier ones, and between them every deadline that has passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from fractions import Fraction

from rules.correlation.baseline import Baseline
from rules.correlation.entry import Entry
from rules.correlation.first_seen import Seen
from rules.correlation.folds import Value
from rules.correlation.model import Clause
from rules.correlation.plan import Plan
from rules.correlation.row import NEVER, Marks, Row, by_time, merged
from rules.correlation.window import Window


class Group:
    """The evaluator of one group.

    Args:
        marks, entries: as `marks` and `entries()` gave them, to go on from there.
        cap: most entries kept; 0 keeps all of the window.
    """

    def __init__(
        self, plan: Plan, marks: Marks | None = None, entries: Iterable[Entry] = (), cap: int = 0
    ) -> None:
        self.plan = plan
        branches = 1 + len(plan.absent)
        self._marks = marks or Marks(
            [False] * branches,
            [NEVER] * branches,
            [[] for _ in plan.absent],
            [NEVER] * plan.slots,
        )
        self._cap, self._start = cap, NEVER
        asked, self._baseline = plan.correlation.baseline, None
        if asked:
            self._baseline = Baseline(plan.correlation, asked, self._marks.usual, cap)
            self._marks.usual = self._baseline.usual
        self._anchors = [deque(anchors) for anchors in self._marks.anchors]
        self._chains: dict[Clause, int] = {}  # begin of the chain last found
        self._window = Seen(plan, cap) if plan.first_seen else Window(plan, cap)
        for entry in entries:
            self._window.add(entry)
        self._window.truncated = self._window.truncated or self._marks.truncated

    @property
    def marks(self) -> Marks:
        """What it remembers besides."""
        self._marks.anchors = [list(anchors) for anchors in self._anchors]
        return self._marks

    def entries(self) -> Sequence[Entry]:
        """What is kept, in order."""
        return self._window.entries()

    def newest(self) -> Entry | None:
        """The last of what is kept."""
        return self._window.newest()

    def value(self) -> Value:
        """What is kept comes to."""
        return self._window.value()

    def steps(self) -> int:
        """How many steps of an order without limits of its own are kept in order: where a number
        is asked of them, of the longest chain, else of the way that came furthest."""
        plan, window = self.plan, self._window
        slots = tuple(range(len(plan.correlation.rules)))
        if plan.correlation.clauses:
            ways = [clause.positive for clause in plan.correlation.clauses]
        elif plan.floor >= len(slots):
            ways = [slots]
        else:
            return window.longest(slots)
        return max(len(window.begun(way)) for way in ways)

    def usually(self) -> tuple[Fraction | None, int] | None:
        """(mean of the past, or None while that is not known; time of the first event of that
        past); None where nothing is asked of it."""
        usual = self._baseline
        return (usual.mean(), usual.usual.known) if usual else None

    # ---- events

    def one(self, entry: Entry) -> Row | None:
        """The only entry of its instant."""
        return self.step((entry,))

    def step(self, entries: Sequence[Entry]) -> Row | None:
        """All entries of one instant, that is of equal time and seq."""
        marks, plan = self._marks, self.plan
        time = entries[0].time
        self._open_window(time)
        if plan.until >= 0 and any(plan.until in entry.slots for entry in entries):
            self._cancel()
            entries = [e for e in entries if e.slots != (plan.until,)]
        window = self._window
        fresh = entries
        if not window.ids.isdisjoint([entry.id for entry in entries]):
            fresh = [entry for entry in entries if entry.id not in window.ids]
        if not fresh:
            return None
        marks.last = time
        if self._baseline:
            self._baseline.move(self._start, time)
            self._baseline.add(time, fresh)
        for entry in fresh:
            window.add(entry)
        marks.truncated = window.truncated
        if plan.absent:
            self._anchor(time, fresh)
        if plan.closing:
            if marks.since < 0:
                marks.since = time
            return None
        return self._first_seen(time) if plan.first_seen else self._judge(time, fresh)

    def _open_window(self, time: int) -> None:
        """Moves the window to `time`, and ends the episode when it has become empty."""
        marks, plan = self._marks, self.plan
        window = plan.correlation.window
        if window == "sliding":
            start = marks.since if marks.since >= 0 else time - plan.span
        elif window == "tumbling":
            start = time - time % plan.span
        else:
            over = time - marks.last > plan.correlation.gap
            begin = self._window.oldest if self._window.size else time
            start = time if over or time - begin > plan.span else begin
        self._start = start
        if self._window.oldest < start:
            self._window.evict(start)
        if not self._window.size:
            marks.open[0] = False
            self._window.truncated = marks.truncated = False

    def _cancel(self) -> None:
        self._window.clear()
        self._chains.clear()
        self._anchors = [deque() for _ in self.plan.absent]
        self._marks.open = [False] * len(self._marks.open)
        self._marks.since = -1

    def _anchor(self, time: int, fresh: Sequence[Entry]) -> None:
        slots = {slot for entry in fresh for slot in entry.slots}
        for slot in slots:
            self._marks.seen[slot] = time
        for clause, anchors in zip(self.plan.absent, self._anchors, strict=True):
            if slots.isdisjoint(clause.positive):
                continue
            if not anchors or anchors[-1] != time:
                anchors.append(time)
                if self._cap and len(anchors) > self._cap:
                    anchors.popleft()
                    self._window.truncated = self._marks.truncated = True

    def _first_seen(self, time: int) -> Row | None:
        """Each new value is an episode of its own: what comes after it knows it."""
        plan, window = self.plan, self._window
        news = tuple(window.news) if isinstance(window, Seen) else ()
        value = window.value()
        if not news or not plan.holds(value):
            return None
        return Row(time, time - plan.span, value, news, True, news, window.truncated)

    def _judge(self, time: int, fresh: Sequence[Entry]) -> Row | None:
        marks, plan, window = self._marks, self.plan, self._window
        value = window.value()
        held = plan.holds(value)
        if held and self._baseline:
            held = self._baseline.exceeded(value)
        holding: list[Clause] = []
        if held and plan.chain_of_all:
            chain = window.chain(window.present())
            held = chain is not None
        elif held and not plan.numeric_condition:
            holding = [clause for clause in plan.present if self._there(clause)]
            held = bool(holding)
        opens = held and not marks.open[0]
        marks.open[0] = held
        if not held:
            return None
        wanted = opens or plan.full or plan.absent  # it may become one row with an absence
        evidence = self._evidence(holding) if wanted else ()
        return Row(time, time - plan.span, value, evidence, opens, tuple(fresh), window.truncated)

    def _there(self, clause: Clause) -> bool:
        if not self._window.has(clause.positive) or self._window.has_any(clause.negative):
            return False
        if not self.plan.ordered:
            return True
        if self.plan.paths:
            return self._window.reached(self.plan.present.index(clause))
        # a chain that was found holds until its first event leaves: new ones only come after it
        begin = self._chains.get(clause, NEVER)
        oldest = self._window.oldest
        if oldest < begin or (oldest == begin and not self._cap):  # a full window cuts moments
            return True
        chain = self._window.chain(clause.positive)
        if chain:
            self._chains[clause] = chain[0][1][0]
        return chain is not None

    def _evidence(self, clauses: Sequence[Clause]) -> tuple[Entry, ...]:
        window = self._window
        if self.plan.paths:
            chains = [window.latest(self.plan.present.index(clause)) for clause in clauses]
            reached = {entry.id: entry for chain in chains for entry in chain}
            return tuple(sorted(reached.values(), key=by_time))
        if self.plan.ordered:
            chosen = [c.positive for c in clauses] or [window.present()]
            found = {
                entry.id: entry
                for slots in chosen
                for slot, key in window.chain(slots) or ()
                for entry in window.at(slot, key)
            }
            return tuple(sorted(found.values(), key=by_time))
        if clauses:
            slots = {slot for clause in clauses for slot in clause.positive}
            return tuple(e for e in window.entries() if not slots.isdisjoint(e.slots))
        if self.plan.numeric:
            return tuple(e for e in window.entries() if e.values)
        return tuple(window.entries())

    # ---- deadlines

    def deadline(self) -> int | None:
        """The next time at which something is decided without an event; it is decided after all
        events of that time."""
        marks, plan = self._marks, self.plan
        if marks.since >= 0:
            window = plan.correlation.window
            if window == "tumbling":
                return marks.since - marks.since % plan.span + plan.span - 1
            if window == "session":
                return min(marks.last + plan.correlation.gap, marks.since + plan.span)
            return marks.since + plan.span
        times = [anchors[0] for anchors in self._anchors if anchors]
        return min(times) + plan.span if times else None

    def settle(self, time: int) -> Row | None:
        """Decide what is due at `time`, a deadline."""
        return self._close(time) if self._marks.since >= 0 else self._absent(time)

    def _close(self, time: int) -> Row | None:
        marks, plan = self._marks, self.plan
        start, marks.since = marks.since, -1
        value = self._window.value()
        held = plan.holds(value)
        holding = [clause for clause in plan.present if self._there(clause)]
        if held and plan.chain_of_all:
            held = self._window.chain(self._window.present()) is not None
        elif held and not plan.numeric_condition:
            held = bool(holding)
        row = None
        if held:
            row = Row(time, start, value, self._evidence(holding), True, (), marks.truncated)
        self._window.clear()
        self._chains.clear()
        self._window.truncated = marks.truncated = False
        return row

    def _absent(self, time: int) -> Row | None:
        marks, plan, window = self._marks, self.plan, self._window
        start = time - plan.span
        window.evict(start)
        holding: list[Clause] = []
        opens = False
        for index, (clause, anchors) in enumerate(
            zip(plan.absent, self._anchors, strict=True), start=1
        ):
            if not anchors or anchors[0] != start:
                continue
            anchors.popleft()
            held = self._there(clause) and all(
                marks.seen[slot] < start - plan.back for slot in clause.negative
            )
            emptied = time - marks.judged[index] > plan.span
            opens |= held and (emptied or not marks.open[index])
            marks.open[index], marks.judged[index] = held, time
            if held:
                holding.append(clause)
        if not holding:
            return None
        wanted = opens or plan.full or plan.present
        evidence = self._evidence(holding) if wanted else ()
        places = {slot for clause in holding for slot in clause.positive}
        fresh = tuple(e for e in window.of_time(start) if not places.isdisjoint(e.slots))
        return Row(time, start, window.value(), evidence, opens, fresh, marks.truncated)

    def end(self) -> int:
        """From when on nothing that has been is of any importance, if no deadline is left."""
        over = self._marks.last + max(self.plan.span, self.plan.correlation.gap) + 1
        return max(over, self._baseline.end()) if self._baseline else over

    def rest(self, time: int) -> None:
        """Event time has passed `time`: lets go of entries that no window will hold any more, where
        the group itself is remembered for longer."""
        if self._baseline:
            self._open_window(time + 1)

    def rests(self) -> list[int]:
        """When event time should be told, for the sake of what can be forgotten then."""
        end, over = self.end(), self._marks.last + self.plan.span + 1
        return [over, end] if self._baseline and over < end else [end]

    def over(self, time: int) -> bool:
        """Whether at `time` nothing that has been is of any importance."""
        return self.deadline() is None and self.end() <= time


def advance(group: Group, entries: Sequence[Entry], watermark: int) -> list[Row]:
    """All rows up to `watermark` of a group to which these entries, in order, are new."""
    rows: list[Row] = []

    def settle(until: int) -> None:
        while (due := group.deadline()) is not None and due < until:
            row = group.settle(due)
            if row and rows and rows[-1].time == due:
                rows[-1] = merged(rows[-1], row)
            elif row:
                rows.append(row)

    at, count = 0, len(entries)
    while at < count:
        first, begin = entries[at], at
        time, seq = first.time, first.seq
        at += 1
        while at < count and entries[at].time == time and entries[at].seq == seq:
            at += 1
        settle(time)
        if row := group.step(entries[begin:at]):
            rows.append(row)
    settle(watermark + 1)
    return rows
