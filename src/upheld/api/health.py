"""Whether the server lives, and whether it can work."""

import structlog
from fastapi import APIRouter

from upheld.api.problems import Problem
from upheld.app import Application

log = structlog.get_logger()


def router(application: Application) -> APIRouter:
    """`/health/live` and `/health/ready`, both public."""
    routes = APIRouter(prefix="/health", tags=["health"])

    @routes.get("/live")
    def live() -> dict[str, str]:
        """The server answers."""
        return {"status": "ok"}

    @routes.get("/ready")
    def ready() -> dict[str, str]:
        """The server can work: its store answers."""
        try:
            application.process.ready()
        except Exception as error:  # whatever it is, an orchestrator must be told, and only the log why
            log.error("not ready", error=type(error).__name__)
            raise Problem(503, "the server cannot work now; its log says why") from None
        return {"status": "ok"}

    return routes
