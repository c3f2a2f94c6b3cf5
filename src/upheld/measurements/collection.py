"""Measurement collection jobs, as TMF628 has them: another system collects measurements into files, says when they are
ready, and Upheld fetches them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

ExecutionState = Literal["acknowledged", "rejected", "pending", "inProgress", "cancelled", "completed", "failed"]
STATES: tuple[ExecutionState, ...] = get_args(ExecutionState)
CLOSED: tuple[ExecutionState, ...] = ("rejected", "cancelled")
"""A job in one of these has no files fetched."""
MAX_RECORDS = 100
"""Tracking records that a job keeps, the newest."""


@dataclass(frozen=True, slots=True)
class CollectionJob:
    """A job: its execution state, its attributes under their names in TMF628 without those that stand here, and its
    tracking records, oldest first. `id` is 0 before it is kept. Instants in microseconds UTC."""

    id: int
    state: ExecutionState
    fields: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    created_at: int
    changed_at: int

    @property
    def source(self) -> str:
        """Who its measurements, its files and its dead letters are said to be from; no declared source is called so."""
        return source_of(self.id)


def source_of(job_id: int) -> str:
    """What a job of that number is called where sources are named."""
    return f"TMF628/{job_id}"


def recorded(
    job: CollectionJob, at: int, record: Mapping[str, Any], state: ExecutionState | None = None
) -> CollectionJob:
    """The job with one more tracking record and its state from `at` on (None: the same). The records are numbered as
    they come, where they have no id of their own."""
    last = next((int(r["id"]) for r in reversed(job.records) if str(r.get("id", "")).isdecimal()), 0)
    records = (*job.records, {"id": str(last + 1), **record})[-MAX_RECORDS:]
    return replace(job, state=state or job.state, records=records, changed_at=max(at, job.changed_at))


def stands(files: Mapping[str, int]) -> ExecutionState:
    """The state of a job of whose files so many are in each state: as long as one waits it goes on, and as long as one
    could not be taken and was not given up, it has failed."""
    if files.get("begun"):
        return "inProgress"
    return "completed" if files.get("taken") and not files.get("refused") else "failed"
