"""A route of the web server exists in one place: the table. All else is made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import camfan_nodes.web
from camfan_nodes.web.openapi import openapi
from camfan_nodes.web.route import Rights, Route
from camfan_nodes.web.routes import ROUTES
from camfan_testing.hashes import PASSWORD_HASH, TOKEN, TOKEN_HASH
from camfan_testing.web import LiveWeb, live_web
from camfan_testing.web_client import Client

PACKAGE = Path(camfan_nodes.web.__file__).parent
GUIDE = Path(__file__).parents[2] / "docs/guide/web.md"
WEB = f"""  users: {{ines: {{password: {PASSWORD_HASH}, role: owner}}}}
  tokens: {{reader: {{token: {TOKEN_HASH}, cameras: [two]}}}}
"""
CALLS = re.compile(r"\.(add_route|add_get|add_post|add_put|add_delete|add_static|add_view)\b")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWeb]:
    with live_web(tmp_path_factory.mktemp("routes"), web=WEB) as running:
        yield running


@pytest.fixture
def viewer(web: LiveWeb) -> Client:
    """A token that may see one camera and has the least role."""
    return Client(web.url, headers={"Authorization": f"Bearer {TOKEN}"})


def path_of(route: Route, camera: str) -> str:
    return route.path.replace("{camera}", camera)


def answer_to(client: Client, route: Route, camera: str) -> tuple[int, bytes]:
    path = path_of(route, camera)
    status, body, _ = client.get(path) if route.method == "GET" else client.post(path, {})
    return status, body


def named(routes: list[Route]) -> list[object]:
    return [pytest.param(route, id=f"{route.method} {route.path}") for route in routes]


def test_the_router_has_the_routes_of_the_table_and_no_others(web: LiveWeb) -> None:
    router = web.server._app().router
    served = {(r.method, r.resource.canonical) for r in router.routes() if r.resource is not None}

    assert {one for one in served if one[0] != "HEAD"} == {(r.method, r.resource) for r in ROUTES}


def test_routes_are_added_in_one_module() -> None:
    adding = {path.name for path in PACKAGE.glob("*.py") if CALLS.search(path.read_text())}

    assert adding <= {"dispatch.py"}


def test_no_address_is_written_in_a_second_module() -> None:
    """Beside the table an address stands only where it is linked to or redirected to."""
    addresses = {
        r.resource for r in ROUTES if r.resource.startswith(("/api/", "/snapshot", "/str"))
    }
    literals = {f'"{address}"' for address in addresses}
    found = {
        path.name: literal
        for path in PACKAGE.glob("*.py")
        for literal in literals
        if literal in path.read_text()
    }

    assert set(found) == {"routes.py"}


def test_each_route_of_the_table_is_written_once() -> None:
    keys = [(route.method, route.path) for route in ROUTES]

    assert len(keys) == len(set(keys))


def test_the_document_has_every_route_with_a_summary() -> None:
    paths = openapi("0")["paths"]
    documented = {(m.upper(), path) for path, methods in paths.items() for m in methods}

    assert documented == {(route.method, route.path) for route in ROUTES if route.summary}


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.resource.startswith("/api/")]))
def test_the_document_has_the_whole_api(route: Route) -> None:
    assert route.summary


def test_the_guide_names_existing_addresses_only() -> None:
    """Each address in a table of the guide is a route."""
    rows = [
        line.split("|")[1] for line in GUIDE.read_text().splitlines() if line.startswith("| `/")
    ]
    said = [urlsplit(one) for row in rows for one in re.findall("`(/[^`]*)`", row) if one != "/"]
    known = {route.resource.replace("{camera}", "CAMERA") for route in ROUTES}

    assert said
    assert {one.path for one in said if not one.path.startswith("/#")} <= known


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.rights is Rights.PAGE]))
def test_a_page_leads_to_the_login(web: LiveWeb, route: Route) -> None:
    status, _, headers = Client(web.url).get(route.path)

    assert (status, headers["Location"]) == (302, f"/login?to={route.path}")


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.names_camera]))
def test_a_camera_that_is_not_permitted_does_not_exist(viewer: Client, route: Route) -> None:
    """The same answer for both, at every address that names a camera."""
    answers = [answer_to(viewer, route, camera) for camera in ("one", "nowhere")]

    assert answers == [(404, b"no such camera, or not permitted\n")] * 2


@pytest.mark.parametrize(
    "route", named([r for r in ROUTES if r.rights in (Rights.OPERATOR, Rights.SITE_OWNER)])
)
def test_a_role_that_is_too_low_is_rejected(viewer: Client, route: Route) -> None:
    status, body = answer_to(viewer, route, "two")

    assert status == 403
    assert b"owner" in body


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.body is not None]))
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{}", "text/plain", 415), (b"{", "application/json", 400), (b"[]", "application/json", 400)],
)
def test_a_body_that_is_not_valid_is_rejected(
    web: LiveWeb, route: Route, body: bytes, kind: str, status: int
) -> None:
    owner = Client(web.url)
    assert owner.log_in("ines") == 200

    assert owner.ask("POST", path_of(route, "two"), body, Content_Type=kind)[0] == status
