"""The receiver's page of a notice: that it was read, and that such ones are to stop.

Public, but only for whom we sent the signed link to. Mail scanners follow links, so opening the page changes nothing. A
mail program that stops such notices by one click posts here too (RFC 8058).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from upheld.notices.consent import OPTIONAL
from upheld.notices.links import Receipt
from upheld.notices.model import Notice
from upheld.web.addressed import Fault, receiver
from upheld.web.said import LONGEST_COMMENT
from upheld.web.site import Site, behind

ONE_CLICK = "One-Click"


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/notice/{token}`: GET shows, POST takes `wish`: `read`, `stop` or `resume`."""

    @routes.get("/notice/{token}")
    def look(request: Request, token: str) -> Response:
        found = _find(site, token)
        return show(request, 404 if found is None else 200, found)

    @routes.post("/notice/{token}")
    def take(
        request: Request,
        token: str,
        wish: Annotated[str, Form()] = "",
        comment: Annotated[str, Form()] = "",
        one_click: Annotated[str, Form(alias="List-Unsubscribe")] = "",
    ) -> Response:
        found = _find(site, token)
        if found is None:
            return show(request, 404, None)
        receipt, notice = found
        wish = "stop" if one_click == ONE_CLICK else wish
        if len(comment) > LONGEST_COMMENT:
            fault = Fault("page.too_long", {"most": LONGEST_COMMENT, "has": len(comment)})
            return show(request, 400, found, fault=fault, comment=comment)
        if wish not in ("read", "stop", "resume") or (wish != "read" and notice.kind not in OPTIONAL):
            return show(request, 400, found, fault=Fault("notice.choose"))
        _take(site, receipt, notice, wish, comment.strip())
        return show(request, 200, _find(site, token), done=wish)

    def show(request: Request, status: int, found: tuple[Receipt, Notice] | None, **facts: Any) -> Response:
        known: dict[str, Any] = {"notice": None, "fault": None, "comment": "", "done": None, "to": None}
        if found is not None:
            known |= _facts(site, *found)
        return site.signed_page(request, "notice.html", status, **{**known, **facts})


def _find(site: Site, token: str) -> tuple[Receipt, Notice] | None:
    def notice_of(receipt: Receipt) -> Notice | None:
        with site.application.store.transaction(receipt.tenant, writing=False) as t:
            return t.notice(receipt.notice)

    return behind(site.application.links.read_receipt, token, notice_of)


def _take(site: Site, receipt: Receipt, notice: Notice, wish: str, comment: str) -> None:
    if wish == "read":
        return site.application.notices.acknowledge(receipt.tenant, notice.id, comment)
    with site.application.store.transaction(receipt.tenant) as t:
        if wish == "stop":
            t.add_unsubscription(notice.channel, notice.address, notice.kind, site.now())
        else:
            t.forget_unsubscription(notice.channel, notice.address, notice.kind)
    return None


def _facts(site: Site, receipt: Receipt, notice: Notice) -> dict[str, Any]:
    with site.application.store.transaction(receipt.tenant, writing=False) as t:
        stopped = t.unsubscribed_at(notice.channel, notice.address, notice.kind)
    return {
        "notice": notice,
        "may_stop": notice.kind in OPTIONAL,
        "stopped": stopped,
        "to": receiver(site.application.process.portfolio(receipt.tenant), notice),
    }
