"""A mail catcher: a relay on loopback that keeps every mail in a Maildir instead of sending it on."""

import socket
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox


def start_mail_catcher(maildir: Path, port: int | None = None) -> Controller:
    """Starts the relay on 127.0.0.1, on a free port unless one is given, and returns its controller: `port` is where
    it listens, `stop()` ends it."""
    maildir.parent.mkdir(parents=True, exist_ok=True)
    controller = Controller(Mailbox(maildir), hostname="127.0.0.1", port=port or free_port())
    controller.start()
    return controller


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
