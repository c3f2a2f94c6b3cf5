"""Signed webhooks to a real HTTP server on the loopback, and every address that is refused."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from upheld.channels import webhook
from upheld.channels.public_addresses import permitted
from upheld.channels.webhook import SignedWebhooks
from upheld.ports import DeliveryError, Webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PAYLOAD = {"type": "upheld.notice.violation", "time": "2026-06-01T22:45:00Z", "data": {"customer": "Söhne", "n": 1}}


class Receiver(ThreadingHTTPServer):
    """Keeps what it receives and answers as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers, self.body = 200, {}, b"TICKET-1"
        self.trickle = False
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    headers: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        if not self.server.trickle:
            self.wfile.write(self.server.body)
            return
        with suppress(OSError):
            for byte in self.server.body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


PLAIN, STRICT = SignedWebhooks(LOOPBACK), SignedWebhooks()


def post(url: str, *, sender: Webhooks = PLAIN, secret: str = SECRET, key: str = "case-1/violation") -> str:
    return sender.post(url, secret, key, time.time_ns() // 1000, PAYLOAD)


def failure(url: str, **given: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as fault:
        post(url, **given)
    return fault.value


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes `hooks.example.test` resolve to one list of addresses after the other; gives the names looked up."""

    def install(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        real = socket.getaddrinfo

        def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host not in ("hooks.example.test", b"hooks.example.test"):
                return real(host, port, *args, **kwargs)
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(str(host))
            return [entry for address in found for entry in real(address, port, *args, **kwargs)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return install


def test_a_payload_arrives_signed_as_standard_webhooks_has_it(receiver: Receiver) -> None:
    answer = post(f"http://127.0.0.1:{receiver.port}/hooks/sla?x=1")
    assert answer == "TICKET-1"
    ((path, headers, body),) = receiver.received
    assert path == "/hooks/sla?x=1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "case-1/violation"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert Webhook(SECRET).verify(body, headers) == PAYLOAD
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "QUJD" * 8).verify(body, headers)


def test_the_timestamp_is_the_given_instant(receiver: Receiver) -> None:
    SignedWebhooks(LOOPBACK).post(f"http://127.0.0.1:{receiver.port}/", SECRET, "m", 1_780_000_000_999_999, PAYLOAD)
    assert receiver.received[0][1]["webhook-timestamp"] == "1780000000"


def test_a_key_cannot_carry_a_header_and_is_signed_as_it_is_sent(receiver: Receiver) -> None:
    post(f"http://127.0.0.1:{receiver.port}/", key="a b\r\nX-Evil: 1/ü%")
    _, headers, body = receiver.received[0]
    assert "x-evil" not in headers
    assert headers["webhook-id"] == "a%20b%0D%0AX-Evil:%201/%C3%BC%25"
    assert Webhook(SECRET).verify(body, headers) == PAYLOAD


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_taken(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.body = status, b""
    assert post(f"http://127.0.0.1:{receiver.port}/") == ""


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (400, 401, 404, 410, 422)),
        *((status, False) for status in (304, 408, 425, 429, 500, 502, 503)),
    ],
)
def test_a_refusal_is_permanent_or_not_by_its_status(receiver: Receiver, status: int, permanent: bool) -> None:
    receiver.status, receiver.body = status, b""
    fault = failure(f"http://127.0.0.1:{receiver.port}/")
    assert (fault.permanent, str(status) in str(fault)) == (permanent, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    assert not failure(f"http://127.0.0.1:{receiver.port}/").permanent
    assert [path for path, *_ in receiver.received] == ["/"]


def test_an_answer_is_read_up_to_64_kib(receiver: Receiver) -> None:
    receiver.body = b"x" * 1_000_000
    assert post(f"http://127.0.0.1:{receiver.port}/") == "x" * 65_536


def test_a_body_that_is_not_text_does_not_crash(receiver: Receiver) -> None:
    receiver.body = b"\xff\xfe\x00"
    assert post(f"http://127.0.0.1:{receiver.port}/").endswith("\x00")


def test_an_answer_that_trickles_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PATIENCE", 0.4)
    receiver.trickle, receiver.body = True, b"x" * 200
    began = time.monotonic()
    fault = failure(f"http://127.0.0.1:{receiver.port}/")
    assert (fault.permanent, str(fault)) == (False, "the webhook took too long")
    assert time.monotonic() - began < 3


def test_a_server_that_is_away_is_temporary() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert not failure(f"http://127.0.0.1:{port}/").permanent


def test_a_server_that_speaks_something_else_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_speak_smtp, args=(server,), daemon=True).start()
        assert not failure(f"http://127.0.0.1:{server.getsockname()[1]}/").permanent


def _speak_smtp(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.recv(100)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
    ],
)
def test_the_own_machine_is_refused_in_every_spelling(receiver: Receiver, host: str) -> None:
    fault = failure(f"http://{host}:{receiver.port}/", sender=STRICT)
    assert fault.permanent
    assert "not public" in str(fault)
    assert receiver.received == []


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "10.255.255.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::1]",
    ],
)
def test_what_is_not_public_is_refused_without_a_connection(host: str) -> None:
    began = time.monotonic()
    fault = failure(f"http://{host}/latest/meta-data", sender=STRICT)
    assert (fault.permanent, "not public" in str(fault)) == (True, True)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert permitted(ip_address(address), ())


def test_an_allowed_network_opens_itself_and_nothing_else(receiver: Receiver) -> None:
    only = SignedWebhooks((ip_network("127.0.0.1/32"),))
    assert post(f"http://127.0.0.1:{receiver.port}/", sender=only) == "TICKET-1"
    assert failure(f"http://127.0.0.2:{receiver.port}/", sender=only).permanent
    assert failure("http://10.0.0.1/", sender=only).permanent
    assert failure(f"http://[::ffff:127.0.0.1]:{receiver.port}/", sender=only).permanent


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.1.2.3"], ["::1"], ["193.0.6.139", "127.0.0.1"], ["127.0.0.1", "193.0.6.139"]]
)
def test_a_name_that_leads_inside_is_refused(
    resolve: Callable[..., list[str]], receiver: Receiver, addresses: list[str]
) -> None:
    resolve(addresses)
    fault = failure(f"http://hooks.example.test:{receiver.port}/", sender=STRICT)
    assert fault.permanent
    assert receiver.received == []


def test_a_name_is_looked_up_once_and_connected_to_as_checked(
    resolve: Callable[..., list[str]], receiver: Receiver
) -> None:
    asked = resolve(["127.0.0.1"], ["127.0.0.9"])  # a second look-up would lead elsewhere
    assert post(f"http://hooks.example.test:{receiver.port}/") == "TICKET-1"
    assert asked == ["hooks.example.test"]
    assert receiver.received[0][1]["host"] == f"hooks.example.test:{receiver.port}"


def test_each_post_looks_and_checks_anew(resolve: Callable[..., list[str]], receiver: Receiver) -> None:
    resolve(["127.0.0.1"], ["10.0.0.1"])
    sender = SignedWebhooks(LOOPBACK)
    url = f"http://hooks.example.test:{receiver.port}/"
    assert post(url, sender=sender) == "TICKET-1"
    assert failure(url, sender=sender).permanent


def test_a_name_that_does_not_resolve_is_temporary() -> None:
    assert not failure("http://no-such-host.invalid/", sender=STRICT).permanent


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "hooks.example.test",
        "//hooks.example.test/",
        "http://",
        "http:///x",
        "",
        "http://user:pass-word@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1/\r\nX: y",
        "http://xn--\u200b/",
    ],
)
def test_what_is_no_webhooks_address_is_refused_for_good(url: str) -> None:
    fault = failure(url)
    assert fault.permanent
    assert "pass-word" not in str(fault)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!!", "whsec_not-base64-xyz", "whsec_ü" * 4])
def test_a_secret_that_cannot_sign_is_refused_without_repeating_it(receiver: Receiver, secret: str) -> None:
    fault = failure(f"http://127.0.0.1:{receiver.port}/", secret=secret)
    assert fault.permanent
    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(fault)
    assert receiver.received == []


@pytest.mark.parametrize("secret", ["whsec_QUJDRA==", "whsec_QUJDRA", "QUJDRA==", "whsec_QUJD"])
def test_a_secret_is_base64_with_or_without_prefix_and_padding(receiver: Receiver, secret: str) -> None:
    post(f"http://127.0.0.1:{receiver.port}/", secret=secret)
    _, headers, body = receiver.received[0]
    assert Webhook(secret).verify(body, headers) == PAYLOAD


def test_neither_the_secret_nor_the_url_is_in_an_error(receiver: Receiver) -> None:
    receiver.status = 404
    for url in (f"http://127.0.0.1:{receiver.port}/path-token", "http://10.0.0.1/path-token"):
        fault = failure(url)
        assert "path-token" not in str(fault)
        assert SECRET not in str(fault)
        assert fault.__cause__ is None


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(f"http://127.0.0.1:{receiver.port}/") == "TICKET-1"


def serve_tls(receiver: Receiver, context: ssl.SSLContext) -> None:
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)


def test_tls_is_verified_against_the_name_although_the_number_is_connected_to(
    resolve: Callable[..., list[str]], receiver: Receiver, trusted: Any
) -> None:
    resolve(["127.0.0.1"])
    serve_tls(receiver, trusted.issue("hooks.example.test"))
    sender = SignedWebhooks(LOOPBACK)  # made when the authority is trusted
    assert post(f"https://hooks.example.test:{receiver.port}/", sender=sender) == "TICKET-1"
    fault = failure(f"https://127.0.0.1:{receiver.port}/", sender=sender)
    assert (fault.permanent, "cannot be reached" in str(fault)) == (False, True)
    assert len(receiver.received) == 1


def test_an_authority_that_is_not_trusted_is_not_posted_to(
    resolve: Callable[..., list[str]], receiver: Receiver, stranger: ssl.SSLContext
) -> None:
    resolve(["127.0.0.1"])
    serve_tls(receiver, stranger)
    assert not failure(f"https://hooks.example.test:{receiver.port}/").permanent
    assert receiver.received == []


def test_a_payload_is_json_with_its_letters(receiver: Receiver) -> None:
    post(f"http://127.0.0.1:{receiver.port}/")
    assert "Söhne".encode() in receiver.received[0][2]
    assert json.loads(receiver.received[0][2]) == PAYLOAD
