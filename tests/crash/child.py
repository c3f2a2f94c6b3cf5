"""The server that is killed: the application as `upheld serve` runs it, in a process forked where all is imported."""

import logging
import socket
import sys
from pathlib import Path

import numba  # noqa: F401 - imported before forking

from upheld.app import Application, Settings, configure_logging
from upheld.assessment import fleet  # noqa: F401
from upheld.server import serve


def run(listener: socket.socket, settings: dict[str, object], output: str) -> None:
    """Serves on the listening socket until killed."""
    sys.stdout = sys.stderr = Path(output).open("a", buffering=1)  # noqa: SIM115
    logging.raiseExceptions = False
    given = Settings(**settings)  # type: ignore[arg-type]
    configure_logging(given.log_level)
    application = Application(given)
    key = application.first_key()
    if key is not None:
        Path(str(output) + ".key").write_text(key)
    application.start()
    serve(application, listener)
