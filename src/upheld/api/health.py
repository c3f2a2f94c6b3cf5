"""Whether the server lives, and whether it can work."""

from typing import Any

import structlog
from fastapi import APIRouter

from upheld.api.problems import Problem
from upheld.app import Application

log = structlog.get_logger()


def router(application: Application) -> APIRouter:
    """`/health/live` and `/health/ready`, both public. Where something is wrong the answer is 503, and `failing` names
    it, part by part."""
    routes = APIRouter(prefix="/health", tags=["health"])

    @routes.get("/live")
    def live() -> dict[str, Any]:
        """The server answers, and its background threads keep going. Where they do not, it is to be started anew."""
        _answer("not live", application.failing())
        return {"status": "ok"}

    @routes.get("/ready")
    def ready() -> dict[str, Any]:
        """The server can work: its store answers and is of its version, there is room on the disk, the assessment has
        caught up with the log since the start, and the server is not about to end."""
        _answer("not ready", application.unready())
        return {"status": "ok"}

    return routes


def _answer(what: str, failing: dict[str, str]) -> None:
    if failing:
        log.warning(what, failing=failing)
        detail = "; ".join(f"{part}: {why}" for part, why in failing.items())
        raise Problem(503, f"{what}: {detail}", {"failing": failing})
