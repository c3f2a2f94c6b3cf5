"""Measurement collection jobs (TMF628): made, changed and forgotten, and what their files are said to be.

A file that is said to be ready is written down, with the fetch of it, before anything is answered; `job_files` fetches.
It is known by its job and its location: said again, it is not fetched again, unless it could not be taken before.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from upheld.agreements.units import format_instant
from upheld.measurements.collection import CLOSED, CollectionJob, recorded
from upheld.ports import AgendaEntry, Clock, SourceFile, Store, Transaction
from upheld.process.telling.reactions import FETCH, TRACE
from upheld.readers.tmf628 import IN_EVENT, Announced, read_change, read_created, read_event
from upheld.readers.tmf_bodies import unfit
from upheld.recorder import Recorder

READ = ("fileLocation", "fileFormat", "packingType")
"""What of fileTransferData decides how a file is read; how it is compressed is seen in the file."""
_KEY = "eventId"


class NoJob(Exception):
    """There is no measurement collection job of that number; `str()` says so."""


class Closed(Exception):
    """The files of a job are not fetched any more; `str()` says why."""


class Collecting:
    """The measurement collection jobs of every tenant."""

    def __init__(self, store: Store, clock: Clock, recorder: Recorder = Recorder()) -> None:
        self._store, self._clock, self._recorder = store, clock, recorder

    def create(self, tenant: str, body: bytes, by: str) -> CollectionJob:
        """Keeps a new job. Raises MalformedBody and Unfit."""
        now = self._clock.now()
        job = recorded(read_created(body, now), now, record(now, "created", user=by))
        with self._store.transaction(tenant) as t:
            return t.save_collection_job(job)

    def change(self, tenant: str, job_id: str, body: bytes, by: str) -> CollectionJob:
        """Changes a job by a JSON merge patch. Raises MalformedBody, Unfit and NoJob."""
        with self._store.transaction(tenant) as t:
            job = _job(t, job_id)
            fields, state = read_change(job, body)
            if (fields, state) == (job.fields, job.state):
                return job
            now = self._clock.now()
            what = "changed" if state == job.state else f"{job.state} -> {state}"
            changed = recorded(replace(job, fields=fields), now, record(now, what, user=by), state)
            return t.save_collection_job(changed)

    def forget(self, tenant: str, job_id: str) -> None:
        """Forgets a job; its files that wait are not fetched any more, and what was taken stays. Raises NoJob."""
        with self._store.transaction(tenant) as t:
            t.forget_collection_job(_job(t, job_id))

    def files_ready(self, tenant: str, body: bytes) -> None:
        """Takes in that files are ready: those that the notification tells, or where it tells none, those that the job
        has. What it does not say of a file is as the job has it. Raises MalformedBody, Unfit, NoJob and Closed."""
        told = read_event(body)
        with self._store.transaction(tenant) as t:
            job = _job(t, told.job_id)
            if job.state in CLOSED:
                raise Closed(f"the measurement collection job {job.id} is {job.state}: its files are not fetched")
            files = _files(job, told)
            now = self._clock.now()
            new = [file for number, file in enumerate(files) if self._expect(t, job, file, now, number)]
            if new:
                said = record(now, f"{_counted(len(new))} ready")
                t.save_collection_job(recorded(job, now, said, "inProgress"))

    def _expect(self, t: Transaction, job: CollectionJob, file: Mapping[str, Any], now: int, number: int) -> bool:
        """Writes a file down with the fetch of it, unless it is waited for or was taken already. Its measurements are
        known since `now` (microseconds UTC), each file's after those of the one before it."""
        at = now + number
        location = file["fileLocation"]
        known = t.source_file(job.source, location, "")
        if known is not None and known.state in ("begun", "taken"):
            return False
        t.save_source_file(SourceFile(job.source, location, "", at, "begun"))
        digest = hashlib.sha256(location.encode()).hexdigest()[:16]
        carried = self._recorder.carried()
        said = {name: file[name] for name in READ if name in file}
        data = {"job": job.id, "file": said, "known_at": at} | ({TRACE: dict(carried)} if carried else {})
        t.schedule(AgendaEntry(f"{FETCH}/{job.id}/{at}/{digest}", FETCH, now, data))
        return True

    def preparation_failed(self, tenant: str, body: bytes) -> None:
        """Takes in that files could not be prepared: the job has failed. The same notification again changes nothing.
        Raises MalformedBody, Unfit and NoJob."""
        told = read_event(body)
        key = {"name": _KEY, "value": told.key}
        with self._store.transaction(tenant) as t:
            job = _job(t, told.job_id)
            if any(key in one.get("characteristic", ()) for one in job.records):
                return
            now = self._clock.now()
            said = record(now, f"files could not be prepared: {told.reason}") | {"characteristic": [key]}
            state = job.state if job.state in CLOSED else "failed"
            t.save_collection_job(recorded(job, now, said, state))


def record(at: int, description: str, user: str | None = None) -> dict[str, Any]:
    """A tracking record of TMF628, made at that instant (microseconds UTC)."""
    told = {"time": format_instant(at), "description": description, "systemId": "Upheld"}
    return told if user is None else {**told, "user": user}


def _job(t: Transaction, job_id: str) -> CollectionJob:
    known = job_id.isascii() and job_id.isdecimal() and len(job_id) <= 18
    job = t.collection_job(int(job_id), changing=True) if known else None
    if job is None:
        raise NoJob(f"there is no measurement collection job {job_id[:200]}")
    return job


def _files(job: CollectionJob, told: Announced) -> Sequence[Mapping[str, Any]]:
    """The files that a notification tells, each with what the job has of it, and once."""
    own: Sequence[Mapping[str, Any]] = job.fields["fileTransferData"]
    of_location = {file.get("fileLocation"): file for file in own}
    alone = own[0] if len(own) == 1 else {}
    files = [{**of_location.get(file.get("fileLocation"), alone), **file} for file in told.files or own]
    for number, file in enumerate(files):
        if not file.get("fileLocation"):
            raise unfit(f"{IN_EVENT}.fileTransferData[{number}].fileLocation", "is missing")
    return list({file["fileLocation"]: file for file in files}.values())


def _counted(files: int) -> str:
    return "1 file is" if files == 1 else f"{files:,} files are"
