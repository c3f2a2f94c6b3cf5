"""NATS JetStream: each message is acknowledged by the stream, which drops one that it has (`Nats-Msg-Id`)."""

from nats.aio.client import Client

from upheld.brokers.nats_server import PATIENCE, connected
from upheld.outgoing.model import MEDIA_TYPE
from upheld.sinks.declared import NatsSink
from upheld.sinks.sending import Message


async def open_sender(sink: NatsSink) -> "NatsSender":
    client = await connected(sink, f"upheld {sink.id}")
    try:
        await client.jetstream(timeout=PATIENCE).account_info()  # that there is JetStream at all
    except BaseException:
        await client.close()
        raise
    return NatsSender(client, sink.subject)


class NatsSender:
    """See `sending.Sender`."""

    def __init__(self, client: Client, subject: str) -> None:
        self._client, self._subject = client, subject
        self._stream = client.jetstream(timeout=PATIENCE)

    async def send(self, message: Message) -> None:
        headers = {"Nats-Msg-Id": message.id, "Content-Type": MEDIA_TYPE}
        await self._stream.publish(message.named(self._subject), message.body, timeout=PATIENCE, headers=headers)

    async def close(self) -> None:
        await self._client.close()
