"""The files of measurement collection jobs: fetched, and taken in whole or set aside whole.

The fetch of a file was written down with its announcement. Where it is cut off it is done again, as the same
measurements, which changes nothing. What may come right by itself is tried again with growing pauses; what does not,
and what cannot be read, becomes a dead letter, and a replay fetches it anew. What was fetched is kept in the letter
where there is room, for when the file is not there any more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from upheld.measurements.collection import CLOSED, CollectionJob, recorded, source_of, stands
from upheld.measurements.dead_letters import MAX_BODY, DeadLetter, dead_letter
from upheld.notices.stages import next_attempt
from upheld.ports import AgendaEntry, Clock, DeliveryError, NotKept, SourceFile, Store, Transaction
from upheld.process.telling.reactions import FETCH
from upheld.recorder import Recorder
from upheld.sources.collecting import record
from upheld.sources.declared import SUFFIXES, Format, JobFiles
from upheld.sources.feeds import Message
from upheld.sources.taking import NotYet, Taking
from upheld.sources.unpacking import BrokenArchive, LargeArchive, unpacked
from upheld.sources.web_files import TooLarge, WebFiles, shown
from upheld.taking_in.ingesting import JSON

log = structlog.get_logger("upheld.sources")

PATH = "TMF628 file"
"""What a dead letter's path is called."""
FORMATS: Mapping[str, Format] = {
    "csv": "csv",
    "text/csv": "csv",
    "parquet": "parquet",
    "apache parquet": "parquet",
    "application/vnd.apache.parquet": "parquet",
    "arrow": "arrow",
    "apache arrow": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.arrow.stream": "arrow",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json lines": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
}
"""What fileFormat and outputFormat may say, in whatever case."""
_PACKED = (".gz", ".zip")


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a job (an item of fileTransferData), and since when its measurements are known (microseconds UTC)."""

    tenant: str
    job_id: int
    told: Mapping[str, Any]
    known_at: int

    @property
    def location(self) -> str:
        return str(self.told["fileLocation"])

    @property
    def name(self) -> str:
        """What it is called in logs and records."""
        return shown(self.location)

    @property
    def header(self) -> bytes:
        """What of it is kept in a dead letter, before what it holds: a line of JSON."""
        kept = {"job": self.job_id, "known_at": self.known_at, "file": self.told}
        return json.dumps(kept, sort_keys=True).encode() + b"\n"


class _Refused(Exception):
    """A file cannot be taken as it is. `reason` is one word, `faults` say why, `body` is what was fetched of it."""

    def __init__(self, reason: str, faults: Sequence[Mapping[str, Any]], body: bytes = b"") -> None:
        super().__init__(str(faults[0]["message"]))
        self.reason, self.faults, self.body = reason, faults, body


class FilesOfJobs:
    """Fetches the files of every tenant's jobs, each of at most `max_bytes`, packed or not."""

    def __init__(
        self,
        store: Store,
        taking: Taking,
        files: WebFiles,
        clock: Clock,
        max_bytes: int,
        recorder: Recorder = Recorder(),
    ) -> None:
        self._store, self._taking, self._files, self._clock = store, taking, files, clock
        self._max_bytes, self._recorder = max_bytes, recorder

    # -- fetches of the agenda

    def fetch(self, entry: AgendaEntry) -> None:
        """Performs a fetch that is due, and records what comes of it with its end."""
        file = _File(entry.tenant, entry.data["job"], entry.data["file"], entry.data["known_at"])
        with self._store.transaction(entry.tenant, writing=False) as t:
            job = _waiting(t, file)
        if job is None:
            return self._end(entry, file, "cancelled")
        try:
            with self._recorder.span("fetch", kind="client", job=file.job_id, attempt=entry.attempts):
                rows, left_out = self._take(file, job)
        except _Refused as refused:
            self._refuse(entry, file, refused)
        except (NotYet, NotKept) as missing:
            self._put_off(entry, file, str(missing))
        except DeliveryError as fault:
            if fault.permanent:
                reason = "too_large" if isinstance(fault, TooLarge) else "unreachable"
                return self._refuse(entry, file, _Refused(reason, [{"message": f"{file.name}: {fault}"}]))
            self._put_off(entry, file, str(fault))
        except Exception as fault:  # whatever it is, the job must come to an end some time
            log.exception("file not fetched", job=file.job_id, file=file.name)
            self._put_off(entry, file, f"its fetch failed: {type(fault).__name__}")
        else:
            self._end(entry, file, "taken", _taken(rows, left_out), rows)
            log.info("file taken", job=file.job_id, file=file.name, measurements=rows)
        return None

    def _put_off(self, entry: AgendaEntry, file: _File, why: str) -> None:
        again = next_attempt(entry.attempts, self._clock.now())
        if again is None:
            message = f"{file.name}: {why}; given up after {entry.attempts} attempts"
            return self._refuse(entry, file, _Refused("unreachable", [{"message": message}]))
        with self._store.transaction(entry.tenant) as t:
            t.retry(entry.id, again, why)
            job = t.collection_job(file.job_id, changing=True) if entry.attempts == 1 else None
            if job is not None:
                now = self._clock.now()
                t.save_collection_job(recorded(job, now, record(now, f"{file.name}: {why}; it is tried again")))
        self._recorder.entry_performed(FETCH, "put_off")
        self._taking.failed(self._source(file), f"{file.name}: {why}")
        log.warning("file put off", job=file.job_id, file=file.name, reason=why, attempts=entry.attempts)
        return None

    def _refuse(self, entry: AgendaEntry, file: _File, refused: _Refused) -> None:
        letter = _letter(file, self._clock.now(), refused)
        self._end(entry, file, "refused", f"{refused}; it is set aside as {letter.id}", letter=letter)
        self._taking.failed(self._source(file), f"{letter.reason}: {refused}")
        log.warning("set aside", job=file.job_id, file=file.name, letter=letter.id, reason=letter.reason)

    def _end(
        self,
        entry: AgendaEntry,
        file: _File,
        state: str,
        said: str = "",
        rows: int = 0,
        letter: DeadLetter | None = None,
    ) -> None:
        with self._store.transaction(entry.tenant) as t:
            self._settle(t, file, "begun", state, said, rows)
            if letter is not None:
                t.set_aside(letter)
            t.finish(entry.id)
        self._recorder.entry_performed(FETCH, "done")

    def _settle(self, t: Transaction, file: _File, before: str, state: str, said: str, rows: int = 0) -> None:
        """Records what has become of a file, and with it of its job, if both are still there as they were `before`."""
        job = t.collection_job(file.job_id, changing=True)
        known = None if job is None else t.source_file(job.source, file.location, "")
        if job is None or known is None or (known.state, known.known_at) != (before, file.known_at):
            return
        t.save_source_file(replace(known, state=state, measurements=rows))
        if said:
            now = self._clock.now()
            after = job.state if job.state in CLOSED else stands(t.source_file_states(job.source))
            t.save_collection_job(recorded(job, now, record(now, f"{file.name}: {said}"), after))

    # -- dead letters

    def take_again(self, tenant: str, letter: DeadLetter) -> tuple[int, Sequence[Mapping[str, Any]], str]:
        """Fetches the file of a dead letter anew and takes it in; one that cannot be fetched, as it was kept. Returns
        how many measurements were taken, and of what could not be the faults and the reason. Raises NotKept."""
        file, kept = _of_letter(tenant, letter)
        with self._store.transaction(tenant, writing=False) as t:
            job = t.collection_job(file.job_id)
        if job is None:
            return 0, [{"message": f"there is no measurement collection job {file.job_id} any more"}], letter.reason
        try:
            rows, left_out = self._take(file, job, kept)
        except _Refused as refused:
            return 0, refused.faults, refused.reason
        except NotYet as missing:
            return 0, [{"message": f"{file.name}: {missing}"}], letter.reason
        except DeliveryError as fault:
            return 0, [{"message": f"{file.name}: {fault}"}], letter.reason
        with self._store.transaction(tenant) as t:
            self._settle(t, file, "refused", "taken", f"{_taken(rows, left_out)} by a replay", rows)
        return rows, [], ""

    def discarded(self, tenant: str, letter: DeadLetter) -> None:
        """The file of a dead letter is given up: its job does not fail for it any more."""
        file, _ = _of_letter(tenant, letter)
        with self._store.transaction(tenant) as t:
            self._settle(t, file, "refused", "discarded", "it is given up")

    # -- a file

    def _take(self, file: _File, job: CollectionJob, kept: bytes = b"") -> tuple[int, int]:
        """Makes what a file holds durable, or where it cannot be fetched what was `kept` of it: how many measurements,
        and how many rows no objective reads. Raises DeliveryError, _Refused, NotYet and NotKept."""
        kind = _format(file, job)
        body = self._fetched(file, kept)
        try:
            plain = unpacked(body, self._max_bytes)
        except LargeArchive as error:
            raise _refused("too_large", file, str(error), body) from None
        except BrokenArchive as error:
            raise _refused("malformed", file, str(error), body) from None
        source = self._source(file)
        readings = self._taking.read(source, kind, [Message(plain, file.name, None, file.known_at)])
        if readings.letters:
            first = readings.letters[0]
            raise _Refused(first.reason, first.detail, body)
        left_out = readings.left_out.total()
        if not readings.table.num_rows:
            raise _refused("unread", file, f"none of its {left_out:,} rows is read by an objective in force", body)
        return self._taking.keep(source, readings), left_out

    def _source(self, file: _File) -> JobFiles:
        return JobFiles(id=source_of(file.job_id), tenant=file.tenant, max_bytes=self._max_bytes)

    def _fetched(self, file: _File, kept: bytes) -> bytes:
        try:
            return self._files.read(file.location)
        except DeliveryError:
            if kept:
                return kept
            raise


