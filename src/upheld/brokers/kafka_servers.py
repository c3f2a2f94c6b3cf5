"""Kafka: the settings of a client of librdkafka."""

import logging
from typing import Any

from upheld.brokers.secrets import resolved
from upheld.brokers.servers import KafkaServers

PATIENCE = 10.0
"""Seconds that the brokers may take to answer."""
_quiet = logging.getLogger("upheld.brokers.librdkafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


def settings(servers: KafkaServers, name: str) -> dict[str, Any]:
    """Those that every client has, which calls itself `name`; the options that were declared among them."""
    return {
        "client.id": name,
        **{option: resolved(value) for option, value in servers.options.items()},
        "bootstrap.servers": ",".join(servers.servers),
        "logger": _quiet,
    }
