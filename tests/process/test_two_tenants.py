"""What two tenants call by the same name is told apart by whoever hears from both."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import pytest
from cloudevents.core.formats.json import JSONFormat

from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT, Application
from upheld.maintenance.model import Maintenance
from upheld.readers.portfolio import parse_portfolio

PORTFOLIO = """
agreements:
  - id: acme-vpn-gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-0042]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.5 %
    notices: {maintenance: {lead_time: 2d, to: [customer.noc, customer.desk]}}
customers:
  - id: acme
    name: Acme GmbH
    contacts:
      noc: [{email: noc@acme.example}]
      desk: [{webhook: "http://127.0.0.1:PORT/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]
"""


class Desk(BaseHTTPRequestHandler):
    """Drops what comes a second time under the same id."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.ids.append(self.headers["webhook-id"])
        self.server.posted.append((self.headers["content-type"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def desk():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.ids, server.posted = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_works_under_one_id_are_told_apart(world, desk):
    settings = world.settings.model_copy(update={"allowed_callbacks": (ip_network("127.0.0.0/8"),)})
    world.application = Application(settings, world.clock)
    world.process = world.application.process
    source = PORTFOLIO.replace("PORT", str(desk.server_port))
    world.application.store.add_tenant("other", "Other")
    for tenant in (DEFAULT_TENANT, "other"):
        world.process.adopt_portfolio(tenant, source, parse_portfolio(source, "portfolio.yaml"))
        start = world.clock.at + 3 * DAY
        work = Maintenance("work-1", "Upgrade", start, start + HOUR, ("vpn-0042",), "change board", world.clock.at)
        world.process.works.plan(tenant, work)
    world.run()
    mails = world.mails("noc@acme.example")
    assert len(mails) == len({m["Message-ID"] for m in mails}) == len({m["References"] for m in mails}) == 2
    assert len(desk.ids) == len(set(desk.ids)) == 2
    events = [JSONFormat().read(None, body) for _, body in desk.posted]
    assert {kind for kind, _ in desk.posted} == {"application/cloudevents+json"}
    assert [event.get_id() for event in events] == desk.ids
    assert {event.get_source() for event in events} == {
        f"https://assurance.carrier.example/tenants/{tenant}" for tenant in (DEFAULT_TENANT, "other")
    }
    assert {(e.get_type(), e.get_subject()) for e in events} == {("org.upheld.notice.maintenance", "work-1")}
