"""Problems: the cases of one cause."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from upheld.api.cases import UpdateInput
from upheld.api.inputs import Asking, Input, Name
from upheld.api.problems import Problem
from upheld.api.resolutions import owed_document
from upheld.app import Application
from upheld.reports.problem_story import story, story_document
from upheld.reports.records import notice_document, record_document


class ProblemQuery(Input):
    """`open`: only those that have not ended."""

    open: bool = False
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


class CasesQuery(Input):
    """A part of a problem's cases, the open ones first, then newest first."""

    limit: Annotated[int, Field(ge=1, le=5_000)] = 500
    offset: Annotated[int, Field(ge=0)] = 0


def router(application: Application) -> APIRouter:
    """`/v1/problems`."""
    routes = APIRouter(prefix="/v1", tags=["cases"])

    @routes.get("/problems")
    def many(caller: Asking, query: Annotated[ProblemQuery, Query()]) -> dict[str, Any]:
        """Problems, newest first, each with how many of its cases are open."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            found, counted = t.problems(only_open=query.open, limit=query.limit), t.count_open()
        return {"problems": [record_document(one) | {"open_cases": counted.get(one.id, 0)} for one in found]}

    @routes.get("/problems/{problem_id}")
    def one(caller: Asking, problem_id: Name, query: Annotated[CasesQuery, Query()]) -> dict[str, Any]:
        """One problem with its cases, its steps and the notices that told of several of its cases at once; and what
        happened when (`timeline`), of its cases in counts."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            problem = t.problem(problem_id)
            if problem is None:
                raise Problem(404, "there is no problem of that id")
            still, every = t.count_cases(problem_id)
            steps = t.actions(problem_id)
            happened = t.problem_story(problem_id), t.notices_counted(problem_id)
            owed = t.owed_resolution(problem_id)
            is_owed = owed is not None and owed.given_at is None
            return record_document(problem) | {
                "resolution_owed": owed_document(owed, application.clock.now()) if owed and is_owed else None,
                "open_cases": still,
                "all_cases": every,
                "cases": [
                    _brief(record_document(c)) for c in t.cases_of_problem(problem_id, query.limit, query.offset)
                ],
                "actions": [record_document(action) for action in steps],
                "timeline": story_document(story(problem, t.parts_of(problem_id), *happened, steps)),
                "notices": [notice_document(notice) for notice in t.notices(problem_id=problem_id)],
            }

    @routes.post("/problems/{problem_id}/update", status_code=202)
    def update(caller: Asking, problem_id: Name, told: UpdateInput) -> dict[str, int]:
        """Tells everyone whom the problem hits how far it is; `cases` is of how many. 409 where none of its cases is
        open and unsolved."""
        count = application.process.update_problem(caller.tenant, problem_id, told.text, caller.name)
        if count is None:
            raise Problem(404, "there is no problem of that id")
        if count == 0:
            raise Problem(409, "none of its cases is in a state for that any more")
        return {"cases": count}

    return routes


def _brief(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in case.items() if name not in ("verdict", "periods", "findings", "answers")}
