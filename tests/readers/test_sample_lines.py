"""Samples that were set aside: read again, however many series come and go."""

import pytest

from upheld.measurements.mapping import Mapping
from upheld.readers.known_bytes import TooManySeries
from upheld.readers.labelled import Receiver
from upheld.readers.sample_lines import SampleLines, to_lines

MAPPING = Mapping.model_validate({"series": [{"labels": {"a": "b"}, "service": "s", "metric": "m"}]})


def body(*pods: int) -> bytes:
    return b"".join(to_lines([((("a", "b"), ("pod", str(pod))), 1_000_000, 1.0) for pod in pods]))


def test_series_that_come_and_go_are_forgotten_at_the_limit_and_nothing_is_lost() -> None:
    receiver = Receiver(lambda: SampleLines(max_series=3))
    came = [receiver.read(body(*pods), MAPPING, {("s", "m")}, 2_000_000) for pods in ((1, 2), (2, 3), (4, 5), (1, 1))]
    assert [received.table.num_rows for received in came] == [2, 2, 2, 2]
    assert [received.anew for received in came] == [False, False, True, False]
    with pytest.raises(TooManySeries):
        receiver.read(body(1, 2, 3, 4), MAPPING, {("s", "m")}, 2_000_000)
    assert receiver.read(body(1), MAPPING, {("s", "m")}, 2_000_000).table.num_rows == 1
