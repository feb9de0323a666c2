"""What a route of the web server consists of; `routes.py` is the table of them.

The handlers, the checks before a handler (`dispatch.py`) and the OpenAPI document (`openapi.py`)
are all made from the same `Route`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl

from msgspec import Struct

if TYPE_CHECKING:
    from camfan_nodes.web.guard import Handler
    from camfan_nodes.web.routes import Handlers

CAMERA = "{camera}"
BEARER = 'Bearer realm="camfan"'
BASIC = 'Basic realm="camfan"'


class Rights(enum.Enum):
    """What a request needs before its handler is called."""

    PUBLIC = "no login"
    PAGE = "a login; without one a browser is led to the login page"
    VIEWER = "a login or a token"
    OPERATOR = "the role operator or owner"
    SITE_OWNER = "the role owner, and all cameras"


@dataclass(frozen=True, slots=True)
class SlotLimit:
    """How many requests of this kind may be open at once; more are answered with 503."""

    what: str
    in_all: int
    per_user: int
    for_owners: int  # of those in all


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the OpenAPI document: JSON of a type, or a media type."""

    text: str
    content: type[Struct] | str
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table. `path` may end with `?NAME=VALUE`: then only such requests match."""

    method: Literal["GET", "POST"] = "GET"
    path: str
    handler: Callable[[Handlers], Handler]
    rights: Rights
    query: type[Struct] | None = None
    body: type[Struct] | None = None  # JSON
    slots: SlotLimit | None = None
    per_second: float | None = None  # requests of one user; 40 s' worth at once
    same_origin: bool = False  # not from pages of other sites, though it is a GET
    challenge: str = BEARER  # of the answer 401
    summary: str = ""  # in the OpenAPI document; without one the route is not in it
    answer: Answer | None = None
    errors: Mapping[int, str | Answer] = field(default_factory=dict)  # beside those of the checks

    @property
    def resource(self) -> str:
        """The path as the router matches it."""
        return self.path.partition("?")[0]

    @property
    def names_camera(self) -> bool:
        return CAMERA in self.path

    @property
    def selector(self) -> dict[str, str]:
        """The query parameters that select this route, with their values."""
        pairs = parse_qsl(self.path.partition("?")[2])
        return {name: value for name, value in pairs if value != CAMERA}
