"""Real servers on the loopback, and certificates that a real client can verify."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True)
class Authority:
    """A certificate authority that this process's clients trust."""

    issue: Callable[[str], ssl.SSLContext]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return Authority(lambda name: _server_context(authority, name))


@pytest.fixture
def stranger() -> ssl.SSLContext:
    """The context of a server whose authority nobody trusts."""
    return _server_context(trustme.CA(), "hooks.example.test")


def _server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
