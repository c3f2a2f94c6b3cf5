"""The reference model's figures over values. DESIGN rule 5."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from upheld.agreements.indicators import Aggregate
from upheld.assessment.sketch import RELATIVE_ERROR, figure_at, sketch_of


def figure_of(indicator: Aggregate, ordered: Sequence[float]) -> tuple[float | Fraction, str | None]:
    """mean, min, max, sum or pNN of values in ascending order (at least one), and by how much it may be off: a share
    such as 0.005 where a sketch gave it, None where it is exact."""
    if indicator.aggregate.startswith("p") and len(ordered) > indicator.exact_up_to:
        rank = nearest_rank(indicator.aggregate, len(ordered))
        return figure_at(sketch_of(np.array(ordered)), rank), RELATIVE_ERROR
    return aggregate(indicator.aggregate, ordered), None


def aggregate(name: str, ordered: Sequence[float]) -> float | Fraction:
    """mean, min, max, sum or pNN of values in ascending order (at least one). A sum or a mean is exact; a percentile is
    the nearest-rank one."""
    match name:
        case "min":
            return ordered[0]
        case "max":
            return ordered[-1]
        case "sum":
            return exact_sum(ordered)
        case "mean":
            return exact_sum(ordered) / len(ordered)
    return ordered[nearest_rank(name, len(ordered)) - 1]


def nearest_rank(name: str, count: int) -> int:
    """The rank, from 1 on, of a percentile such as p95 among so many values."""
    return max(math.ceil(Fraction(name[1:]) / 100 * count), 1)


def exact_sum(values: Sequence[float]) -> Fraction:
    """The sum of finite values, each taken as the decimal it is written as: 0.1 and 0.2 are 0.3."""
    return sum((Fraction(repr(value)) for value in values), Fraction(0))
