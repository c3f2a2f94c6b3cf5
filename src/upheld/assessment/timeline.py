"""The timeline of a term: what each of its slots is, in arrays by slot. DESIGN rules 4 and 5."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from upheld.agreements.indicators import Availability, MissingPolicy, Ratio
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.assessment.columns import BAD as BAD
from upheld.assessment.columns import EXCLUDED as EXCLUDED
from upheld.assessment.columns import GOOD as GOOD
from upheld.assessment.columns import LEFT as LEFT
from upheld.assessment.columns import MISSING as MISSING
from upheld.assessment.columns import Columns, Series, SlotSeries, States, columns_of, grown, rows_in
from upheld.assessment.exact import Flags, Integers, Numbers
from upheld.assessment.grants import Grants
from upheld.assessment.runs import Lateness, Resume, count_runs

RUN_BLOCK = 4096
"""Slots between two places from which runs can be counted anew."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a timeline holds of the slots [first, last): views, not copies. Each entry of an array is one slot.

    `state` is one of GOOD, BAD, MISSING, EXCLUDED by the slot's own figures; `bad` whether it counts as bad, decided
    `late` slots after its own end (None: at its own end); `good` and `total` are a ratio's counts, 0 without data."""

    first: int
    state: States
    bad: Flags
    late: Lateness | None
    good: Integers | None
    total: Integers | None
    alone: npt.NDArray[np.int8] | None = None
    """Of a group, the state of each member (rows) in each slot."""

    def __len__(self) -> int:
        return len(self.state)


def weighs_events(term: Term) -> bool:
    """Whether the term's budget counts events and not slots."""
    return isinstance(term.indicator, Ratio) and term.indicator.weighting == "events"


def missing_policy(term: Term) -> MissingPolicy:
    """What a slot without data counts as; where events are weighed it has none to weigh."""
    return "exclude" if weighs_events(term) else term.indicator.missing


def counting(term: Term, state: States) -> Flags:
    """Which slots have a place in the budget's base: all but those excluded, and those missing where these are."""
    counts: Flags = state < (MISSING if missing_policy(term) == "exclude" else EXCLUDED)
    return counts


