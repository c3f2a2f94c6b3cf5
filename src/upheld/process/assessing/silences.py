"""Which series of a tenant have fallen silent: the newest measurement of each, who delivered it, and when to look
again."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa

from upheld.agreements.terms import Term
from upheld.assessment.silence import Heard, SeriesKey, Silence, heard, is_valid, silence
from upheld.measurements.exclusions import Exclusion

TermKey = tuple[str, str, str]


class Watch:
    """Takes note of what is read of the log, and says which promises' series are silent. Where no indicator has
    `silent_after`, it costs nothing."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms: Mapping[TermKey, list[Term]] = defaultdict(list)
        for term in terms:
            if term.indicator.silent_after is not None:
                self._terms[term.key].append(term)
        self._series = {series for stated in self._terms.values() for term in stated for series in term.series}
        self._newest: dict[SeriesKey, int] = {}
        self._senders: dict[SeriesKey, str] = {}
        self._looked_at: tuple[int, Sequence[Exclusion] | None] = (0, None)
        self._look_at = 0

    def note(self, batch: pa.Table, delivered: Sequence[tuple[int, str | None]] = ()) -> None:
        """A batch of the log (`measurements.model.COLUMNS`), and who `delivered` it: each for so many rows, in their
        order. The same again changes nothing; of two who delivered a measurement of one instant, the first by name
        counts."""
        if not self._series or not batch.num_rows:
            return
        coded = [batch.column(name).combine_chunks() for name in ("service", "metric")]
        services, metrics = (column.dictionary.to_pylist() for column in coded)
        codes = coded[0].indices.to_numpy().astype(np.int64) * len(metrics) + coded[1].indices.to_numpy()
        found, places = np.unique(codes, return_inverse=True)
        names = sorted({name for _, name in delivered if name is not None}, reverse=True)
        ranks = {name: rank for rank, name in enumerate(names)}
        by = np.repeat(
            *np.array([(ranks.get(name or "", -1), rows) for rows, name in delivered] or [(-1, len(codes))]).T
        )
        times, newest = batch.column("time").to_numpy(), np.zeros(len(found), np.int64)
        order = np.lexsort((by, times))
        newest[places[order]] = order  # of several the last in this order
        for code, row in zip(found.tolist(), newest.tolist(), strict=True):
            series = services[code // len(metrics)], metrics[code % len(metrics)]
            if series in self._series:
                self._put(series, int(times[row]), None if by[row] < 0 else names[by[row]])

    def _put(self, series: SeriesKey, time: int, sender: str | None) -> None:
        known = self._newest.get(series, 0)
        if time > known:
            self._newest[series] = time
            self._senders.pop(series, None)
        if time >= known and sender is not None:
            self._senders[series] = min(sender, self._senders.get(series, sender))

    def of(self, key: TermKey, exclusions: Sequence[Exclusion], as_of: int) -> Silence | int | None:
        """The silence of a promise; see `silence`. None where none of its measurements is known any more, too."""
        found = (silence(term, self._newest, exclusions, as_of) for term in self._terms.get(key, ()))
        return next((one for one in found if one is not None), None)

    def heard(self, as_of: int) -> list[Heard]:
        """What was last heard of each series that is watched; see `assessment.silence.heard`."""
        return heard((term for stated in self._terms.values() for term in stated), self._newest, self._senders, as_of)

    def watches(self, key: TermKey, as_of: int) -> bool:
        """Whether a promise is valid and says when it is silent."""
        return any(is_valid(term, as_of) for term in self._terms.get(key, ()))

    def silent(
        self, exclusions: Sequence[Exclusion], as_of: int, known: Collection[TermKey], listening_since: int = 0
    ) -> list[tuple[TermKey, Silence]]:
        """The promises that are silent and not among those `known` to be.

        Whoever was stopped cannot tell silence from what waits to be sent again: nothing is silent before it was
        listened for so long, from `listening_since` on (microseconds UTC). It looks no sooner than there can be one:
        what is measured in the meantime only puts that off."""
        looked_at = len(self._newest), exclusions
        if as_of < self._look_at and looked_at == self._looked_at:
            return []
        found, look_at = [], np.iinfo(np.int64).max
        for key, stated in self._terms.items():
            if key in known:
                look_at = min(look_at, as_of)  # it may end, and fall silent again
                continue
            for term in stated:
                came = silence(term, self._newest, exclusions, as_of)
                heard = listening_since + (term.indicator.silent_after or 0)
                if isinstance(came, Silence) and as_of < heard:
                    look_at = min(look_at, heard)
                elif isinstance(came, Silence):
                    found.append((key, came))
                    look_at = as_of
                elif came is not None:
                    look_at = min(look_at, came)
                elif as_of < term.valid_from:
                    look_at = min(look_at, term.valid_from)
        self._looked_at, self._look_at = looked_at, int(look_at)
        return found
