"""The timeline of a group that is put together slot by slot, over columns: `groups.together` says it of one slot."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from upheld.agreements.terms import Term
from upheld.assessment.columns import Series, States, columns_of, grown, rows_in
from upheld.assessment.exact import Flags, Integers, Numbers, exceeds
from upheld.assessment.grants import Grants
from upheld.assessment.groups import down_reason
from upheld.assessment.timeline import BAD, EXCLUDED, GOOD, LEFT, MISSING, Span, Timeline, missing_policy

Table = npt.NDArray[np.int8]
"""A state for each member (rows) in each slot (columns)."""


class GroupTimeline(Timeline):
    """The slots of a group. It keeps what each member's slot is too, to name those that were down.

    Of a weighted mean, `good` and `total` of a slot are the weights of its good members, and of its good and bad ones.
    A slot that turns out to be excluded, though it might have counted, is LEFT: it leaves the budget's base."""

    def __init__(self, term: Term, series: Sequence[Series], first: int) -> None:
        super().__init__(term, series[0], first)
        assert term.members is not None
        self._members, self._parts, self._of_parts = term.members, term.parts, series
        self._weights = np.array(term.weights, np.int64)
        self._out = [np.zeros(0, np.bool_) for _ in series]
        self._alone = [np.zeros(0, np.int8) for _ in series]
        if term.members.rule == "mean":
            self._good, self._total = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def exclude(self, first: int, last: int, granted: Grants) -> int:
        super().exclude(first, last, granted)
        here = slice(first - self.first, last - self.first)
        for k, covered in enumerate(granted.parts):
            self._out[k] = grown(self._out[k], last - self.first)
            self._out[k][here] = self._flags(first, last, covered)
        out = np.sum([flags[here] for flags in self._out], axis=0)
        foreseen = self._excluded[here] | self._surely_excluded(out)
        return len(foreseen) - int(np.count_nonzero(foreseen))

    def rewrite(self, first: int, last: int) -> Numbers:
        self._grow(max(last, self.last))
        here = slice(first - self.first, last - self.first)
        table = np.stack([self._states_of(k, first, last) for k in range(len(self._parts))])
        for k, states in enumerate(table):
            self._alone[k] = grown(self._alone[k], last - self.first)
            self._alone[k][here] = states
        counted = self._counted(table)
        state = self._redundant(counted) if self._total is None else self._mean(counted, here)
        measured = (table < MISSING).any(axis=0)
        state[(state < MISSING) & ~measured] = MISSING
        out = np.count_nonzero(table == EXCLUDED, axis=0)
        undecided = (state == LEFT) & (out == 0)
        state[undecided] = MISSING
        state[(state == LEFT) & self._surely_excluded(out)] = EXCLUDED
        state[self._excluded[here]] = EXCLUDED
        if self._good is not None and self._total is not None:
            self._good[here][state >= MISSING], self._total[here][state >= MISSING] = 0, 0
        self._state[here] = state
        if self._late is None:
            self._bad[here] = self._by_itself(state)
            return np.zeros(0, np.int64)
        return self._recount(first, last)

    def span(self, first: int, last: int) -> Span:
        span = super().span(first, last)
        start = span.first - self.first
        alone = np.stack([states[start : start + len(span)] for states in self._alone])
        return replace(span, alone=alone)

    def last_failing(self) -> int | None:
        """As of any timeline; of a weighted mean, the last slot that is worth less than the target, or the softer one
        where it is set."""
        if self._total is None:
            return super().last_failing()
        return self._last(lambda span: ~self._suffices(span) & (span.state < EXCLUDED))

    def count_good(self, after: int | None) -> int:
        if self._total is None:
            return super().count_good(after)
        span = self.span(self.first if after is None else after + 1, self.last)
        return int(np.count_nonzero(self._suffices(span) & (span.state < MISSING)))

    def _suffices(self, span: Span) -> Flags:
        """Where a slot is worth what the target wants, or the softer one; what is missing is so where it counts as
        good, or not at all."""
        assert span.good is not None
        assert span.total is not None
        soft = self._term.warning.target if self._term.warning is not None else None
        wanted = self._term.target if soft is None else soft
        assert isinstance(wanted, Fraction)
        short = exceeds(span.total - span.good, 1 - wanted, span.total)
        suffices: Flags = ~(short | (span.bad & (span.state == MISSING)))
        return suffices

    def _states_of(self, k: int, first: int, last: int) -> States:
        """What the slots of a member are by themselves."""
        part = self._parts[k]
        columns = columns_of(part, rows_in(part, self._of_parts[k], first, last))
        states = np.full(last - first, MISSING, np.int8)
        states[columns.number - first] = columns.bad  # GOOD or BAD
        self._out[k] = grown(self._out[k], last - self.first)
        states[self._out[k][first - self.first : last - self.first]] = EXCLUDED
        return states

    def _counted(self, table: Table) -> Table:
        """The table with what is missing as what the policy counts it as."""
        policy = missing_policy(self._term)
        if policy == "exclude":
            return table
        return np.where(table == MISSING, np.int8(BAD if policy == "bad" else GOOD), table)

    def _redundant(self, counted: Table) -> States:
        good = np.count_nonzero(counted == GOOD, axis=0)
        could = good + np.count_nonzero(counted >= MISSING, axis=0)
        needs = self._members.needs
        return np.select([good >= needs, could < needs], [np.int8(GOOD), np.int8(BAD)], np.int8(LEFT))

    def _mean(self, counted: Table, here: slice) -> States:
        assert self._good is not None
        assert self._total is not None
        good = self._weights @ (counted == GOOD)
        total = good + self._weights @ (counted == BAD)
        self._good[here], self._total[here] = good, total
        return np.select([total == 0, good == total], [np.int8(LEFT), np.int8(GOOD)], np.int8(BAD))

    def _surely_excluded(self, out: Integers) -> Flags:
        """`groups.surely_excluded`, by slot."""
        others = len(self._parts) - out
        if self._members.rule == "mean":
            return np.asarray(others == 0, np.bool_)
        return np.asarray((others < self._members.needs) & (out >= self._members.needs), np.bool_)


def timeline_of(term: Term, series: Sequence[Series], first: int) -> Timeline:
    """The empty timeline of a term from slot `first` on; `series` as `Term.series` lists them."""
    return Timeline(term, series[0], first) if term.members is None else GroupTimeline(term, series, first)


def bad_stretches(term: Term, span: Span, reason: str) -> Iterator[tuple[int, int, str]]:
    """The stretches of bad slots of a group, half-open indices, each with the reason and the members down in it."""
    assert span.alone is not None
    assert term.members is not None
    down = span.alone == BAD
    silent = (span.alone == MISSING) & (missing_policy(term) == "bad")
    table = np.concatenate([span.bad[None], down, silent])
    breaks = np.flatnonzero((table[:, 1:] != table[:, :-1]).any(axis=0)) + 1
    edges = [0, *breaks.tolist(), len(span)]
    for start, end in pairwise(edges):
        if start < end and span.bad[start]:
            yield start, end, down_reason(reason, _names(term, down[:, start]), _names(term, silent[:, start]))


def _names(term: Term, flags: Flags) -> list[str]:
    return [service for service, flag in zip(term.services, flags.tolist(), strict=True) if flag]
