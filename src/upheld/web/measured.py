"""What was measured of one series in a window, drawn: where a case's findings lead to."""

from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from upheld.agreements.units import parse_instant
from upheld.measurements.thinning import extremes
from upheld.web import words
from upheld.web.chart import MOST_POINTS
from upheld.web.site import Site, Visitor, signed_in


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/measurements`."""
    visit = signed_in(site)

    @routes.get("/measurements")
    def measured(
        request: Request,
        visitor: Annotated[Visitor, Depends(visit)],
        service: str = "",
        metric: str = "",
        start: str = "",
        end: str = "",
    ) -> Response:
        begins, ends = _window(start, end)
        table = site.application.log.series(visitor.tenant, service, metric, begins, ends)
        query = urlencode({"service": service, "metric": metric, "start": start, "end": end, "points": MOST_POINTS})
        return site.page(
            request,
            "measured.html",
            visitor,
            service=service,
            metric=metric,
            summary=_summary(table, begins, ends),
            drawn=drawn(table, metric, begins, ends),
            source=f"/v1/measurements/series?{query}",
        )


def drawn(series: pa.Table, metric: str, start: int, end: int) -> dict[str, Any]:
    """The series as the chart's script takes it: instants in milliseconds; of counts the share that is good."""
    time, value, good, total = (
        series.column(name).fill_null(0).to_numpy() for name in ("time", "value", "good", "total")
    )
    figures = np.where(series.column("value").is_valid().to_numpy(), value, good / np.maximum(total, 1))
    places = extremes(figures, MOST_POINTS)
    points = [[int(time[i]) // 1000, round(float(figures[i]), 6)] for i in places]
    window = {"start": start // 1000, "end": end // 1000}
    return {"metric": metric, "unit": "", **window, "points": points, "threshold": None, "bands": [], "marks": []}


def _summary(series: pa.Table, start: int, end: int) -> str:
    count = series.num_rows
    window = f"from {words.instant(start)} to {words.instant(end)}"
    return f"{count:,} measurement{'' if count == 1 else 's'} {window}"


def _window(start: str, end: str) -> tuple[int, int]:
    try:
        begins, ends = parse_instant(start), parse_instant(end)
    except ValueError:
        raise HTTPException(404, "There is no such window of time.") from None
    if begins >= ends:
        raise HTTPException(404, "There is no such window of time.")
    return begins, ends
