"""From the table of routes to handlers: every check that a row names is made here, once.

The order of the checks decides what a request learns: rights, camera, role, parameters, body, rate,
slots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from urllib.parse import quote

from aiohttp import web

from camfan_nodes.shared.http_values import read_body, read_query
from camfan_nodes.web.guard import Guard, Handler
from camfan_nodes.web.principals import Principal
from camfan_nodes.web.request_values import BODY, CAMERA, PRINCIPAL, QUERY
from camfan_nodes.web.route import Rights, Route, SlotLimit
from camfan_nodes.web.routes import Handlers
from camfan_nodes.web.slots import Slots
from camfan_wire.rate_limit import RateLimit

LOGIN_FIRST = (
    "Log in, or send a token: 'Authorization: Bearer TOKEN', '?token=TOKEN', or as "
    "the password of any user name.\n"
)
NO_CAMERA = "no such camera, or not permitted\n"


class Dispatcher:
    """Adds routes to an application. Belongs to the event loop."""

    def __init__(self, routes: Sequence[Route], handlers: Handlers, guard: Guard) -> None:
        self._routes = routes
        self._handlers = handlers
        self._guard = guard
        self._slots: dict[SlotLimit, Slots] = {}
        self._rates: dict[tuple[str, str, str], RateLimit] = {}

    def add_to(self, router: web.UrlDispatcher) -> None:
        alternatives: defaultdict[tuple[str, str], list[tuple[Route, Handler]]] = defaultdict(list)
        for route in self._routes:
            found = route, self._guarded(route)
            alternatives[route.method, route.resource].append(found)
        for (method, path), choices in alternatives.items():
            handler = choices[0][1] if len(choices) == 1 else _by_query(choices)
            add = router.add_get if method == "GET" else router.add_post
            add(path, handler)

    def open(self, limit: SlotLimit) -> int:
        """How many requests of this kind are open now."""
        return self._slots[limit].taken if limit in self._slots else 0

    def _guarded(self, route: Route) -> Handler:
        handler = route.handler(self._handlers)
        slots = None
        if route.slots is not None:
            slots = self._slots.setdefault(route.slots, Slots(route.slots))

        async def answer(request: web.Request) -> web.StreamResponse:
            await self._check(route, request)
            slot = nullcontext() if slots is None else slots.slot(request[PRINCIPAL])
            with slot:
                return await handler(request)

        return answer

    async def _check(self, route: Route, request: web.Request) -> None:
        """Raises an HTTPException for a request that the handler must not see."""
        principal = request.get(PRINCIPAL)
        if route.rights is not Rights.PUBLIC:
            principal = _admitted(route, request)
            if route.same_origin:
                self._guard.check_origin(request)
            if route.names_camera:
                request[CAMERA] = _camera(request, principal)
            _check_role(route.rights, principal)
        if route.query is not None:
            request[QUERY] = read_query(request, route.query)
        if route.body is not None:
            request[BODY] = await read_body(request, route.body)
        if route.per_second is not None and principal is not None:
            self._check_rate(route, principal, route.per_second)

    def _check_rate(self, route: Route, principal: Principal, per_second: float) -> None:
        key = route.path, principal.kind, principal.name
        if not self._rates.setdefault(key, RateLimit(per_second)).allows():
            text = f"too many requests: {per_second:g} a second are allowed\n"
            raise web.HTTPTooManyRequests(text=text, headers={"Retry-After": "1"})


def _by_query(choices: list[tuple[Route, Handler]]) -> Handler:
    """For routes that share a path: the one with the longest selector that the request matches."""
    choices = sorted(choices, key=lambda choice: len(choice[0].selector), reverse=True)

    async def answer(request: web.Request) -> web.StreamResponse:
        for route, handler in choices:
            if route.selector.items() <= {(k, request.query[k]) for k in request.query}:
                return await handler(request)
        raise web.HTTPNotFound

    return answer


def _admitted(route: Route, request: web.Request) -> Principal:
    """Raises HTTPUnauthorized, or HTTPFound to the login page."""
    principal: Principal | None = request.get(PRINCIPAL)
    if principal is not None:
        return principal
    if route.rights is Rights.PAGE:
        raise web.HTTPFound(f"/login?to={quote(request.path_qs, safe='')}")
    raise web.HTTPUnauthorized(text=LOGIN_FIRST, headers={"WWW-Authenticate": route.challenge})


def _camera(request: web.Request, principal: Principal) -> str:
    """The camera of the path, else of the query, else the first. Raises HTTPNotFound, which is the
    same for a camera that does not exist and one that the principal may not see.
    """
    first = principal.cameras[0] if principal.cameras else ""
    name = request.match_info.get("camera") or request.query.get("camera", first)
    if name not in principal.cameras:
        raise web.HTTPNotFound(text=NO_CAMERA)
    return name


def _check_role(rights: Rights, principal: Principal) -> None:
    """Raises HTTPForbidden."""
    if rights is Rights.OPERATOR and not principal.may("operator"):
        raise web.HTTPForbidden(text="only operators and owners may do this\n")
    if rights is Rights.SITE_OWNER and not (principal.may("owner") and principal.sees_all):
        raise web.HTTPForbidden(text="only an owner of all cameras may read this\n")
