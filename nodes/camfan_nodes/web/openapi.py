"""The OpenAPI document, made of the types that the API answers with."""

from __future__ import annotations

from typing import Any

import msgspec

from camfan_nodes.web.api import (
    MOST_EVENTS,
    CameraList,
    ClientList,
    EventList,
    Me,
    Settings,
)
from camfan_nodes.web.overview import CameraInfo, Overview
from camfan_nodes.web.snapshots import LONGEST_AGE_S, MAX_AGE_S

Json = dict[str, Any]

NAME = "^[a-z0-9][a-z0-9_-]{0,63}$"
TEXT: Json = {"content": {"text/plain": {"schema": {"type": "string"}}}}


def openapi(version: str) -> Json:
    """The document."""
    types = (CameraInfo, CameraList, ClientList, EventList, Me, Overview, Settings)
    _, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "camfan",
            "version": version,
            "description": "The cameras of a site: pictures, streams, and how all of it is. "
            "Whoever may see some cameras only gets 404 for the others.",
        },
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "any user name, the token as the password",
                },
                "address": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}, {"address": []}],
    }


def _paths() -> Json:
    camera = {
        "name": "camera",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": NAME},
    }
    limit = _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS})
    age = _query(
        "max_age",
        {"type": "number", "minimum": 0, "maximum": LONGEST_AGE_S, "default": MAX_AGE_S},
    )
    fresh = _query("fresh", {"type": "string", "enum": ["0", "1"], "default": "0"})
    stale = _query("stale", {"type": "string", "enum": ["error", "picture"], "default": "error"})
    reader = _query("for", {"type": "string", "enum": ["browser", "program"]})
    unknown = {"404": {"description": "no such camera for you", **TEXT}}
    bad = {"400": {"description": "something in the request is wrong", **TEXT}}
    away = {"503": {"description": "there is only an older one; its age is said", **TEXT}}
    late = {"504": {"description": "fresh=1, and no new picture came in time", **TEXT}}
    jpeg = {
        "200": _body(
            "image/jpeg",
            "the picture as the camera made it; with stale=picture, if there is only an older one, "
            "that one greyed, hatched and marked, and X-Camfan-State says stale or away",
        )
    }
    stream = {"200": _body("multipart/x-mixed-replace", "JPEGs, one after the other, for ever")}
    busy = {"503": {"description": "too many streams are open", **TEXT}}
    return {
        "/api/me": {"get": _get("Who am I, and what may I see", Me)},
        "/api/status": {"get": _get("The whole site", Overview)},
        "/api/cameras": {"get": _get("All cameras", CameraList)},
        "/api/cameras/{camera}": {
            "parameters": [camera],
            "get": _get("One camera", CameraInfo, unknown),
        },
        "/api/cameras/{camera}/settings": {
            "parameters": [camera],
            "post": _settings(unknown | bad),
        },
        "/api/clients": {
            "get": _get("Open pages; for those who see all, of everybody", ClientList)
        },
        "/api/events": {
            "get": _get("What began lately", EventList, bad, [limit]),
        },
        "/snapshot/{camera}.jpg": {
            "parameters": [camera],
            "get": _operation(
                "The newest picture, if it is not older than max_age seconds; with fresh=1 the "
                "next one that is taken",
                jpeg | unknown | bad | away | late,
                [age, fresh, stale],
            ),
        },
        "/stream/{camera}.mjpg": {
            "parameters": [camera],
            "get": _operation(
                "The newest pictures as MJPEG. For programs each part has its length and time; for "
                "a browser, or for=browser, it is shown at once",
                stream | unknown | bad | busy,
                [reader],
            ),
        },
    }


def _get(
    summary: str, kind: type, more: Json | None = None, parameters: list[Json] | None = None
) -> Json:
    return _operation(summary, {"200": _answer(kind, "it")} | (more or {}), parameters)


def _settings(more: Json) -> Json:
    reference = {"$ref": f"#/components/schemas/{Settings.__name__}"}
    answers = {
        "202": _answer(Settings, "told to the camera; its status says what it does"),
        "403": {"description": "for operators and owners only", **TEXT},
        "409": {"description": "the node of the camera does not answer", **TEXT},
        "415": {"description": "settings are JSON", **TEXT},
    }
    operation = _operation("Change a camera while it runs", answers | more)
    content = {"application/json": {"schema": reference}}
    return operation | {"requestBody": {"required": True, "content": content}}


def _operation(summary: str, answers: Json, parameters: list[Json] | None = None) -> Json:
    refused = {"401": {"description": "log in, or send a token", **TEXT}}
    return {"summary": summary, "parameters": parameters or [], "responses": answers | refused}


def _answer(kind: type, description: str) -> Json:
    reference = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def _body(kind: str, description: str) -> Json:
    return {
        "description": description,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}}},
    }


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}
