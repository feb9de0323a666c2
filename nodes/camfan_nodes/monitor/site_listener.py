"""Listens to the statuses and events of a site, and turns them into facts when asked."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from camfan import Subscriber
from camfan.reading.mailbox import Item
from camfan_config import Site, brokers
from camfan_nodes.monitor.board import Feed
from camfan_nodes.monitor.facts import SiteFacts, gather
from camfan_nodes.monitor.last_status import LastStatuses


class SiteListener:
    """Receives no frames. `facts` belongs to one thread."""

    def __init__(
        self, site: Site, *, settled_after_s: float = 0.0, key: Path | None = None
    ) -> None:
        self.site = site
        self._settled_s = time.monotonic() + settled_after_s  # until then nodes may be starting
        self._frames: Subscriber[Item] = Subscriber(
            site, [], events=True, statuses=True, kind="top", key=key
        )
        self._feed = Feed(self._frames)
        self._heard = LastStatuses()
        self._feed.start(lambda: None)

    @property
    def complete(self) -> bool:
        """All brokers have sent a status, so a table shows more than the site file."""
        return self._frames.connected and self._frames.statuses.keys() >= brokers(self.site).keys()

    @property
    def connected(self) -> bool:
        """A broker answers."""
        return self._feed.connected

    @property
    def trouble(self) -> str | None:
        """Why a broker cannot be reached, if known."""
        return self._frames.trouble

    def site_ns(self) -> int:
        return self._feed.site_ns()

    def facts(self) -> SiteFacts:
        """Raises the error with which the broker rejected the subscription."""
        if self._feed.board.failure is not None:
            raise self._feed.board.failure
        now_s = time.monotonic()
        self._heard.update(self._feed.statuses, now_s)
        return gather(
            self.site,
            self._heard.words(now_s),
            lambda camera: self._feed.board.moving(camera, now_s),
            connected=self._feed.connected,
            settled=now_s >= self._settled_s,
            trouble=self.trouble,
        )

    def close(self) -> None:
        self._feed.close()
        self._frames.close()

    def __enter__(self) -> SiteListener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
