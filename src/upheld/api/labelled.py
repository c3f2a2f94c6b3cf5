"""What the receivers of labelled samples have in common: a body taken in, and what is answered."""

from upheld.access import Caller
from upheld.api.mapping import NO_MAPPING
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.readers.body_faults import MalformedBody
from upheld.readers.labelled import Received
from upheld.taking_in.ingesting import PROTOBUF, NoMapping, Protocol


def taken(application: Application, caller: Caller, protocol: Protocol, body: bytes, form: str = PROTOBUF) -> Received:
    """Takes in a request's body, of the media type `form`, or refuses it."""
    try:
        received = application.ingestion.take(caller.tenant, protocol, body, caller.name, form)
    except MalformedBody as error:
        raise Problem(400, str(error)) from None
    except NoMapping:
        # The sender keeps what it has and tries again, which no answer of 4xx would let it do.
        raise Problem(503, NO_MAPPING, headers={"Retry-After": "30"}) from None
    application.admission.charge(caller.tenant, samples=received.table.num_rows + sum(received.left_out.values()))
    return received


def left_out_header(received: Received) -> dict[str, str]:
    """`Upheld-Left-Out`: how many samples were left out, by their reason."""
    left_out = ", ".join(f"{reason}={count}" for reason, count in received.left_out.items())
    return {"Upheld-Left-Out": left_out} if left_out else {}
