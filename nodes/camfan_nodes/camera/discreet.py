"""A source that says nothing of what came into the site file from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from camfan_config import Hidden
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    CameraSource,
    CameraStream,
    FinalSourceError,
    SourceCounts,
    SourceDemand,
    SourceError,
)


class RedactingSource:
    def __init__(self, source: CameraSource, hidden: Hidden) -> None:
        self.name = hidden.cover(source.name)
        self._source = source
        self._hidden = hidden

    @property
    def reopens(self) -> bool:
        return self._source.reopens

    @property
    def counts(self) -> SourceCounts:
        return self._source.counts

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[CameraStream]:
        try:
            with self._source.open(demand) as stream:
                yield _RedactingStream(stream, self._hidden)
        except (SourceError, FinalSourceError) as exc:
            exc.args = (self._hidden.cover(str(exc)),)
            raise


class _RedactingStream:
    def __init__(self, stream: CameraStream, hidden: Hidden) -> None:
        self.capture = stream.capture
        self._stream = stream
        self._hidden = hidden

    @property
    def description(self) -> str:
        return self._hidden.cover(self._stream.description)
