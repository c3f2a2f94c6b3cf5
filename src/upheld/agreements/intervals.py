"""What intervals cover together, have in common, and leave out. An interval is half-open, (start, end)."""

from collections.abc import Iterable

Interval = tuple[int, int]


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """What any of them covers: in order, and apart from each other."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def overlap(some: Iterable[Interval], others: Iterable[Interval]) -> tuple[Interval, ...]:
    """What lies in an interval of both, of each of `some` by itself: in order."""
    return _cut(some, others)[0]


def minus(some: Iterable[Interval], others: Iterable[Interval]) -> tuple[Interval, ...]:
    """What lies in an interval of `some` and in none of `others`, of each of `some` by itself: in order."""
    return _cut(some, others)[1]


def _cut(some: Iterable[Interval], others: Iterable[Interval]) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """What of `some` lies inside of `others`, and what outside."""
    inside: list[Interval] = []
    outside: list[Interval] = []
    by = union(others)
    position = 0
    for start, end in sorted(some):
        while position < len(by) and by[position][1] <= start:
            position += 1
        cursor, at = start, position
        while at < len(by) and by[at][0] < end:
            begins, ends = max(by[at][0], start), min(by[at][1], end)
            if cursor < begins:
                outside.append((cursor, begins))
            inside.append((begins, ends))
            cursor, at = ends, at + 1
        if cursor < end:
            outside.append((cursor, end))
    return tuple(inside), tuple(outside)
