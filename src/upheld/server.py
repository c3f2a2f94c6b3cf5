"""The whole of HTTP: the API, the pages, and the layers around both."""

from importlib.metadata import version

import uvicorn
from fastapi import FastAPI

from upheld.access import open_sessions
from upheld.api import problems
from upheld.api.edge import BodyLimit, Protection, Witness
from upheld.api.gate import Gate
from upheld.api.routers import routers
from upheld.app import Application
from upheld.web import pages


def create_app(application: Application) -> FastAPI:
    """The ASGI application. Everything but health, signed links, the sign-in page and the pages' own files wants an API
    key or a session; `/openapi.json` too."""
    app = FastAPI(
        title="Upheld",
        version=version("upheld"),
        summary="QoS and SLA violations: measurements and agreements in, verdicts and cases out",
        docs_url=None,
        redoc_url=None,
    )
    for router in routers(application):
        app.include_router(router)
    app.include_router(pages.router(application))
    problems.install(app, pages.error_page(application))
    # What is added last stands outermost.
    app.add_middleware(Gate, store=application.store, sessions=open_sessions(application.store))
    app.add_middleware(BodyLimit, limit=application.settings.max_body)
    app.add_middleware(Witness)
    app.add_middleware(Protection)
    return app


def serve(application: Application) -> None:
    """Listens until told to stop. uvicorn's own access log stays off: it would hold the tokens of signed links."""
    settings = application.settings
    uvicorn.run(
        create_app(application),
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )
