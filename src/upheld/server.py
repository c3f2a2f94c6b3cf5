"""The whole of HTTP: the API, the pages, and the layers around both."""

import contextlib
import errno
import math
import signal
import socket
import time
from importlib.metadata import version
from types import FrameType

import uvicorn
from fastapi import FastAPI

from upheld.access import open_sessions
from upheld.api import problems
from upheld.api.admitting import Admitting
from upheld.api.edge import Addresses, BodyLimit, Protection, Traced, Witness
from upheld.api.gate import Gate
from upheld.api.noting import Noting
from upheld.api.routers import routers
from upheld.api.tmf_errors import TmfErrors
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
    app.add_middleware(Admitting, admission=application.admission, limit=application.settings.max_body)
    app.add_middleware(Noting, senders=application.senders, clock=application.clock)
    app.add_middleware(Traced, recorder=application.telemetry)
    app.add_middleware(Gate, store=application.store, sessions=open_sessions(application.store))
    app.add_middleware(Addresses)
    app.add_middleware(BodyLimit, limit=application.settings.max_body)
    app.add_middleware(Witness, recorder=application.telemetry)
    app.add_middleware(TmfErrors)
    app.add_middleware(Protection)
    return app


class CannotListen(Exception):
    """The address and port cannot be listened on, and why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises CannotListen."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError, OverflowError) as fault:
        if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
            raise CannotListen(f"port {port} of {host} is taken: give another with --port") from None
        why = fault.strerror if isinstance(fault, OSError) else fault
        raise CannotListen(f"cannot listen on port {port} of {host}: {why}; see --host and --port") from None


def serve(application: Application, listener: socket.socket) -> None:
    """Answers on a listening socket until told to stop; see `Server` for how it ends. uvicorn's own access log stays
    off: it would hold the tokens of signed links."""
    config = uvicorn.Config(
        create_app(application),
        host=application.settings.host,
        port=application.settings.port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, application).run(sockets=[listener])


class Server(uvicorn.Server):
    """On SIGTERM the server says that it is not ready for `drain` seconds, in which it still answers, so that whoever
    distributes the requests has time to notice. Then nothing new is taken, and what is being answered comes to its end.
    A second signal, or an interrupt from the keyboard, ends it at once."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application, self._ends_at = application, math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        is_first, drain = not self._application.draining.is_set(), self._application.settings.drain
        self._application.draining.set()
        if is_first and sig == signal.SIGTERM and drain:
            self._ends_at = time.monotonic() + drain
        else:
            self.should_exit, self.force_exit = True, self.should_exit

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)