def _refused(reason: str, file: _File, message: str, body: bytes = b"") -> _Refused:
    return _Refused(reason, [{"message": f"{file.name}: {message}"}], body)


def _waiting(t: Transaction, file: _File) -> CollectionJob | None:
    """The job of a file that is still to be fetched for it."""
    job = t.collection_job(file.job_id)
    if job is None or job.state in CLOSED:
        return None
    known: SourceFile | None = t.source_file(job.source, file.location, "")
    return job if known is not None and (known.state, known.known_at) == ("begun", file.known_at) else None


def _format(file: _File, job: CollectionJob) -> Format:
    """By what is said of the file, by what its name ends in, or by what the job puts out. Raises _Refused."""
    packing = str((file.told.get("packingType") or {}).get("packingEnumType", ""))
    if packing.upper() == "TAR":
        raise _refused("unknown_format", file, "its packingType is TAR; files are taken one by one")
    said = file.told.get("fileFormat")
    if said is not None:
        kind = FORMATS.get(str(said).strip().lower())
    else:
        name = file.name.lower()
        for packed in _PACKED:
            name = name.removesuffix(packed)
        by_name = next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
        kind = by_name or FORMATS.get(str(job.fields.get("outputFormat", "")).strip().lower())
    if kind is None:
        found = "is not said, and its name tells none" if said is None else f"is {str(said)[:100]!r}"
        raise _refused("unknown_format", file, f"its fileFormat {found}; CSV, Parquet, Arrow and JSON lines are read")
    return kind


def _taken(rows: int, left_out: int) -> str:
    counted = "1 measurement" if rows == 1 else f"{rows:,} measurements"
    return f"{counted} taken" + (f", {left_out:,} left out that no objective reads" if left_out else "")


def _letter(file: _File, at: int, refused: _Refused) -> DeadLetter:
    kept = refused.body if len(file.header) + len(refused.body) <= MAX_BODY else b""
    return dead_letter(
        at,
        caller=source_of(file.job_id),
        protocol=PATH,
        format=JSON,
        reason=refused.reason,
        detail=refused.faults,
        body=file.header + kept,
    )


def _of_letter(tenant: str, letter: DeadLetter) -> tuple[_File, bytes]:
    header, _, kept = letter.body.partition(b"\n")
    told = json.loads(header)
    return _File(tenant, told["job"], told["file"], told["known_at"]), kept
