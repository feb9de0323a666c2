"""The broker's figures, and those of every node that it hears, in the words of Prometheus.

Names, help texts and units come from the structs in `camfan_wire.figures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version

from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from camfan_broker.delivery.reader import held
from camfan_broker.report.status import Sources, account_figures, broker_figures
from camfan_broker.report.watch import NODE_SILENCE_NS
from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    MachineFigures,
    MotionCameraFigures,
    PublisherFigures,
    RecorderCameraFigures,
    RecorderFigures,
    SubscriberFigures,
    WebFigures,
)
from camfan_wire.messages import Status
from camfan_wire.metrics import Labels, families


class FiguresCollector(Collector):
    """Reads the figures that the loop keeps, when it is asked. Any thread."""

    def __init__(self, broker: Sources) -> None:
        self._broker = broker

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "camfan_build", "Version of the broker", value={"version": version("camfan")}
        )
        yield from self._own_metrics()
        yield from self._node_metrics()

    def _own_metrics(self) -> Iterator[Metric]:
        figures = broker_figures(self._broker)
        yield from families(BrokerFigures, "broker", (), {(): figures})
        yield from families(CameraFigures, "camera", ("camera",), _keyed(figures.cameras))
        readers = _keyed(figures.subscribers)
        yield from families(SubscriberFigures, "subscriber", ("subscriber",), readers)
        labels = ("subscriber", "camera")
        yield from families(AccountFigures, "subscriber", labels, self._accounts())

    def _accounts(self) -> dict[Labels, Struct]:
        """By subscriber and camera, those of subscribers that have left included."""
        delivery = self._broker.delivery
        waiting = {
            (peer.hello.name, camera): held(cursor)
            for peer in list(self._broker.peers.values())
            if peer.reader is not None
            for camera, cursor in list(peer.reader.cursors.items())
        }
        return {
            (name, camera): account_figures([account], waiting.get((name, camera), 0))
            for name, accounts in list(delivery.accounts.by_name.items())
            for camera, account in list(accounts.items())
        }

    def _node_metrics(self) -> Iterator[Metric]:
        nodes = self._nodes()
        up = GaugeMetricFamily(
            "camfan_node_up", "1 while the node is heard", labels=("node", "kind")
        )
        for status, heard in nodes:
            up.add_metric((status.node, status.kind), float(heard))
        yield up
        statuses = [status for status, heard in nodes if heard]
        for figures, subject, labels, rows_of in _OF_NODES:
            rows = {key: row for status in statuses for key, row in rows_of(status).items()}
            if labels[-1] == "camera":
                rows = {key: row for key, row in rows.items() if key[-1] in self._broker.cameras}
            yield from families(figures, subject, labels, rows)

    def _nodes(self) -> list[tuple[Status, bool]]:
        """The last status of every node but the broker, and whether it is heard now."""
        board, now = self._broker.board, self._broker.clock.now_ns()
        return [
            (status, now - board.heard_ns.get(node, 0) < NODE_SILENCE_NS)
            for node, status in list(board.statuses.items())
            if node != self._broker.name
        ]


def _keyed(rows: Mapping[str, Struct]) -> dict[Labels, Struct]:
    return {(name,): row for name, row in rows.items()}


def _one(status: Status, figures: Struct | None) -> dict[Labels, Struct]:
    return {} if figures is None else {(status.node,): figures}


def _cameras(status: Status, cameras: Mapping[str, Struct]) -> dict[Labels, Struct]:
    return {(status.node, camera): figures for camera, figures in cameras.items()}


# What a status may carry: the struct, its subject, its labels, and its rows.
_OF_NODES: tuple[
    tuple[type[Struct], str, Labels, Callable[[Status], Mapping[Labels, Struct]]], ...
] = (
    (MachineFigures, "machine", ("node",), lambda one: _one(one, one.machine)),
    (PublisherFigures, "publisher", ("camera",), lambda one: _one(one, one.publisher)),
    (RecorderFigures, "recorder", ("node",), lambda one: _one(one, one.recorder)),
    (
        RecorderCameraFigures,
        "recorder",
        ("node", "camera"),
        lambda one: _cameras(one, {} if one.recorder is None else one.recorder.cameras),
    ),
    (
        MotionCameraFigures,
        "motion",
        ("node", "camera"),
        lambda one: _cameras(one, {} if one.motion is None else one.motion.cameras),
    ),
    (WebFigures, "web", ("node",), lambda one: _one(one, one.web)),
)
