"""Many points made few for a chart, with no dip and no peak lost."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def extremes(values: Floats, most: int) -> Indices:
    """The places, ascending, of at most `most` (2 or more) of the values: where there are more, of each run of equally
    many the lowest and the highest, the first of several. Values that are NaN count as the lowest and the highest."""
    if len(values) <= most:
        return np.arange(len(values))
    size = -(-len(values) // (most // 2))
    runs = np.pad(values, (0, -len(values) % size), mode="edge").reshape(-1, size)
    starts = np.arange(len(runs)) * size
    ends = np.concatenate([starts + runs.argmin(axis=1), starts + runs.argmax(axis=1)])
    found: Indices = np.unique(ends)
    return found
