"""The web pages: the operator's console, and the one page on which a customer answers."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from upheld.access import open_sessions
from upheld.app import Application
from upheld.web import (
    claims,
    confirming,
    console,
    measured,
    noticed,
    objecting,
    objections,
    promises,
    receiving,
    resolutions,
    set_aside,
    signing_in,
    steps,
)
from upheld.web.site import STATIC_FILES, Site, open_site, page_route

ErrorPage = Callable[[Request, int], HTMLResponse]


def router(application: Application) -> APIRouter:
    """Every page and static file. All but `/login`, `/static`, and the signed links `/confirm`, `/claim`, `/notice`,
    `/planned` and `/decide` need an operator's session."""
    site = open_site(application, open_sessions(application.store))
    routes = APIRouter(route_class=page_route(site), include_in_schema=False)
    routes.add_api_route("/static/{name:path}", static_file, methods=["GET"])
    signing_in.add_pages(routes, site)
    confirming.add_pages(routes, site)
    claims.add_pages(routes, site)
    receiving.add_pages(routes, site)
    objecting.add_pages(routes, site)
    objections.add_pages(routes, site)
    noticed.add_pages(routes, site)
    console.add_pages(routes, site)
    measured.add_pages(routes, site)
    promises.add_pages(routes, site)
    resolutions.add_pages(routes, site)
    set_aside.add_pages(routes, site)
    steps.add_pages(routes, site)
    return routes


def error_page(application: Application) -> ErrorPage:
    """Gives (request, status) -> the page for an error that no route of ours answered, such as an unknown address."""
    site: Site = open_site(application, open_sessions(application.store))
    return site.error


def static_file(name: str, request: Request) -> Response:
    """A file of ours; for good under the address that carries its digest, for a minute under its bare name."""
    if name not in STATIC_FILES:
        raise HTTPException(404)
    path, digest = STATIC_FILES[name]
    for_good = request.query_params.get("v") == digest
    keep = "public, max-age=31536000, immutable" if for_good else "public, max-age=60"
    return FileResponse(path, headers={"Cache-Control": keep})
