"""A stream that runs while another client misbehaves, and knows whether it was disturbed."""

from __future__ import annotations

import threading
from types import TracebackType

from camfan import ClosedError, Frame, Gap, Subscriber
from camfan_config import Site
from camfan_testing.live import Camera, wait_until

AFTER = 10  # frames that still have to come when all is over


class Stream:
    """Camera `one` and a reader of every frame; leaving the `with` asserts that none was missed."""

    def __init__(self, site: Site, fps: float = 30.0) -> None:
        self._camera = Camera(site, "one", fps)
        self._reader = Subscriber.every(site, "one", events=True)
        self._thread = threading.Thread(target=self._read, name="stream", daemon=True)
        self.sequences: list[int] = []
        self.gaps: list[Gap] = []

    def _read(self) -> None:
        try:
            for item in self._reader:
                if isinstance(item, Frame):
                    self.sequences.append(item.sequence)
                elif isinstance(item, Gap):
                    self.gaps.append(item)
        except ClosedError:
            return

    def __enter__(self) -> Stream:
        self._camera.start()
        self._thread.start()
        wait_until(lambda: len(self.sequences) > 2, 30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if failure is None:
                had = len(self.sequences)
                wait_until(lambda: len(self.sequences) >= had + AFTER, 30)
        finally:
            self._camera.__exit__()
            self._reader.close()
            self._thread.join()
        if failure is None:
            first = self.sequences[0]
            assert not self.gaps
            assert self.sequences == list(range(first, first + len(self.sequences)))
