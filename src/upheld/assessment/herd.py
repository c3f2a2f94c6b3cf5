"""A herd: the terms of one shape, their slots in one ring, and how each of their windows stands. DESIGN rules 4 to 8.

    rows -> ring (`take_in`) -> slots that end -> tallies of the current window (`let_pass`)
    what was settled and comes to be otherwise -> derived again from the rows that hold (`revise`)

A ring row is a slot, a place in it a member. Slots are numbers counted from `zero`; those before `done` have ended,
those before `head` can take rows. Calendar windows keep their tallies in `ROWS` rows, one window after the other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, HOUR
from upheld.assessment import courses, kernels, marking
from upheld.assessment.coded import Coded, Held, Incoming, Links, Numbers, by_time
from upheld.assessment.courses import Course, Slots
from upheld.assessment.foreseen import portions
from upheld.assessment.kernels import FIRST, LAST, NOT_YET, ROW, SINCE
from upheld.assessment.kinds import MOST_EVENTS, NEVER, Shape, kind_of, rules_of
from upheld.assessment.verdict import Status, Verdict
from upheld.assessment.windows import Window, ceil_slot, windows

_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (90, 92), "year": (365, 366)}
_CLOCKS = 2 * HOUR
_MOST_AHEAD = 32
_kernels: Any = kernels
_marking: Any = marking
"""The kernels for calls with arguments by the handful, which their types do not admit."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Changes of standing as columns: the term by its position, the start of its period (of a rolling one: of the
    window as it is now), the instant from which it stands so (microseconds UTC; of what was cleared, the end of the
    last slot that has ended), and the statuses before and after, as places in `STATUSES`."""

    term: npt.NDArray[np.int32]
    period_start: Numbers
    instant: Numbers
    before: npt.NDArray[np.int8]
    after: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.term)


STATUSES: tuple[Status, ...] = ("no_data", "met", "at_risk", "violated")


class Source(Protocol):
    """What a herd asks of the fleet: rows that hold, and what is excluded, of a member's term by its index; and to have
    the rows of many ready for when they are asked for."""

    def rows(self, index: int, start: int, end: int) -> Held: ...
    def foresee(self, indices: Sequence[int], start: int, end: int) -> None: ...
    def covered(self, index: int, start: int, end: int) -> Sequence[Interval]: ...


AT_HAND = 16
"""Slots that are held at least, however short the windows: how a service is right now is asked of many at once."""


class Herd:
    """The terms of one shape. `index` holds the position of each member in the fleet."""

    def __init__(self, shape: Shape, terms: Sequence[Term], index: Sequence[int], since: int, source: Source) -> None:
        self.shape, self.terms, self.index, self._source = shape, terms, np.array(index, np.int32), source
        members, width = len(terms), shape.width
        self._lead, self.kind = _kinds(terms)
        self.opened = [_first_windows(term, since) for term in self._lead]
        firsts = [_first_slot(term, since, opened) for term, opened in zip(self._lead, self.opened, strict=True)]
        self.zero = min((first for first in firsts if first is not None), default=since // width)
        self.kinds = np.zeros((len(self._lead), kernels.PLACES), np.int64)
        self.limits = np.zeros(len(self._lead), np.float64)
        longest, shortest = _lengths(shape)
        self._ahead = min(max(longest // 64, 2), _MOST_AHEAD)
        size = max(longest, AT_HAND) + self._ahead + (0 if shape.length else -(-shape.patience // width) + 1)
        self.rows = 1 if shape.length else size // shortest + 2
        for k, (term, first) in enumerate(zip(self._lead, firsts, strict=True)):
            columns, self.limits[k] = rules_of(term)
            self.kinds[k, kernels.POLICY : kernels.POLICY + len(columns)] = columns
            if first is not None and shape.length:
                stop = NEVER if term.valid_to is None else ceil_slot(term.valid_to, width) - self.zero
                self.kinds[k, [FIRST, LAST, SINCE]] = first - self.zero, stop, max(since // width, first) - self.zero
        live = [k for k, first in enumerate(firsts) if first is not None]
        grown = (self.kinds[k, FIRST] + shape.length for k in live)
        self._grown_at = int(max([0, *grown, *(self.kinds[k, SINCE] + 1 for k in live)]))
        self.done, self.head = 0, self._ahead
        self._counts = shape.form == "counts"
        slots = 0 if self._counts else members
        self.tally = np.zeros((self.rows, slots, 6), np.int32)
        counted = members - slots
        self.risk: npt.NDArray[np.int32]
        self.missed: npt.NDArray[np.int32]
        self.spent: npt.NDArray[Any]
        self.base: npt.NDArray[Any]
        if self._counts:
            self.spent, self.base = np.zeros((self.rows, members), np.int64), np.zeros((self.rows, members), np.int64)
            self.risk, self.missed = np.zeros((self.rows, members), np.int32), np.zeros((self.rows, members), np.int32)
        else:
            self._view_tally()
        self.risk[:], self.missed[:] = NOT_YET, NOT_YET
        padded = -(-members // 8) * 8
        self.now, self.told = np.zeros((self.rows, padded), np.int8), np.zeros((self.rows, padded), np.int8)
        places = -(-slots // 32) * 8
        self.alert = np.ones(4 * places, np.uint8)
        self.ring = np.zeros((size, places), np.uint8)
        self.goods, self.totals = np.zeros((size, counted), np.int32), np.zeros((size, counted), np.int32)
        rates = members if shape.form == "rates" else 0
        self.open_slot = np.full(rates, NOT_YET, np.int32)
        self.open_good, self.open_total = np.zeros(rates, np.int64), np.zeros(rates, np.int64)
        self.strays: set[int] = set()
        self.restated: set[int] = set()
        """Members whose windows were derived again, until whoever looks at them clears it."""
        self._left: list[Changed] = []
        self._watched: set[int] = {j for j, term in enumerate(terms) if term.service_hours is not None}
        self._stretches = np.zeros((0, 3), np.int32)  # member, first, last: what is excluded
        self._covered_until = 0
        self._ahead_rows: Incoming | None = None
        self._ahead_slots: dict[int, set[int]] = {}
        self._size = size
        self._of_kind = [np.flatnonzero(self.kind == k) for k in range(len(self._lead))]
        self._open_first()

    def _view_tally(self) -> None:
        places = (self.tally[:, :, place] for place in range(6))
        self.spent, self.base, self.missing, self.excluded, self.risk, self.missed = places

    # -- windows ------------------------------------------------------------------------------------------------------

    def _open_first(self) -> None:
        self._cover(self._size)
        self._lay(0, self.head)
        if self.shape.length:
            return
        for k, opened in enumerate(self.opened):
            if opened:
                self._set_window(k, opened[0])
        self._close_over()

    def _set_window(self, k: int, window: Window) -> None:
        row, chosen = (len(self.opened[k]) - 1) % self.rows, self._of_kind[k]
        self.kinds[k, [FIRST, LAST, ROW]] = window.first - self.zero, window.last - self.zero, row
        for column in (self.spent, self.base, self.now, self.told):
            column[row, chosen] = 0
        self.risk[row, chosen] = self.missed[row, chosen] = NOT_YET
        if self._counts:
            return
        self.alert[chosen] = 1
        self.missing[row, chosen] = self.excluded[row, chosen] = 0
        self.base[row, chosen] = window.last - window.first
        for j in self._watched.intersection(chosen.tolist()):
            self.base[row, j] = self.base_of(j, window)

    def _leave(self, row: int, chosen: Numbers) -> None:
        """Notes what is still to be told of the windows whose tallies make room for others."""
        untold = chosen[self.now[row, chosen] != self.told[row, chosen]]
        if len(untold):
            self._left.append(self._changes(np.full(len(untold), row), untold))

    def changes(self) -> list[Changed]:
        """How the standings of windows differ from those told before; from now on they are told."""
        rows, members = kernels.unlike(self.now, self.told)
        found, self._left = [*self._left, self._changes(rows, members)], []
        self.told[rows, members] = self.now[rows, members]
        return found

    def _changes(self, rows: Numbers, members: Numbers) -> Changed:
        after = self.now[rows, members]
        last = np.minimum(self.done, self.kinds[self.kind[members], LAST]) - 1
        since = np.where(after == kernels.AT_RISK, self.risk[rows, members], last)
        since = np.where(after == kernels.VIOLATED, self.missed[rows, members], since)
        since = np.where(since == NOT_YET, last, since)
        of_pair = rows * len(self._lead) + self.kind[members]
        pairs, which = np.unique(of_pair, return_inverse=True)
        starts = np.array([self._start(*divmod(pair, len(self._lead))) for pair in pairs.tolist()], np.int64)[which]
        instant = (since + 1 + self.zero) * self.shape.width
        return Changed(self.index[members], starts, instant, self.told[rows, members], after)

    def _start(self, row: int, k: int) -> int:
        if self.shape.length:
            last = min(self.done, int(self.kinds[k, LAST])) + self.zero
            return max((last - self.shape.length) * self.shape.width, self._lead[k].valid_from)
        newest = len(self.opened[k]) - 1
        return self.opened[k][newest - (newest - row) % self.rows].start

    def starts(self, j: int) -> dict[int, int]:
        """The starts of the windows of a member that can be told, with the rows of their tallies."""
        k = int(self.kind[j])
        if self.shape.length:
            return {self._start(0, k): 0}
        return {window.start: row for row, window in self.held(k)}

    def set_standings(self, j: int, verdicts: Iterable[Verdict]) -> None:
        """Takes over how the windows of a stray stand."""
        rows = self.starts(j)
        for verdict in verdicts:
            row = rows.get(verdict.period_start)
            if row is None:
                continue  # it has begun, and has no tallies before its first slot ends
            self.now[row, j] = STATUSES.index(verdict.status)
            self.risk[row, j], self.missed[row, j] = map(self._crossed, (verdict.at_risk_at, verdict.violated_at))

    def _crossed(self, instant: int | None) -> int:
        return NOT_YET if instant is None else instant // self.shape.width - 1 - self.zero

    def base_of(self, j: int, window: Window) -> int:
        """How many slots of a window are not excluded; where events are weighed, none has come before it opens."""
        if self._counts:
            return 0
        stretches = self._covered_slots(j, window.first - self.zero, window.last - self.zero)
        return window.last - window.first - sum(last - first for first, last in stretches)

    def _close_over(self) -> None:
        """Closes each window all of whose slots have ended, and opens the next of its kind."""
        for k, opened in enumerate(self.opened):
            while opened and self.kinds[k, LAST] <= self.done and self.kinds[k, LAST] != NEVER:
                row, chosen, window = int(self.kinds[k, ROW]), self._of_kind[k], opened[-1]
                self._settle(k, row, chosen, window)
                following = _window_after(self._lead[k], window)
                if following is None:
                    self.kinds[k, [FIRST, LAST]] = NEVER
                    break
                self._leave(len(opened) % self.rows, chosen)
                opened.append(following)
                self._set_window(k, following)

    def _settle(self, k: int, row: int, chosen: Any, window: Window) -> None:
        """A window that is over is no longer at risk; where events are weighed it is only now that it can miss."""
        now = self.now[row, chosen]
        now[now == kernels.AT_RISK] = kernels.MET
        if self._counts and not self.kinds[k, kernels.RULE]:
            over = courses.all_exceed(self.spent[row, chosen], self.base[row, chosen], self.kinds[k])
            now[over] = kernels.VIOLATED
            self.missed[row, chosen] = np.where(over, window.last - 1 - self.zero, NOT_YET)
        self.now[row, chosen] = now

    def begun(self, k: int, as_of: int) -> Window | None:
        """The window of a kind that has begun while the last slot of the one before has not ended."""
        opened = self.opened[k]
        if not opened or opened[-1].end >= as_of:
            return None
        return _window_after(self._lead[k], opened[-1])

    def held(self, k: int) -> list[tuple[int, Window]]:
        """The calendar windows of a kind that can still be told in full, with the rows of their tallies."""
        opened = self.opened[k]
        start = max(len(opened) - self.rows, 0)
        oldest = self.head - self._size + self.zero
        return [
            (at % self.rows, window)
            for at, window in enumerate(opened[start:], start)
            if window.first >= oldest or window.first == window.last
        ]

    def horizon(self, k: int) -> int:
        """The instant before which no slot belongs to a calendar window of a kind that can still be told."""
        if self.shape.length or not self.opened[k]:
            return 0
        firsts = [window.first for _, window in self.held(k)]
        return min(firsts, default=self.opened[k][-1].last) * self.shape.width

    # -- rows and time ------------------------------------------------------------------------------------------------

    def take_in(self, incoming: Incoming, links: Links, as_of: int) -> None:
        """Takes in rows, and ends the slots to `as_of`. What was settled and comes to be otherwise is derived again."""
        target = max(as_of // self.shape.width - self.zero, self.done)
        touched, self._ahead_slots = self._ahead_slots, {}
        rest = self._put_held(incoming, links, touched)
        while True:
            self.revise(touched)
            if self.done >= target:
                break
            touched, self._ahead_slots = self._ahead_slots, {}
            self._end(min(target, self.done + self._ahead, self._next_close()))
            if rest is not None:
                rest = self._put_before_head(rest, links, touched)
        self._ahead_rows = rest

    def _put_held(self, incoming: Incoming, links: Links, touched: dict[int, set[int]]) -> Incoming | None:
        """Puts what the ring can hold, of these and of those that were ahead of it; returns what it cannot, by time."""
        head = (self.head + self.zero) * self.shape.width
        if self._ahead_rows is None and (not len(incoming) or incoming.last < head):
            self._put(incoming, links, touched)
            return None
        parts = [part for part in (self._ahead_rows, incoming) if part is not None]
        return self._put_before_head(by_time(parts), links, touched)

    def _put_before_head(self, incoming: Incoming, links: Links, touched: dict[int, set[int]]) -> Incoming | None:
        end = int(np.searchsorted(incoming.rows.time, (self.head + self.zero) * self.shape.width))
        if end:
            self._put(incoming.take(slice(0, end)), links, touched)
        return None if end == len(incoming) else incoming.take(slice(end, None))

    def _put(self, incoming: Incoming, links: Links, touched: dict[int, set[int]]) -> None:
        rows, form = incoming.rows, self.shape.form
        if not len(rows):
            return None
        late = np.empty(len(rows), np.int64)
        shared = rows.series, rows.time
        place = self.shape.width, self.zero, self.done
        into = links.member_of, links.next_member
        if form == "values" and rows.value is not None:
            known = incoming.newest.ticks, incoming.newest.base, incoming.judged, incoming.flags
            left = _marking.mark(
                *shared, rows.value, *known, *place, self.ring, *into, self.kind, self.kinds, self.limits, late
            )
            incoming.judged = True
        elif form == "values" or rows.good is None or rows.total is None:
            return self._touch(rows, np.flatnonzero(incoming.judge() == 0), links, touched)
        elif form == "rates":
            opened = self.open_slot, self.open_good, self.open_total
            counts = rows.good, rows.total, incoming.judge()
            left = _marking.mark_rates(*shared, *counts, *place, self.ring, *into, self.kind, self.kinds, *opened, late)
        else:
            most = int(np.iinfo(self.totals.dtype).max) if self.totals.dtype == np.int32 else marking.TOO_MANY
            counts = rows.good, rows.total, incoming.judge()
            left = _marking.add(*shared, *counts, *place, most, self.goods, self.totals, *into, late)
        return self._touch(rows, late[:left], links, touched)

    def _touch(self, rows: Coded, which: Numbers, links: "Links", touched: dict[int, set[int]]) -> None:
        """Notes the slots of these rows for each member that reads them."""
        slots = rows.time[which] // self.shape.width - self.zero
        for code, slot in set(zip(rows.series[which].tolist(), slots.tolist(), strict=True)):
            for j in links.members(code):
                touched.setdefault(j, set()).add(slot)

    def _next_close(self) -> int:
        lasts = self.kinds[:, LAST]
        coming = lasts[lasts > self.done]
        return int(coming.min()) if len(coming) and not self.shape.length else NEVER

    def _end(self, until: int) -> None:
        """Ends the slots before `until`, and opens as many ahead."""
        span = self.done, until, self.shape.length
        if self._counts:
            tallies = self.spent, self.base, self.risk, self.missed
            _kernels.end_counts(self.goods, self.totals, *span, self.kind, self.kinds, *tallies, self.now)
        else:
            _kernels.end_slots(
                self.ring, *span, self._grown_at, self.kind, self.kinds, self.tally, self.now, self.alert
            )
        self.done = until
        head = until + self._ahead
        opening = np.arange(self.head, head) % self._size
        for ring in (self.goods, self.totals) if self._counts else (self.ring,):
            ring[opening] = 0
        self._cover(head)
        self._lay(self.head, head)
        self.head = head
        if not self.shape.length:
            self._close_over()

    # -- exclusions ---------------------------------------------------------------------------------------------------

    def _covered_slots(self, j: int, first: int, last: int) -> list[tuple[int, int]]:
        width, zero = self.shape.width, self.zero
        found = self._source.covered(int(self.index[j]), (first + zero) * width, (last + zero) * width)
        cut = ((max(-(-s // width) - zero, first), min(e // width - zero, last)) for s, e in found)
        return [(s, e) for s, e in cut if s < e]

    def _cover(self, until: int) -> None:
        """Looks up what is excluded before `until`, and a ring's length more."""
        if until <= self._covered_until:
            return
        first, self._covered_until = self._covered_until, until + self._size
        found = [(j, *stretch) for j in self._watched for stretch in self._covered_slots(j, first, self._covered_until)]
        kept = self._stretches[self._stretches[:, 2] > self.done]
        self._stretches = np.concatenate([kept, np.array(found, np.int32).reshape(-1, 3)])

    def _lay(self, first: int, last: int) -> None:
        self._lay_stretches(self._stretches, first, last)

    def _lay_stretches(self, stretches: npt.NDArray[np.int32], first: int, last: int) -> None:
        near = stretches[(stretches[:, 1] < last) & (stretches[:, 2] > first)]
        if not len(near):
            return
        if not self._counts:
            _kernels.lay(self.ring, *np.ascontiguousarray(near.T), first, last)
            return
        for j, begins, ends in near.tolist():
            rows = np.arange(max(begins, first), min(ends, last)) % self._size
            self.goods[rows, j], self.totals[rows, j] = 0, kernels.UNCOUNTED

    def exclude_anew(self, members: Iterable[int]) -> None:
        """Applies what is now excluded of these members, and derives again what that touches."""
        touched: dict[int, set[int]] = {}
        chosen = set(members)
        self._watched |= chosen
        own = np.isin(self._stretches[:, 0], list(chosen))
        oldest = max(self.head - self._size, 0)
        found = {j: self._covered_slots(j, oldest, self._covered_until) for j in chosen}
        new = [(j, *stretch) for j, stretches in found.items() for stretch in stretches]
        self._stretches = np.concatenate([self._stretches[~own], np.array(new, np.int32).reshape(-1, 3)])
        for j in chosen:
            before, after = self._is_excluded(j, oldest), np.zeros(self.head - oldest, np.bool_)
            for first, last in found[j]:
                after[max(first - oldest, 0) : max(last - oldest, 0)] = True
            touched[j] = set((np.flatnonzero(before != after) + oldest).tolist())
        self.revise(touched, regrant=True)

    def _is_excluded(self, j: int, first: int) -> npt.NDArray[np.bool_]:
        if self._counts:
            return np.asarray(self.totals[np.arange(first, self.head) % self._size, j] == kernels.UNCOUNTED)
        return np.asarray(kernels.codes_of(self.ring, j, first, self.head) == kernels.EXCLUDED)

    # -- what comes to be otherwise -----------------------------------------------------------------------------------

    def revise(self, touched: dict[int, set[int]], regrant: bool = False) -> None:
        """Derives the touched slots of these members again from the rows that hold, and with them their windows."""
        reads = {j: self._reads(slots, regrant) for j, slots in touched.items()}
        for some in portions(reads):
            start, end = ((slot + self.zero) * self.shape.width for slot in (some.first, some.last))
            self._source.foresee([int(self.index[j]) for j in some.members], start, end)
            for j in some.members:
                self._revise(j, touched[j], regrant)
        self._source.foresee((), 0, 0)

    def _reads(self, slots: set[int], regrant: bool) -> tuple[int, int]:
        """Which slots [first, last) are looked at to revise these: they themselves, as far as the ring has them, and
        what `_restate_rolling` looks at first."""
        oldest = max(self.head - self._size, 0)
        held = [slot for slot in slots if oldest <= slot < self.head]
        first, last = (min(held), max(held) + 1) if held else (oldest, oldest)
        if self.shape.length and (regrant or any(slot < self.done for slot in slots)):
            first = min(first, max(self.done - 2 * self.shape.length, 0))
        return first, last

    def _revise(self, j: int, slots: set[int], regrant: bool) -> None:
        if j in self.strays:
            self.restated.add(j)
            return
        oldest = max(self.head - self._size, 0)
        if coming := {slot for slot in slots if slot >= self.head}:
            self._ahead_slots.setdefault(j, set()).update(coming)
            slots = slots - coming
        held = [slot for slot in slots if slot >= oldest]
        if held:
            found = self.derive(j, min(held), max(held) + 1)
            if found is None:
                self._stray(j)
                return
            self._write(j, found)
        if regrant or any(slot < self.done for slot in slots):
            self._restate(j, min(slots, default=0))

    def _stray(self, j: int) -> None:
        """From now on the fleet assesses this member by other means: its counts are too many for a ring."""
        self.strays.add(j)
        self.restated.add(j)

    def derive(self, j: int, first: int, last: int) -> Slots | None:
        """What the rows that hold make of the slots [first, last) of a member; None where they hold too many events."""
        width, index = self.shape.width, int(self.index[j])
        rows = self._source.rows(index, max(first + self.zero, 0) * width, (last + self.zero) * width)
        slots = courses.slots_of(self.shape.form, rows, self.terms[j].indicator, first, last, self.zero)
        if slots is not None:
            for begins, ends in self._covered_slots(j, first, last):
                slots.exclude(begins, ends)
        return slots

    def _write(self, j: int, slots: Slots) -> None:
        if slots.goods is None or slots.totals is None:
            kernels.write_codes(self.ring, j, slots.first, slots.codes)
            return
        if self._counts:
            if self.totals.dtype == np.int32 and int(slots.totals.max()) > np.iinfo(np.int32).max:
                self.goods, self.totals = self.goods.astype(np.int64), self.totals.astype(np.int64)
            rows = np.arange(slots.first, slots.last) % self._size
            self.goods[rows, j], self.totals[rows, j] = slots.goods, slots.totals
            return
        kernels.write_codes(self.ring, j, slots.first, slots.codes)
        newest = int(self.open_slot[j])
        if slots.first <= newest < slots.last:
            at = newest - slots.first
            self.open_good[j], self.open_total[j] = slots.goods[at], max(int(slots.totals[at]), 0)

    def slots(self, j: int, first: int, last: int) -> Slots:
        """What the ring holds of the slots [first, last) of a member."""
        if not self._counts:
            return Slots(first, kernels.codes_of(self.ring, j, first, last))
        rows = np.arange(first, last) % self._size
        return courses.of_counts(first, self.goods[rows, j].astype(np.int64), self.totals[rows, j].astype(np.int64))

    def waits(self, j: int, window: Window) -> bool:
        """Whether slots of a window wait for what follows to be decided."""
        return False

    def counted(self, j: int, slots: Slots) -> courses.Flags:
        """Which of these slots of a member count as bad."""
        return courses.bad_by_themselves(slots.codes, self.kinds[self.kind[j]])

    def _restate(self, j: int, first: int) -> None:
        """How the windows of a member stand, anew from slot `first` on."""
        self.restated.add(j)
        k = int(self.kind[j])
        if self.shape.length:
            return self._restate_rolling(j, self.kinds[k])
        oldest = self.head - self._size
        for row, window in self.held(k):
            begins, ends = window.first - self.zero, min(window.last - self.zero, self.done)
            if begins < oldest or begins >= self.done:
                if window is self.opened[k][-1] and not self._counts:
                    self.base[row, j] = self.base_of(j, window)
                continue
            base = 0 if self._counts else self.base_of(j, window)
            course = courses.calendar(self.slots(j, begins, ends), self.kinds[k], base)
            over = window.last - self.zero <= self.done
            self._keep(j, row, course, over, window.last - 1 - self.zero)
            if window is self.opened[k][-1] and not self._counts:
                self.alert[j] = course.status == kernels.NO_DATA
        return None

    def _restate_rolling(self, j: int, rules: Numbers) -> None:
        length, origin = self.shape.length, int(rules[FIRST])
        last = min(self.done, int(rules[LAST]))
        if last <= origin:
            return
        step, first = 2 * length, origin
        while True:
            first = max(last - step, origin)
            slots = self.history(j, first, last)
            if slots is None:
                self._stray(j)
                return
            course = courses.rolling(slots, rules, length, first == origin)
            if course is not None:
                break
            step *= 2
        self._keep(j, 0, course, False, 0)
        if not self._counts:
            self.alert[j] = 1

    def history(self, j: int, first: int, last: int) -> Slots | None:
        """What the slots [first, last) of a member are, from the ring and, as far as it does not go back, derived anew;
        None where they hold too many events."""
        held = min(max(first, self.head - self._size), last)
        newer = self.slots(j, held, last)
        if first == held:
            return newer
        older = self.derive(j, first, held)
        return None if older is None else older.joined(newer)

    def _keep(self, j: int, row: int, course: Course, over: bool, last: int) -> None:
        self.spent[row, j], self.base[row, j] = course.spent, course.base
        if not self._counts:
            self.missing[row, j], self.excluded[row, j] = course.missing, course.excluded
        self.risk[row, j], self.missed[row, j] = course.risk, course.missed
        status = course.status
        if self._counts and not self.shape.length:
            lost = course.missed if self.kinds[self.kind[j], kernels.RULE] else last if over else NOT_YET
            self.missed[row, j] = lost if course.misses else NOT_YET
            if self.missed[row, j] != NOT_YET:
                status = kernels.VIOLATED
        if over and status == kernels.AT_RISK:
            status = kernels.MET
        self.now[row, j] = status


