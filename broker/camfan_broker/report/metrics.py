"""The broker's figures in the words of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from camfan_broker.report.status import (
    Sources,
    camera_figures,
    insecure,
    resident_bytes,
    subscriber_figures,
)
from camfan_wire.messages import Figures, Scalar
from camfan_wire.states import LIVE, STATES

Rows = dict[tuple[str, ...], Figures]

CAMERA_COUNTERS: Mapping[str, str] = {
    "received": "Frames accepted from the camera",
    "received_bytes": "Bytes accepted from the camera",
    "numbered": "Frames that the camera numbered",
    "unwanted": "Frames that the camera only numbered, because nobody wanted them",
    "lost": "Frames that the camera numbered and that never arrived",
    "repaired": "Frames that came late, from the camera's ring",
    "runs": "Lives of the camera process",
}
CAMERA_GAUGES: Mapping[str, str] = {
    "fps": "Frames per second over the last 3 s",
    "bytes_per_s": "Bytes per second over the last 3 s",
    "ring_frames": "Frames in the ring",
    "ring_bytes": "Bytes in the ring",
    "last_sequence": "Sequence of the newest frame",
}
SUBSCRIBER_COUNTERS: Mapping[str, str] = {
    "delivered": "Frames sent",
    "delivered_bytes": "Bytes sent",
    "late": "Frames sent that had to be repaired (every)",
    "repeated": "Frames sent again, because a connection broke (every)",
}
SUBSCRIBER_GAUGES: Mapping[str, str] = {
    "held": "Frames that the camera has numbered and that are not dealt with yet",
    "credit": "Frames the subscriber can take now",
}


class FiguresCollector(Collector):
    """Reads the figures that the loop keeps, whenever somebody asks."""

    def __init__(self, broker: Sources) -> None:
        self._broker = broker

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from self._broker_metrics()
        yield from self._camera_metrics()
        yield from self._subscriber_metrics()

    def _broker_metrics(self) -> Iterable[Metric]:
        broker = self._broker
        refused = CounterMetricFamily(
            "camfan_refused_frames", "Frames not accepted", labels=("camera", "reason")
        )
        for name, camera in list(broker.cameras.items()):
            for reason, count in list(camera.refused.items()):
                refused.add_metric((name, reason), count)
        for reason, count in list(broker.ingest.refused.items()):
            refused.add_metric(("", reason), count)
        yield refused
        messages = CounterMetricFamily(
            "camfan_refused_messages", "Control messages not accepted", labels=("reason",)
        )
        for reason, count in list(broker.control.refused.items()):
            messages.add_metric((reason,), count)
        yield messages
        yield from self._security_metrics()
        yield GaugeMetricFamily(
            "camfan_peers", "Peers of the delivery socket", value=len(broker.delivery.peers)
        )
        yield GaugeMetricFamily(
            "camfan_insecure",
            "1 if anybody on the network can watch and publish",
            value=int(insecure(broker)),
        )
        memory = resident_bytes()
        if memory is not None:
            yield GaugeMetricFamily("camfan_memory_bytes", "Memory of the broker", value=memory)

    def _security_metrics(self) -> Iterable[Metric]:
        broker = self._broker
        denied = CounterMetricFamily(
            "camfan_denied",
            "What a peer, by name or address, was not allowed to do",
            labels=("peer", "reason"),
        )
        for key, count in list(broker.refusals.counts.items()):
            denied.add_metric(key, count)
        yield denied
        subscriptions = CounterMetricFamily(
            "camfan_refused_subscriptions", "Subscriptions not granted", labels=("reason",)
        )
        for reason, count in list(broker.fanout.refused.items()):
            subscriptions.add_metric((reason,), count)
        yield subscriptions
        suspended = GaugeMetricFamily(
            "camfan_suspended_seconds",
            "For how long the key of this name is still not admitted",
            labels=("peer",),
        )
        for name, (left_s, _) in broker.gatekeeper.suspensions.current().items():
            suspended.add_metric((name,), round(left_s, 1))
        yield suspended
        yield GaugeMetricFamily(
            "camfan_connections",
            "Connections to the three ports",
            value=len(broker.gatekeeper.connections),
        )
        yield GaugeMetricFamily(
            "camfan_gatekeeper_alive",
            "1 while whoever has a key can come in",
            value=int(broker.gatekeeper.alive),
        )

    def _camera_metrics(self) -> Iterable[Metric]:
        rows: Rows = {
            (name,): camera_figures(self._broker, camera)
            for name, camera in list(self._broker.cameras.items())
        }
        yield from _families("camera", rows, ("camera",), CAMERA_COUNTERS, CAMERA_GAUGES)
        live: Rows = {key: {"live": int(row["state"] in LIVE)} for key, row in rows.items()}
        yield from _families("camera", live, ("camera",), {}, {"live": "1 while live or late"})
        states = GaugeMetricFamily(
            "camfan_camera_state", "1 for the state of the camera", labels=("camera", "state")
        )
        for (name,), row in rows.items():
            for state in STATES:
                states.add_metric((name, state), int(row["state"] == state))
        yield states
        age: Rows = {
            key: {
                "age_seconds": _seconds(row["age_ms"]),
                "silent_seconds": _seconds(row["silent_ms"]),
                "stale_after_seconds": _seconds(row["stale_after_ms"]),
            }
            for key, row in rows.items()
        }
        told = {
            "age_seconds": "Age of the newest frame when it reached the broker",
            "silent_seconds": "Time since the newest frame came",
            "stale_after_seconds": "Without a new frame for this long it is stale",
        }
        yield from _families("camera", age, ("camera",), {}, told)

    def _subscriber_metrics(self) -> Iterable[Metric]:
        rows: Rows = {}
        for peer in list(self._broker.delivery.peers.values()):
            figures = subscriber_figures(peer)
            if figures:
                rows[(peer.hello.name, str(figures["mode"]))] = figures
        labels = ("subscriber", "mode")
        yield from _families("subscriber", rows, labels, SUBSCRIBER_COUNTERS, SUBSCRIBER_GAUGES)
        yield from self._account_metrics()

    def _account_metrics(self) -> Iterable[Metric]:
        """Per subscriber and camera: captured = delivered + skipped + lost + held, by reason."""
        labels = ("subscriber", "camera", "reason")
        skipped = CounterMetricFamily(
            "camfan_subscriber_skipped",
            "Frames that it did not want, or not any more",
            labels=labels,
        )
        lost = CounterMetricFamily(
            "camfan_subscriber_lost", "Frames that it wanted and did not get", labels=labels
        )
        delivered = CounterMetricFamily(
            "camfan_delivered_frames", "Frames sent", labels=("subscriber", "camera")
        )
        for name, accounts in list(self._broker.delivery.accounts.items()):
            for camera, account in list(accounts.items()):
                delivered.add_metric((name, camera), account.delivered)
                for family, counts in ((skipped, account.skipped), (lost, account.lost)):
                    for reason, count in list(counts.items()):
                        family.add_metric((name, camera, reason), count)
        yield from (delivered, skipped, lost)


def _families(
    subject: str,
    rows: Rows,
    labels: tuple[str, ...],
    counters: Mapping[str, str],
    gauges: Mapping[str, str],
) -> Iterable[Metric]:
    """One family a figure. What is unknown has no sample, rather than a 0."""
    for kind, described in ((CounterMetricFamily, counters), (GaugeMetricFamily, gauges)):
        for name, text in described.items():
            family = kind(f"camfan_{subject}_{name}", text, labels=labels)
            for key, row in rows.items():
                value = row.get(name)
                if isinstance(value, int | float):
                    family.add_metric(key, value)
            yield family


def _seconds(milliseconds: Scalar) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None
