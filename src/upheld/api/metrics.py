"""The metrics of the installation, for Prometheus."""

from fastapi import APIRouter, Request, Response

from upheld.access import METRICS
from upheld.api.inputs import Asking
from upheld.app import Application


def router(application: Application) -> APIRouter:
    """`/metrics`."""
    routes = APIRouter(tags=["health"])

    @routes.get(METRICS, response_class=Response)
    def metrics(caller: Asking, request: Request) -> Response:
        """The metrics as text, for a `metrics` key. An operator's key gets them too, without those of other tenants."""
        tenant = None if caller.role == "metrics" else caller.tenant
        page, content_type = application.telemetry.page(request.headers.get("accept", ""), tenant)
        return Response(page, headers={"Content-Type": content_type})

    return routes
