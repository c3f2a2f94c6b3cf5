"""Measurement collection jobs as rows. What each function promises is said in `ports.Transaction`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, select

from upheld.measurements.collection import CollectionJob
from upheld.store.log import next_place
from upheld.store.rows import from_row, put, to_row
from upheld.store.tables import collection_jobs, source_files


def save(connection: Connection, tenant: str, job: CollectionJob) -> CollectionJob:
    """Adds a job whose id is 0, with its id, or replaces the row of one that has an id."""
    kept = job if job.id else replace(job, id=next_place(connection, tenant))
    put(connection, collection_jobs, [to_row(kept) | {"tenant": tenant}])
    return kept


def by_id(connection: Connection, tenant: str, job_id: int, changing: bool) -> CollectionJob | None:
    t = collection_jobs.c
    query = select(collection_jobs).where(t.tenant == tenant, t.id == job_id)
    # SQLite, where one writes at a time, has no such clause and needs none.
    row = connection.execute(query.with_for_update() if changing else query).mappings().first()
    return None if row is None else from_row(CollectionJob, row)


def many(connection: Connection, tenant: str, limit: int, offset: int) -> Sequence[CollectionJob]:
    t = collection_jobs.c
    query = select(collection_jobs).where(t.tenant == tenant).order_by(t.id.desc()).limit(limit).offset(offset)
    return [from_row(CollectionJob, row) for row in connection.execute(query).mappings()]


def count(connection: Connection, tenant: str) -> int:
    t = collection_jobs
    return int(connection.execute(select(func.count()).select_from(t).where(t.c.tenant == tenant)).scalar_one())


def forget(connection: Connection, tenant: str, job: CollectionJob) -> None:
    """The job and what is known of its files."""
    files, jobs = source_files, collection_jobs
    connection.execute(delete(files).where(files.c.tenant == tenant, files.c.source == job.source))
    connection.execute(delete(jobs).where(jobs.c.tenant == tenant, jobs.c.id == job.id))


def file_states(connection: Connection, tenant: str, source: str) -> Mapping[str, int]:
    t = source_files.c
    query = select(t.state, func.count().label("files")).where(t.tenant == tenant, t.source == source).group_by(t.state)
    return {row.state: row.files for row in connection.execute(query)}
