"""Measurements in, and out again as a series for a chart."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Name, RawBody, Window, check_media_type
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.measurements.thinning import Floats, extremes
from upheld.readers.bodies import ARROW_FILE, ARROW_STREAM, CONTENT_TYPES, CSV, JSON_LINES, PARQUET, Batch, media_type
from upheld.readers.body_faults import MalformedBody, RowFault, WrongContentType

MAX_POINTS = 100_000
PROTOCOLS = {ARROW_STREAM: "Arrow", ARROW_FILE: "Arrow", CSV: "CSV", PARQUET: "Parquet"} | dict.fromkeys(
    JSON_LINES, "JSON lines"
)
"""What each form of a body is called among the metrics."""


class SeriesQuery(Window):
    """One series in a window. `points`: no more than so many of its measurements; where there are more, the lowest and
    the highest of each of equally many."""

    service: Name
    metric: Name
    points: Annotated[int, Field(ge=2, le=MAX_POINTS)] | None = None


def router(application: Application) -> APIRouter:
    """`/v1/measurements`."""
    routes = APIRouter(prefix="/v1/measurements", tags=["measurements"])
    ingestion = application.ingestion

    @routes.post("", status_code=202, openapi_extra=_body_schema())
    def deliver(caller: Asking, body: RawBody, mode: Literal["whole", "rows"] = "whole") -> JSONResponse:
        """Takes a batch, which is on disk before this answers. `whole`: one bad row and nothing is taken; `rows`: the
        good rows are taken, and the bad ones come back with the reasons, and are set aside."""
        content_type, content = body
        check_media_type(content_type, CONTENT_TYPES)
        now = application.clock.now()
        try:
            batch = ingestion.read_measurements(caller.tenant, content_type, content, now)
        except MalformedBody as error:
            raise Problem(400, str(error)) from None
        except WrongContentType as error:
            raise Problem(415, str(error)) from None
        ingestion.note_faults(caller.tenant, caller.name, batch.faults, now)
        bad_rows = len({fault.row for fault in batch.faults})
        application.admission.charge(caller.tenant, samples=batch.table.num_rows + bad_rows)
        rejected = _rejected(batch.faults)
        protocol = PROTOCOLS[media_type(content_type)]
        refused = {"refused": bad_rows} if bad_rows else {}
        application.telemetry.measurements_left_out(caller.tenant, protocol, refused)
        if batch.faults and (mode == "whole" or batch.table.num_rows == 0):
            raise Problem(422, _refusal(batch), {"accepted": 0, "rejected": rejected})
        if batch.faults:
            ingestion.set_rows_aside(caller.tenant, content_type, content, batch, now, caller.name)
        position = None
        if batch.table.num_rows:
            position = ingestion.keep_rows(caller.tenant, batch.table, caller.name)
            application.telemetry.measurements_taken(caller.tenant, protocol, batch.table.num_rows)
        return JSONResponse(
            {"accepted": batch.table.num_rows, "rejected": rejected, "position": position}, status_code=202
        )

    @routes.get("/series")
    def series(caller: Asking, query: Annotated[SeriesQuery, Query()]) -> dict[str, Any]:
        """The measurements that hold of one series, by time."""
        table = application.log.series(caller.tenant, query.service, query.metric, query.start, query.end)
        count = table.num_rows
        if query.points is not None:
            table = table.take(pa.array(extremes(_figures(table), query.points)))
        elif count > MAX_POINTS:
            problem = f"the window holds {count:,} measurements; ask for at most {MAX_POINTS:,}, or for fewer points"
            raise Problem(422, f"{problem}: points=2000")
        return {
            "service": query.service,
            "metric": query.metric,
            "start": format_instant(query.start),
            "end": format_instant(query.end),
            "points": _points(table),
            **({} if query.points is None else {"measurements": count}),
        }

    return routes


def _rejected(faults: Sequence[RowFault]) -> list[dict[str, Any]]:
    return [{"row": fault.row, "field": fault.field, "message": fault.message} for fault in faults]


def _refusal(batch: Batch) -> str:
    """Why a batch is refused."""
    if batch.cut:
        return f"there are more than {len(batch.faults):,} faults, of which the first are listed; nothing was taken"
    rows = len({fault.row for fault in batch.faults})
    return f"{rows:,} {'row was' if rows == 1 else 'rows were'} refused; nothing was taken"


def _figures(table: pa.Table) -> Floats:
    """The figure of each measurement that a chart shows: its value, or the share of its events that are good."""
    value, good, total = (table.column(name).fill_null(0).to_numpy() for name in ("value", "good", "total"))
    figures: Floats = np.where(table.column("value").is_valid().to_numpy(), value, good / np.maximum(total, 1))
    return figures


def _points(table: pa.Table) -> list[dict[str, Any]]:
    columns = [table.column(name).to_pylist() for name in ("time", "value", "good", "total")]
    return [
        {"time": format_instant(time), "value": value}
        if value is not None
        else {"time": format_instant(time), "good": good, "total": total}
        for time, value, good, total in zip(*columns, strict=True)
    ]


def _body_schema() -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in CONTENT_TYPES}
    return {"requestBody": {"required": True, "content": content}}
