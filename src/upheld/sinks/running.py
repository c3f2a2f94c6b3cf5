"""All destinations of an installation, a thread each: the sinks that are declared, and the hubs as they come and go."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from upheld.brokers.secrets import resolved
from upheld.outgoing.model import MEDIA_TYPE, OutgoingEvent, cloud_event, event_id, tmf_event
from upheld.ports import Hub, Outflow, Store, Webhooks
from upheld.sinks.declared import Sink, WebhookSink, place_of
from upheld.sinks.delivering import Delivery, Destination, Standing
from upheld.sinks.sending import Message, Sender, check_installed, open_broker
from upheld.sinks.webhooks import WebhookSender, hub_secret
from upheld.telemetry import Sent

log = structlog.get_logger("upheld.sinks")

HUB = "hub"
"""The kind of a destination that a hub is."""


class Sinks:
    """Sends to every destination of the tenants that this process leads. `origin` is the installation's public address,
    `secret` its own, `now` the machine's time in microseconds UTC. Raises MissingClient where a client is not
    installed."""

    def __init__(
        self,
        declared: Sequence[Sink],
        store: Store,
        webhooks: Webhooks,
        origin: str,
        secret: str,
        now: Callable[[], int],
    ) -> None:
        for sink in declared:
            check_installed(sink)
        self._store, self._webhooks, self._origin, self._secret, self._now = store, webhooks, origin, secret, now
        self._declared = [self._of_sink(sink) for sink in declared]
        self._starts = {(sink.tenant, sink.id): sink.start for sink in declared}
        self._at_work: dict[tuple[str, str], tuple[Delivery, threading.Thread]] = {}
        self._flow = Outflow({}, {}, ())
        self._begun = self._stopped = False

    def look(self) -> int:
        """Sees what there is to do: starts and stops destinations as hubs come and go, and as this process leads their
        tenants or not. To be called every moment; always returns 0."""
        if not self._begun:
            self._begin()
        self._flow = self._store.outflow()
        wanted = {(one.tenant, one.id): one for one in self._destinations()}
        tenants = {tenant for tenant, _ in wanted}
        led = {tenant for tenant in tenants if self._store.leads(tenant)}
        for key, (delivery, thread) in list(self._at_work.items()):
            if key not in wanted or key[0] not in led:
                delivery.stop()
            if not thread.is_alive() and delivery.standing.state == "stopped":
                del self._at_work[key]
        for key, destination in wanted.items():
            if key not in self._at_work and key[0] in led and not self._stopped:
                self._start(destination)
        return 0

    def stop(self, patience: float = 25) -> None:
        """Lets each end what it is at."""
        self._stopped = True
        for delivery, _ in list(self._at_work.values()):
            delivery.stop()
        for _, thread in list(self._at_work.values()):
            thread.join(patience)

    def failing(self) -> dict[str, str]:
        """The threads that have ended before they were told to, and that."""
        if self._stopped:
            return {}
        return {
            thread.name: "ended"
            for delivery, thread in list(self._at_work.values())
            if not thread.is_alive() and delivery.standing.state not in ("stopped", "gone")
        }

    def of(self, tenant: str | None = None) -> list[tuple[Destination, Standing | None, int]]:
        """Every destination, of one tenant where that is given, as it stands (None: not in this process), and how many
        events there are behind its position."""
        flow = self._store.outflow()
        found = []
        for one in self._destinations(flow):
            if tenant in (None, one.tenant):
                at_work = self._at_work.get((one.tenant, one.id))
                head, place = flow.heads.get(one.tenant, 0), flow.places.get((one.tenant, one.id), 0)
                found.append((one, None if at_work is None else at_work[0].standing, head - place))
        return found

    def standing(self) -> Mapping[tuple[str, str, str], Sent]:
        """How each destination stands, by its tenant, id and kind."""
        found = {}
        for one, stands, lag in self.of():
            here = {} if stands is None else _told(stands)
            found[one.tenant, one.id, one.kind] = Sent(lag, **here)
        return found

    # -- destinations

    def _begin(self) -> None:
        """A sink that is new begins where it says."""
        for (tenant, sink), start in self._starts.items():
            with self._store.transaction(tenant) as t:
                removed, last = t.outgoing_span()
                t.add_sink(sink, last if start == "new" else removed)
        self._begun = True

    def _destinations(self, flow: Outflow | None = None) -> list[Destination]:
        hubs = (self._flow if flow is None else flow).hubs
        return [*self._declared, *(self._of_hub(tenant, hub) for tenant, hub in hubs)]

    def _of_sink(self, sink: Sink) -> Destination:
        async def webhook(sink: WebhookSink) -> Sender:
            return WebhookSender(self._webhooks, sink.url, lambda: resolved(sink.secret), MEDIA_TYPE, self._now)

        opening = partial(webhook, sink) if isinstance(sink, WebhookSink) else partial(open_broker, sink)
        message = partial(self._cloud_event, sink.tenant)
        return Destination(sink.tenant, sink.id, sink.kind, place_of(sink), sink.types, opening, message)

    def _of_hub(self, tenant: str, hub: Hub) -> Destination:
        async def opening() -> Sender:
            secret = hub_secret(self._secret, tenant, hub.id)
            return WebhookSender(self._webhooks, hub.callback, lambda: secret, "application/json", self._now)

        message = partial(self._tmf_event, tenant)
        return Destination(
            tenant, hub.id, HUB, hub.callback, hub.types, opening, message, partial(self._forget, tenant, hub.id)
        )

    def _cloud_event(self, tenant: str, event: OutgoingEvent) -> Message:
        document = cloud_event(event, tenant, self._origin)
        return Message(event_id(tenant, event), event.subject, event.type, event.at, document)

    def _tmf_event(self, tenant: str, event: OutgoingEvent) -> Message:
        document = tmf_event(event, tenant)
        return Message(event_id(tenant, event), event.subject, event.type, event.at, document)

    def _forget(self, tenant: str, hub_id: str) -> None:
        with self._store.transaction(tenant) as t:
            t.forget_hub(hub_id)

    # -- threads

    def _start(self, destination: Destination) -> None:
        key = destination.tenant, destination.id
        delivery = Delivery(destination, self._store, partial(self._is_ahead, key))
        thread = threading.Thread(target=delivery.run, name=f"sink {destination.id}", daemon=True)
        self._at_work[key] = delivery, thread
        log.info("destination begins", tenant=destination.tenant, sink=destination.id, kind=destination.kind)
        thread.start()

    def _is_ahead(self, key: tuple[str, str], position: int) -> bool:
        flow = self._flow
        return flow.places.get(key, position) != position or flow.heads.get(key[0], 0) > position


def _told(standing: Standing) -> dict[str, Any]:
    counts = {name: getattr(standing, name) for name in ("oldest", "delivered", "failed", "missed")}
    return {"up": standing.state == "running", **counts}
