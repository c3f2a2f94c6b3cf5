"""Measurement collection jobs (TMF628): made, changed and forgotten, and the files that they are told of."""

from dataclasses import replace

from upheld.agreements.units import format_instant
from upheld.measurements.collection import CollectionJob, recorded
from upheld.ports import Clock, Store
from upheld.readers.tmf628 import read_change, read_created


class Collecting:
    """The measurement collection jobs of every tenant."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def create(self, tenant: str, body: bytes, by: str) -> CollectionJob:
        """Keeps a new job. Raises MalformedBody and Unfit."""
        now = self._clock.now()
        job = recorded(read_created(body, now), now, _record(now, "created", by))
        with self._store.transaction(tenant) as t:
            return t.save_collection_job(job)

    def change(self, tenant: str, job_id: int, body: bytes, by: str) -> CollectionJob | None:
        """Changes a job by a JSON merge patch; None where there is none. Raises MalformedBody and Unfit."""
        with self._store.transaction(tenant) as t:
            job = t.collection_job(job_id, changing=True)
            if job is None:
                return None
            fields, state = read_change(job, body)
            if (fields, state) == (job.fields, job.state):
                return job
            now = self._clock.now()
            what = "changed" if state == job.state else f"{job.state} -> {state}"
            changed = recorded(replace(job, fields=fields), now, _record(now, what, by), state)
            return t.save_collection_job(changed)

    def forget(self, tenant: str, job_id: int) -> bool:
        """Forgets a job; its files that wait are not fetched any more, and what was taken stays. Whether there was
        one."""
        with self._store.transaction(tenant) as t:
            job = t.collection_job(job_id, changing=True)
            if job is not None:
                t.forget_collection_job(job)
        return job is not None


def _record(at: int, description: str, user: str | None = None) -> dict[str, str]:
    told = {"time": format_instant(at), "description": description, "systemId": "Upheld"}
    return told if user is None else {**told, "user": user}
