"""The JSON API and its OpenAPI document: each answer is what the document says."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from camfan import EventPublisher, Subscriber
from camfan_nodes.web.openapi import openapi
from camfan_testing.hashes import PASSWORD_HASH, TOKEN, TOKEN_HASH
from camfan_testing.live import Camera, wait_until
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

WEB = f"""  users: {{ines: {{password: {PASSWORD_HASH}}}}}
  tokens: {{all: {{token: {TOKEN_HASH}, role: owner}}}}
"""
RECORDER = "recorders: {archive: {path: rec}}\n"
TITLE = "Haustür 前门 🏠"
NEVER_ENDS = r"^/stream/"

schema = schemathesis.openapi.from_dict(openapi("0"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWeb]:
    folder = tmp_path_factory.mktemp("api")
    with (
        live_web(folder, "one", "two", web=WEB, extra=RECORDER, titles={"one": TITLE}) as running,
        Camera(running.site, "one", 10),
    ):
        wait_until(lambda: running.server.live._context.overviews.answers("one"))
        yield running


def ask(web: LiveWeb, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{web.url}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_document_is_served(web: LiveWeb) -> None:
    document = ask(web, "/api/openapi.json")

    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == set(openapi("0")["paths"])


@schema.exclude(path_regex=NEVER_ENDS).parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_api_keeps_to_its_document(case: schemathesis.Case[Any], web: LiveWeb) -> None:
    """Whatever is asked: no server error, and the answers that the document announces."""
    response = case.call(base_url=web.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
    case.validate_response(
        response,
        checks=[
            not_a_server_error if response.status_code != 503 else status_code_conformance,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


def test_the_whole_site_in_one_answer(web: LiveWeb) -> None:
    """The state of each camera, since when, and what needs attention."""
    wait_until(lambda: ask(web, "/api/status")["cameras"][0]["state"] == "live")
    status = ask(web, "/api/status")

    assert (status["site"], status["connected"]) == ("testing", True)
    one, two = status["cameras"]
    assert (one["name"], one["state"], two["name"], two["state"]) == (
        "one",
        "live",
        "two",
        "waiting",
    )
    assert two["age_ms"] is None
    assert (one["title"], two["title"]) == (TITLE, "two")
    kinds = {node["name"]: node["kind"] for node in status["nodes"]}
    assert kinds["broker"] == "broker"
    assert kinds["web"] == "web"
    assert kinds["archive"] == "recorder"
    assert status["hops"][0]["name"] == "Taken by cameras"
    assert ask(web, "/api/cameras/one")["name"] == "one"


def test_frames_are_accounted_for_by_subscriber_and_reason(web: LiveWeb) -> None:
    """As the broker counts it: delivered, skipped, lost or held, each reader for itself."""
    with Subscriber(web.site, "one", max_fps=1, name="hall"):
        wait_until(lambda: "max-fps" in reader(web, "hall").get("skipped_why", ""))
        hall = reader(web, "hall")
    with Subscriber.every(web.site, "one", name="shelf"):
        wait_until(lambda: reader(web, "shelf").get("delivered", 0) > 0)
        shelf = reader(web, "shelf")

    assert hall["mode"] == "latest"
    assert hall["skipped"] > hall["delivered"] > 0
    assert (shelf["mode"], shelf["skipped"], shelf["lost"]) == ("every", 0, 0)


def reader(web: LiveWeb, name: str) -> dict[str, Any]:
    """The account of one subscriber."""
    readers: list[dict[str, Any]] = ask(web, "/api/status")["readers"]
    return next((one for one in readers if one["name"] == name), {})


def test_events_that_began_are_listed(web: LiveWeb) -> None:
    with EventPublisher(web.site, "watch", kind="motion") as watch:
        watch.event("motion", "start", camera="one", id="abc")
        wait_until(lambda: bool(ask(web, "/api/events?limit=1")["events"]))
        (event,) = ask(web, "/api/events?limit=1")["events"]
        watch.event("motion", "end", camera="one", id="abc")

    assert (event["id"], event["kind"], event["camera"]) == ("abc", "motion", "one")
    assert event["title"] == TITLE


def test_figures_of_pages_are_metrics(web: LiveWeb) -> None:
    request = urllib.request.Request(f"{web.url}/metrics?token={TOKEN}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()

    assert "camfan_web_pages 0.0" in text
    assert "# TYPE camfan_web_client_sent_frames_total counter" in text


def test_settings_reach_the_camera_node(web: LiveWeb) -> None:
    """202, and the broker passes them on to the node of the camera."""
    wait_until(lambda: web.server.live._context.overviews.answers("one"))

    assert ask(web, "/api/cameras/one/settings", {"fps": 5}) == {"fps": 5.0, "quality": None}
