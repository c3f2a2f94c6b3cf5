"""Notices by whom they went to, and what became of them where they were delivered."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from upheld.api.inputs import Asking, Input, Name, RawBody, Text, check_media_type
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.notices.model import NoticeState, Receipt
from upheld.readers.delivery_reports import NoReport, read_delivery_report
from upheld.reports.records import notice_document


class NoticeQuery(Input):
    """Which notices, newest first."""

    state: NoticeState | None = None
    customer: Name | None = None
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


class ReceiptInput(Input):
    """What is told of a notice that was handed over. `detail` is what the other side said of it."""

    notice: Annotated[str, Field(min_length=1, max_length=1_000)]
    receipt: Receipt
    detail: Text = ""


def router(application: Application) -> APIRouter:
    """`/v1/notices`."""
    routes = APIRouter(prefix="/v1", tags=["notices"])
    content = {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}

    @routes.get("/notices")
    def many(caller: Asking, query: Annotated[NoticeQuery, Query()]) -> dict[str, Any]:
        """Notices, newest first: to whom, about what, whether each was sent, and what became of it there."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            found = t.notices(state=query.state, customer=query.customer, limit=query.limit)
        return {"notices": [notice_document(notice) for notice in found]}

    @routes.post("/notices/receipts")
    def receipt(caller: Asking, told: ReceiptInput) -> dict[str, Any]:
        """Takes that a notice was delivered, read, or came back, from a relay or a gateway that tells so. What came
        back goes to the contact's next address, and the account manager is warned. The same again changes nothing."""
        try:
            new = application.notices.heard(caller.tenant, told.notice, told.receipt, told.detail)
        except KeyError:
            raise field_problem("notice", "there is no notice of that id") from None
        except ValueError as error:
            raise Problem(409, str(error)) from None
        return {"notice": told.notice, "new": new}

    @routes.post("/notices/delivery-reports", openapi_extra={"requestBody": {"required": True, "content": content}})
    def report(caller: Asking, body: RawBody) -> dict[str, Any]:
        """Takes a mail system's report of a delivery, as the message that it is (RFC 3464, RFC 8098). `notice` is null
        where the report is of a message that is not ours, or of a delay, which is no end."""
        kind, received = body
        check_media_type(kind, ("message/rfc822",))
        try:
            found = read_delivery_report(received)
        except NoReport as error:
            raise Problem(422, str(error)) from None
        if found is None:
            return {"notice": None}
        return {
            "notice": application.notices.heard_of(caller.tenant, found.outside_id, found.receipt, found.detail),
            "receipt": found.receipt,
        }

    return routes