def _kinds(terms: Sequence[Term]) -> tuple[list[Term], npt.NDArray[np.int32]]:
    """One term of each kind, and the kind of each term."""
    found: dict[Any, int] = defaultdict(lambda: len(found))
    of_parts: dict[tuple[object, ...], int] = {}  # terms of one agreement share their parts
    kind = np.empty(len(terms), np.int32)
    for j, term in enumerate(terms):
        parts = (
            id(term.indicator),
            id(term.period),
            id(term.warning),
            term.valid_from,
            term.valid_to,
            term.target,
            term.zone.key,
        )
        if parts not in of_parts:
            of_parts[parts] = found[kind_of(term)]
        kind[j] = of_parts[parts]
    firsts = np.unique(kind, return_index=True)[1]
    return [terms[int(i)] for i in firsts], kind


def _first_windows(term: Term, since: int) -> list[Window]:
    begin = max(since, term.valid_from)
    if term.period.rolling is not None or (term.valid_to is not None and begin >= term.valid_to):
        return []
    return windows(term, begin, begin + 1)[:1]


def _first_slot(term: Term, since: int, opened: Sequence[Window]) -> int | None:
    """The first slot that ever counts; None where the term had ended before `since`."""
    begin, width = max(since, term.valid_from), term.indicator.slot
    if term.valid_to is not None and begin >= term.valid_to:
        return None
    if term.period.rolling is None:
        return opened[0].first
    return ceil_slot(max(since // width * width - term.period.rolling, term.valid_from), width)


def _window_after(term: Term, window: Window) -> Window | None:
    if term.valid_to is not None and window.end >= term.valid_to:
        return None
    return windows(term, window.end, window.end + 1)[0]


def _lengths(shape: Shape) -> tuple[int, int]:
    """The most and the fewest slots that a whole window of this shape has."""
    if shape.unit is None:
        return shape.length, shape.length
    shortest, longest = _DAYS[shape.unit]
    return -(-(longest * DAY + _CLOCKS) // shape.width), max((shortest * DAY - _CLOCKS) // shape.width, 1)


RowsOf = Callable[[str, str, int, int], Held]
"""(service, metric, start, end) -> the rows that hold with start <= time < end (microseconds UTC)."""

assert MOST_EVENTS > marking.TOO_MANY