class Timeline:
    """The slots of a term from number `first` up to `last`, the last that has ended; it grows and can be rewritten."""

    def __init__(self, term: Term, series: Series, first: int) -> None:
        self._term, self._series = term, series
        self.first = self.last = first
        indicator = term.indicator
        runs = isinstance(indicator, Availability) and (indicator.consecutive, indicator.recovery) != (1, 1)
        self._state = np.zeros(0, np.int8)
        self._excluded = np.zeros(0, np.bool_)
        self._bad = np.zeros(0, np.bool_)
        self._late = np.zeros(0, np.int32) if runs else None
        self._resumes = [Resume(0, False)]
        self._good: Integers | None = np.zeros(0, np.int64) if isinstance(indicator, Ratio) else None
        self._total: Integers | None = np.zeros(0, np.int64) if isinstance(indicator, Ratio) else None
        self.undecided: Numbers = np.zeros(0, np.int64)

    def exclude(self, first: int, last: int, granted: Grants) -> int:
        """Sets which slots of [first, last) do not count, and returns how many may. Slots that have ended are to be
        rewritten afterwards."""
        flags = self._flags(first, last, granted.covered)
        self._excluded = grown(self._excluded, last - self.first)
        self._excluded[first - self.first : last - self.first] = flags
        return len(flags) - int(np.count_nonzero(flags))

    def _flags(self, first: int, last: int, covered: tuple[Interval, ...]) -> Flags:
        """Which slots of [first, last) lie wholly inside the intervals."""
        width = self._term.indicator.slot
        flags = np.zeros(last - first, np.bool_)
        for start, end in covered:
            flags[max(-(-start // width) - first, 0) : max(end // width - first, 0)] = True
        return flags

    def rewrite(self, first: int, last: int) -> Numbers:
        """Computes the slots [first, last) anew from the series' rows; `last` may lie behind those that had ended, and
        the timeline then grows. Returns the numbers of slots outside of it that now count otherwise."""
        self._grow(max(last, self.last))
        here = slice(first - self.first, last - self.first)
        columns = None
        if isinstance(self._series, SlotSeries):
            state = self._series.states(self._term, first, last)
        else:
            columns = columns_of(self._term, rows_in(self._term, self._series, first, last))
            state = np.full(last - first, MISSING, np.int8)
            state[columns.number - first] = columns.bad  # GOOD or BAD
        np.copyto(state, EXCLUDED, where=self._excluded[here])
        self._state[here] = state
        if self._late is None:
            self._bad[here] = self._by_itself(state)
        if self._good is not None:
            assert columns is not None
            self._write_counts(here, columns)
        return self._recount(first, last) if self._late is not None else np.zeros(0, np.int64)

    def span(self, first: int, last: int) -> Span:
        """The slots [first, last), as far as they have ended and the timeline knows them."""
        start = max(first - self.first, 0)
        here = slice(start, max(min(last, self.last) - self.first, start))
        late = None if self._late is None else self._late[here]
        good, total = (None if counts is None else counts[here] for counts in (self._good, self._total))
        return Span(start + self.first, self._state[here], self._bad[here], late, good, total)

    def last_failing(self) -> int | None:
        """The number of the last slot that counts as bad or, where a softer target is set, misses that by itself: as
        long as slots do, what is at risk has not been restored."""
        term = self._term
        soft = term.warning.target if term.warning is not None else None
        if soft is None or isinstance(term.indicator, Availability):  # there a slot is good or bad, whatever the target
            return self._last(lambda s: s.bad)
        softly = replace(term, target=soft)

        def failing(span: Span) -> Flags:
            columns = columns_of(softly, rows_in(term, self._series, span.first, span.first + len(span)))
            misses = np.zeros(len(span), np.bool_)
            misses[columns.number[columns.bad] - span.first] = True
            flags: Flags = (misses | span.bad) & (span.state != EXCLUDED)
            return flags

        return self._last(failing)

    def count_good(self, after: int | None) -> int:
        """How many slots behind slot `after` (or of all, where that is None) have data and are good."""
        first = self.first if after is None else after + 1
        return int(np.count_nonzero(self.span(first, self.last).state == GOOD))

    def _last(self, chosen: Callable[[Span], Flags]) -> int | None:
        """The last chosen slot, looked for backwards in steps that double: most often it is near."""
        end, step = self.last, 256
        while end > self.first:
            span = self.span(end - step, end)
            found = np.flatnonzero(chosen(span))
            if len(found):
                return span.first + int(found[-1])
            end, step = end - step, step * 2
        return None

    def _grow(self, last: int) -> None:
        size = last - self.first
        self._state, self._bad = grown(self._state, size), grown(self._bad, size)
        self._excluded = grown(self._excluded, size)
        if self._late is not None:
            self._late = grown(self._late, size)
        if self._good is not None and self._total is not None:
            self._good, self._total = grown(self._good, size), grown(self._total, size)
        self.last = last

    def _write_counts(self, here: slice, columns: Columns) -> None:
        assert self._good is not None
        assert self._total is not None
        assert columns.good is not None
        assert columns.total is not None
        self._good[here], self._total[here] = 0, 0
        if columns.total.dtype != self._total.dtype and self._total.dtype != object:
            self._good, self._total = self._good.astype(object), self._total.astype(object)
        where = columns.number - self.first
        counts = self._state[where] != EXCLUDED
        self._good[where] = np.where(counts, columns.good, 0)
        self._total[where] = np.where(counts, columns.total, 0)

    def _by_itself(self, state: States) -> Flags:
        policy = missing_policy(self._term)
        bad: Flags = (state == BAD) | (state == MISSING) if policy == "bad" else state == BAD
        return bad

    def _recount(self, first: int, last: int) -> Numbers:
        indicator = self._term.indicator
        assert isinstance(indicator, Availability)
        assert self._late is not None
        block = (first - self.first) // RUN_BLOCK
        resume = self._resumes[min(block, len(self._resumes) - 1)]
        size = self.last - self.first
        stops = np.arange(block + 1, size // RUN_BLOCK + 1) * RUN_BLOCK
        state = self._state[resume.index : size]
        takes_part = counting(self._term, state)
        runs = count_runs(
            self._by_itself(state),
            takes_part,
            indicator.consecutive,
            indicator.recovery,
            resume.down,
            stops - resume.index,
        )
        self._resumes[block + 1 :] = [Resume(r.index + resume.index, r.down) for r in runs.resumes]
        begin, behind = first - self.first, last - self.first
        outside = [
            np.flatnonzero(
                (self._bad[part] != runs.bad[part.start - resume.index : part.stop - resume.index])
                | (self._late[part] != runs.late[part.start - resume.index : part.stop - resume.index])
            )
            + part.start
            for part in (slice(resume.index, max(begin, resume.index)), slice(behind, size))
            if part.start < part.stop
        ]
        if resume.index == 0 and size == len(self._bad):
            self._bad, self._late = runs.bad, runs.late
        else:
            self._bad[resume.index : size], self._late[resume.index : size] = runs.bad, runs.late
        self.undecided = runs.undecided + resume.index + self.first
        return np.concatenate(outside) + self.first if outside else np.zeros(0, np.int64)
