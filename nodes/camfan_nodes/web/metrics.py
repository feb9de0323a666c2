"""The web server's figures as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from camfan_nodes.web.live_clients import ClientInfo
from camfan_wire.figures import WebFigures
from camfan_wire.metrics import Labels, families

_LABELS = ("client", "user", "address")


class WebCollector(Collector):
    """Reads the figures at each scrape."""

    def __init__(
        self, clients: Callable[[], list[ClientInfo]], totals: Callable[[], WebFigures]
    ) -> None:
        self._clients = clients
        self._totals = totals

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from families(WebFigures, "web", (), {(): self._totals()})
        rows: dict[Labels, Struct] = {
            (str(client.number), client.user, client.address): client for client in self._clients()
        }
        yield from families(ClientInfo, "web_client", _LABELS, rows)
