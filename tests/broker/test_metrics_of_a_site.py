"""`/metrics` of a broker: every figure of every node that it hears, and no more than that."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from camfan import EventPublisher, Publisher, Report, Subscriber
from camfan_broker.report.health import HealthServer
from camfan_broker.report.status import broker_status
from camfan_testing.figures import full_figures
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, wait_until
from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    MachineFigures,
    MotionCameraFigures,
    MotionFigures,
    PublisherFigures,
    RecorderCameraFigures,
    RecorderFigures,
    SubscriberFigures,
    WebFigures,
)
from camfan_wire.metrics import metric_fields

KINDS = {
    "recorder": Report("recording", recorder=full_figures(RecorderFigures)),
    "motion": Report("watching", motion=full_figures(MotionFigures)),
    "web": Report("running", web=full_figures(WebFigures)),
}
SUBJECTS = (
    (AccountFigures, "subscriber"),
    (BrokerFigures, "broker"),
    (CameraFigures, "camera"),
    (MachineFigures, "machine"),
    (MotionCameraFigures, "motion"),
    (MotionFigures, "motion"),
    (PublisherFigures, "publisher"),
    (RecorderCameraFigures, "recorder"),
    (RecorderFigures, "recorder"),
    (SubscriberFigures, "subscriber"),
    (WebFigures, "web"),
)


def metrics(live: LiveBroker) -> dict[str, Metric]:
    """As Prometheus reads them, by name."""
    server = HealthServer(live.broker, "127.0.0.1:0")
    try:
        url = f"http://127.0.0.1:{server.port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    finally:
        server.close()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _copy(report: Report) -> Report:
    return report


@pytest.fixture
def site(live: LiveBroker) -> Iterator[LiveBroker]:
    """A camera, a subscriber, and a node of each kind that says all it can say."""
    own = Report(
        "live",
        machine=full_figures(MachineFigures),
        publisher=full_figures(PublisherFigures),
    )
    with ExitStack() as stack:
        camera = stack.enter_context(Publisher(live.site, "one", report=lambda: own))
        stack.enter_context(Subscriber(live.site, "one", name="hall"))
        for kind, report in KINDS.items():
            node = EventPublisher(
                live.site, f"the-{kind}", kind=kind, report=partial(_copy, report)
            )
            stack.enter_context(node)
        wait_until(lambda: camera.publish(jpeg()))
        nodes = {"one", *(f"the-{kind}" for kind in KINDS)}
        wait_until(lambda: nodes <= live.broker.board.statuses.keys())
        yield live


def test_every_figure_of_every_struct_is_there(site: LiveBroker) -> None:
    """With the help text, type and unit of its field."""
    wait_until(lambda: metrics(site)["camfan_camera_received_frames"].samples[0].value == 1)
    found = metrics(site)

    for struct, subject in SUBJECTS:
        for metric in metric_fields(struct, subject):
            family = found[metric.name]
            assert family.documentation == metric.text
            assert family.type == ("counter" if metric.kind == "counter" else "gauge")


def test_figures_of_nodes_are_those_that_they_sent(site: LiveBroker) -> None:
    found = metrics(site)

    for name, labels, value in (
        ("camfan_machine_temperature_celsius", {"node": "one"}, 1.5),
        ("camfan_recorder_frames", {"node": "the-recorder", "camera": "one"}, 3),
        ("camfan_motion_frame_seconds", {"node": "the-motion", "camera": "one"}, 0.0015),
        ("camfan_web_pages", {"node": "the-web"}, 3),
        ("camfan_node_up", {"node": "the-web", "kind": "web"}, 1),
    ):
        (sample,) = [one for one in found[name].samples if one.labels == labels]
        assert sample.value == value


def test_a_node_cannot_invent_cameras(live: LiveBroker) -> None:
    """The rows of a node are those of cameras of the site, however many it names."""
    cameras = {name: RecorderCameraFigures(frames=1) for name in ("one", "x1", "x2")}
    report = Report("recording", recorder=RecorderFigures(cameras=cameras))
    with EventPublisher(live.site, "archive", kind="recorder", report=lambda: report):
        wait_until(lambda: "archive" in live.broker.board.statuses)
        samples = metrics(live)["camfan_recorder_frames"].samples

    assert {sample.labels["camera"] for sample in samples} == {"one"}


def test_a_node_that_is_gone_is_down_and_says_nothing(site: LiveBroker) -> None:
    """Its last figures are not repeated as if they were true."""
    site.broker.board.heard_ns["the-web"] -= 60_000_000_000

    found = metrics(site)

    up = {one.labels["node"]: one.value for one in found["camfan_node_up"].samples}
    assert (up["the-web"], up["the-motion"]) == (0, 1)
    assert found["camfan_web_pages"].samples == []


def test_a_broker_reports_of_itself_what_it_measures(site: LiveBroker) -> None:
    """The same figures, in its status and over HTTP."""
    figures = broker_status(site.broker).broker
    found = metrics(site)

    assert figures is not None
    assert found["camfan_broker_peers"].samples[0].value == figures.peers
    last = found["camfan_camera_last_frame_timestamp_seconds"].samples
    assert {one.labels["camera"] for one in last} <= figures.cameras.keys()
