"""Measurements condensed to slots while they are read, against the same files read row by row: verdicts and faults."""

import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from worlds import World, laws, unhurried, worlds

from upheld.agreements.indicators import Availability
from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import MINUTE
from upheld.assessment import batch as condensing_of_slots
from upheld.assessment.advance import assess
from upheld.assessment.batch import SlotBatch
from upheld.cli import app
from upheld.measurements.model import Measurement, to_table
from upheld.readers import condensing, tables
from upheld.readers.condensing import condensed
from upheld.readers.faults import InputError
from upheld.readers.tables import Delivery, forms_read, last_slot_end, read_measurements

pytestmark = unhurried

T0 = 1_780_272_000_000_000


@pytest.fixture(autouse=True, scope="module")
def _small_files_too() -> Any:
    """Files of any size are condensed, in chunks of a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "condensed", lambda paths, terms: condensed(paths, terms, least_rows=1))
        patch.setattr(condensing_of_slots, "CHUNK", 7)
        patch.setattr(condensing_of_slots, "TILE", 3)
        yield


def write(path: Path, rows: Sequence[Measurement], group: int, **columns: Any) -> Path:
    """A Parquet file of values as a collector writes it, `group` rows a row group; `columns` replace those of rows."""
    table = {
        "service": pa.array([m.service for m in rows]),
        "metric": pa.array([m.metric for m in rows]),
        "time": pa.array([m.time for m in rows], pa.timestamp("us", "UTC")),
        "value": pa.array([m.value for m in rows], pa.float64()),
    }
    pq.write_table(pa.table(table | columns), path, row_group_size=group)
    return path


def both(
    paths: Sequence[Path], terms: Sequence[Term], world: World, *, strict: bool = False
) -> tuple[Delivery, tuple[object, ...], tuple[object, ...]]:
    """The delivery where condensing is allowed, and what it comes to; and what the rows come to. An error is told."""
    found: list[tuple[object, ...]] = []
    delivery = Delivery(None, None, None)
    for allowed in (None, terms):
        try:
            delivery = read_measurements(paths, forms_read(terms), terms=allowed, strict=strict)
        except InputError as error:
            found.append((str(error),))
            continue
        verdicts = assess(
            terms, delivery.batch, world.exclusions, world.as_of, since=world.since, lateness=world.lateness
        )
        end = last_slot_end(delivery.batch, terms)
        found.append((verdicts, end, delivery.earliest, delivery.latest, delivery.notes))
    return delivery, found[1], found[0]


def by_value(term: Term) -> bool:
    return isinstance(term.indicator, Availability) and term.indicator.good_when is not None and term.members is None


@laws()
@given(worlds(), st.randoms(use_true_random=False), st.sampled_from(["series", "time", "any"]), st.integers(1, 50))
def test_condensed_measurements_come_to_the_same_verdicts_whatever_the_order_of_rows(
    world: World, chance: random.Random, order: str, group: int
) -> None:
    terms = [term for term in world.terms if by_value(term)]
    read = {key for term in terms for key in term.series}
    rows = [m for m in world.measurements if (m.service, m.metric) in read and m.value is not None]
    if not rows:
        return
    rows.sort(key=lambda m: (m.time, m.service) if order == "time" else (m.service, m.metric, m.time))
    if order == "any":
        chance.shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        cut = chance.randint(0, len(rows))
        parts = [part for part in (rows[:cut], rows[cut:]) if part]
        paths = [write(Path(folder, f"{n}.parquet"), part, group) for n, part in enumerate(parts)]
        delivery, one, other = both(paths, terms, world)
    assert one == other
    widths = {key: {term.indicator.slot for term in terms if key in term.series} for key in read}
    slots = [(m.service, m.metric, w, m.time // w) for m in rows for w in widths[m.service, m.metric]]
    ragged = any(term.valid_to is not None and term.valid_to % term.indicator.slot for term in terms)
    if len(set(slots)) < len(slots) or ragged:
        assert not isinstance(delivery.batch, SlotBatch)


def terms_of(services: Sequence[str], **indicator: object) -> tuple[Term, ...]:
    rule = {"kind": "availability", "metric": "up", "good_when": ">= 1", "consecutive": 3, "recovery": 2, **indicator}
    objective = {"id": "o", "indicator": rule, "period": {"calendar": "day"}, "target": "99 %"}
    agreement = {"id": "a", "customer": "c", "valid": {"from": "2026-01-01"}, "services": list(services)}
    return compile_terms([Agreement.model_validate({**agreement, "objectives": [objective]})])


def regular(services: str, slots: int) -> list[Measurement]:
    return [
        Measurement(s, "up", T0 + i * MINUTE + 7, value=float((i + k) % 11 > 2))
        for k, s in enumerate(services)
        for i in range(slots)
        if (i + k) % 17
    ]


TERMS = terms_of("abc")
WORLD = World(TERMS, (), (), T0 + 300 * MINUTE, None, 0)


@pytest.mark.parametrize("by_time", [False, True])
@pytest.mark.parametrize("group", [5, 50, 1000])
def test_regular_files_are_condensed(tmp_path: Path, by_time: bool, group: int) -> None:
    rows = regular("abc", 90)
    if by_time:
        rows.sort(key=lambda m: (m.time, m.service))
    delivery, one, other = both([write(tmp_path / "m.parquet", rows, group)], TERMS, WORLD)
    assert isinstance(delivery.batch, SlotBatch)
    assert delivery.batch.num_rows == len(rows)
    assert one == other
    assert both([tmp_path / "m.parquet"], TERMS, WORLD, strict=True)[1:] == (one, other)


def test_services_of_which_nothing_was_measured_and_other_widths_are_condensed_too(tmp_path: Path) -> None:
    terms = (*TERMS, *terms_of("de"), *terms_of("ab", slot="2m", good_when="< 1", missing="bad"))
    rows = [replace(m, time=m.time - m.time % (2 * MINUTE)) for m in regular("abc", 90)]
    rows = list({(m.service, m.time): m for m in rows}.values())
    delivery, one, other = both([write(tmp_path / "m.parquet", rows, 20)], terms, replace(WORLD, terms=terms))
    assert isinstance(delivery.batch, SlotBatch)
    assert one == other


def with_value(position: int, value: float | None) -> list[Measurement]:
    rows = regular("abc", 90)
    rows[position] = replace(rows[position], value=value)
    return rows


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (with_value(40, float("nan")), "m.parquet: row 41: value: nan is not a finite number"),
        (with_value(3, float("-inf")), "m.parquet: row 4: value: -inf is not a finite number"),
        (with_value(99, None), "m.parquet: row 100: value: is missing"),
        ([*regular("ab", 90), replace(regular("c", 2)[0], service="")], "m.parquet: row 170: service: is missing"),
        ([*regular("ab", 90), replace(regular("c", 2)[0], time=-5)], "m.parquet: row 170: time: "),
    ],
)
def test_what_is_wrong_is_said_with_file_row_and_field(
    tmp_path: Path, rows: list[Measurement], said: str, strict: bool
) -> None:
    _, one, other = both([write(tmp_path / "m.parquet", rows, 30)], TERMS, WORLD, strict=strict)
    assert one == other
    assert said in str(one[0])


def twice(change: dict[str, Any]) -> list[Measurement]:
    rows = regular("abc", 90)
    return [*rows, replace(rows[50], **change)]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(twice({}), id="delivered twice"),
        pytest.param(twice({"value": 7.0}), id="contradicting"),
        pytest.param(twice({"time": T0 + 50 * MINUTE + 9}), id="two in a slot"),
        pytest.param(twice({"service": "stranger"}), id="a service that no agreement names"),
        pytest.param(twice({"metric": "rtt"}), id="a metric that no objective reads"),
    ],
)
def test_what_is_odd_is_read_row_by_row(tmp_path: Path, rows: list[Measurement], strict: bool) -> None:
    delivery, one, other = both([write(tmp_path / "m.parquet", rows, 30)], TERMS, WORLD, strict=strict)
    assert one == other
    assert not isinstance(delivery.batch, SlotBatch)


@pytest.mark.parametrize(
    "columns",
    [
        {"known_at": pa.array([T0] * 254, pa.timestamp("us", "UTC"))},
        {"value": pa.array([1] * 254, pa.int64())},
        {"time": pa.array([T0 * 1000 + i * 60_000_000_000 for i in range(254)], pa.timestamp("ns", "UTC"))},
        {"time": pa.array([T0 + i * 60_000_000 for i in range(254)], pa.timestamp("us"))},
        {"vlaue": pa.array([1.0] * 254)},
    ],
    ids=["known_at", "whole numbers", "nanoseconds", "no zone", "an unknown column"],
)
def test_other_columns_are_read_row_by_row(tmp_path: Path, columns: dict[str, Any]) -> None:
    path = write(tmp_path / "m.parquet", regular("abc", 90), 30, **columns)
    delivery, one, other = both([path], TERMS, WORLD)
    assert one == other
    assert not isinstance(delivery.batch, SlotBatch)


def test_footers_that_tell_no_times_and_files_that_are_none(tmp_path: Path) -> None:
    plain = to_table(regular("abc", 90)).select(["service", "metric", "time", "value"])
    table = plain.set_column(2, "time", plain.column("time").cast(pa.timestamp("us", "UTC")))
    pq.write_table(table, tmp_path / "m.parquet", write_statistics=False)
    assert condensing.condensed([tmp_path / "m.parquet"], TERMS, least_rows=1) is None
    assert both([tmp_path / "m.parquet"], TERMS, WORLD)[1] == both([tmp_path / "m.parquet"], TERMS, WORLD)[2]
    (tmp_path / "n.parquet").write_bytes((tmp_path / "m.parquet").read_bytes()[:-9])
    _, one, other = both([tmp_path / "n.parquet"], TERMS, WORLD)
    assert one == other
    assert "is not a Parquet file, or is cut off" in str(one[0])


def test_the_command_prints_the_same_of_a_large_file_whether_it_can_be_condensed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[bool] = []

    def as_it_is(paths: Sequence[Path], terms: Sequence[Term]) -> SlotBatch | None:
        found = condensed(paths, terms)  # large files only
        came.append(found is not None)
        return found

    monkeypatch.setattr(tables, "condensed", as_it_is)
    monkeypatch.setattr(condensing_of_slots, "CHUNK", 1 << 15)
    services = [f"s{n}" for n in range(30)]
    agreement = {
        "id": "a",
        "customer": "c",
        "valid": {"from": "2026-01-01"},
        "services": services,
        "objectives": [
            {
                "id": "o",
                "indicator": {"kind": "availability", "metric": "up", "good_when": ">= 1", "consecutive": 3},
                "period": {"calendar": "day"},
                "target": "99 %",
            }
        ],
    }
    (tmp_path / "agreements.yaml").write_text(json.dumps({"agreements": [agreement]}))
    rows = [
        Measurement(s, "up", T0 + i * MINUTE, value=float((i + 13 * k) % 211 > 30))
        for k, s in enumerate(services)
        for i in range(4000)
        if (i + k) % 97
    ]
    assert len(rows) >= condensing.LEAST_ROWS
    write(tmp_path / "regular.parquet", rows, 50_000)
    write(tmp_path / "doubled.parquet", [*rows, rows[0]], 50_000)
    printed = []
    for name in ("regular", "doubled"):
        arguments = ["assess", str(tmp_path / "agreements.yaml"), str(tmp_path / f"{name}.parquet"), "--format", "json"]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1
        printed.append(done.stdout)
    assert came == [True, False]
    assert printed[0] == printed[1]
    assert {verdict["status"] for verdict in json.loads(printed[0])} >= {"violated"}
