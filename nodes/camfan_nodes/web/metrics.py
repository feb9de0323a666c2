"""The web server's figures in the words of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from camfan_nodes.web.live_clients import ClientInfo
from camfan_wire.messages import Figures

_LABELS = ("client", "user", "address")
_COUNTERS: Mapping[str, str] = {
    "sent": "Pictures sent to the page",
    "sent_bytes": "Bytes of pictures sent to the page",
    "skipped": "Pictures that a newer one replaced before the page could take them",
    "painted": "Pictures the page has painted",
    "undecodable": "Pictures the page could not decode",
}
_GAUGES: Mapping[str, tuple[str, float, str]] = {
    "tiles": ("tiles", 1, "Cameras that can be seen on the page now"),
    "window": ("window", 1, "Pictures that may be under way"),
    "under_way": ("under_way", 1, "Pictures under way"),
    "taken_ms": ("taken_seconds", 1000, "From sending a picture to its painting, smoothed"),
    "age_p50_ms": ("age_p50_seconds", 1000, "From exposure to painting, lately, the middle one"),
    "age_p95_ms": ("age_p95_seconds", 1000, "From exposure to painting, lately, 19 of 20"),
}


class WebCollector(Collector):
    """Reads the figures whenever somebody asks."""

    def __init__(
        self, clients: Callable[[], list[ClientInfo]], totals: Callable[[], Figures]
    ) -> None:
        self._clients = clients
        self._totals = totals

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        for name, value in self._totals().items():
            if isinstance(value, int | float):
                yield GaugeMetricFamily(f"camfan_web_{name}", f"All pages: {name}", value=value)
        clients = self._clients()
        for name, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"camfan_web_client_{name}", text, labels=_LABELS)
            _fill(counter, clients, name, 1)
            yield counter
        for name, (shown, divisor, text) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"camfan_web_client_{shown}", text, labels=_LABELS)
            _fill(gauge, clients, name, divisor)
            yield gauge


def _fill(family: Any, clients: list[ClientInfo], name: str, divisor: float) -> None:
    """What is unknown has no sample, rather than a 0."""
    for client in clients:
        value = getattr(client, name)
        if value is not None:
            labels = (str(client.number), client.user, client.address)
            family.add_metric(labels, value / divisor)
