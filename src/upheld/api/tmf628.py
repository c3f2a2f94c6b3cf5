"""Performance Management API, TMF628 4.0.0: measurement collection jobs, and what is said of their files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from upheld.access import PERFORMANCE_API
from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, RawBody, check_media_type
from upheld.api.problems import Problem
from upheld.api.tmf_resources import (
    JSON,
    PATCHES,
    ManyQuery,
    OneQuery,
    listed,
    number_of,
    only,
    takes,
    unfit_problem,
)
from upheld.app import Application
from upheld.measurements.collection import CollectionJob
from upheld.readers.body_faults import MalformedBody
from upheld.readers.tmf_bodies import Unfit
from upheld.sources.collecting import Closed, NoJob

JobId = Annotated[str, Path(max_length=200)]
_REFUSED = "the measurement collection job cannot be taken"


def router(application: Application) -> APIRouter:
    """`/tmf-api/performance/v4`."""
    routes = APIRouter(prefix=PERFORMANCE_API, tags=["TMF628"])
    jobs, document = application.collecting, _documents(application.settings.public_url)

    @routes.post("/measurementCollectionJob", openapi_extra=takes("MeasurementCollectionJob_Create", JSON))
    def create(caller: Asking, body: RawBody) -> JSONResponse:
        """Keeps a job. Nothing is fetched before its files are said to be ready."""
        check_media_type(body[0], JSON)
        with _told():
            created = document(jobs.create(caller.tenant, body[1], caller.name))
        return JSONResponse(created, 201, headers={"Location": created["href"]})

    @routes.patch("/measurementCollectionJob/{job_id}", openapi_extra=takes("MeasurementCollectionJob_Update", PATCHES))
    def change(caller: Asking, job_id: JobId, body: RawBody) -> JSONResponse:
        """Changes a job (JSON merge patch). With `{"executionState": "cancelled"}` no file of it is fetched."""
        check_media_type(body[0], PATCHES)
        with _told():
            return JSONResponse(document(jobs.change(caller.tenant, job_id, body[1], caller.name)))

    @routes.delete("/measurementCollectionJob/{job_id}", status_code=204)
    def forget(caller: Asking, job_id: JobId) -> Response:
        """Forgets a job. What was taken of its files stays."""
        with _told():
            jobs.forget(caller.tenant, job_id)
        return Response(status_code=204)

    @routes.get("/measurementCollectionJob")
    def many(caller: Asking, query: Annotated[ManyQuery, Query()], answer: Response) -> list[dict[str, Any]]:
        """The jobs, created last first; how many there are in all stands in `X-Total-Count`."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            found, total = t.collection_jobs(query.limit, query.offset), t.count_collection_jobs()
        return listed(answer, [document(job) for job in found], total, query.fields)

    @routes.get("/measurementCollectionJob/{job_id}")
    def one(caller: Asking, job_id: JobId, query: Annotated[OneQuery, Query()]) -> dict[str, Any]:
        """One job."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            job = t.collection_job(number_of(job_id, _unknown(job_id)))
        if job is None:
            raise _unknown(job_id)
        return only(document(job), query.fields)

    listeners = {
        "measurementCollectionJobFilesReadyEvent": jobs.files_ready,
        "measurementCollectionJobFilesPreparationErrorEvent": jobs.preparation_failed,
    }
    for kind, take in listeners.items():
        described = takes(kind[0].upper() + kind[1:], JSON)
        listener = _listener(take, f"{application.settings.public_url.rstrip('/')}{PERFORMANCE_API}/listener/{kind}")
        routes.post(f"/listener/{kind}", openapi_extra=described, name=kind, status_code=201)(listener)
    return routes


def _listener(take: Callable[[str, bytes], None], callback: str) -> Callable[..., dict[str, str]]:
    def listen(caller: Asking, body: RawBody) -> dict[str, str]:
        """Takes in what a performance management system says of a job's files. It may say it again. Files are fetched
        after the answer."""
        check_media_type(body[0], JSON)
        with _told():
            take(caller.tenant, body[1])
        return {"id": callback.rpartition("/")[2], "callback": callback}

    return listen


@contextmanager
def _told() -> Iterator[None]:
    """Answers 400 where a body cannot be taken, 404 where there is no such job, 409 where its files are not wanted."""
    try:
        yield
    except MalformedBody as error:
        raise Problem(400, str(error)) from None
    except Unfit as error:
        raise unfit_problem(_REFUSED, error) from None
    except NoJob as error:
        raise Problem(404, str(error)) from None
    except Closed as error:
        raise Problem(409, str(error)) from None


def _unknown(job_id: str) -> Problem:
    return Problem(404, f"there is no measurement collection job {job_id}")


def _documents(public_url: str) -> Callable[[CollectionJob], dict[str, Any]]:
    beginning = f"{public_url.rstrip('/')}{PERFORMANCE_API}/measurementCollectionJob"

    def document(job: CollectionJob) -> dict[str, Any]:
        """A job as TMF628 has it."""
        return {
            "@type": "MeasurementCollectionJob",
            "jobPriority": 5,
            **job.fields,
            "id": str(job.id),
            "href": f"{beginning}/{job.id}",
            "creationTime": format_instant(job.created_at),
            "lastModifiedTime": format_instant(job.changed_at),
            "executionState": job.state,
            "trackingRecord": list(job.records),
        }

    return document
