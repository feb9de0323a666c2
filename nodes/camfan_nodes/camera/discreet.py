"""A source that says nothing of what came into the site file from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from camfan_config import Hidden
from camfan_nodes.camera.source import (
    EVERYTHING,
    FinalSourceError,
    Source,
    SourceError,
    Stream,
    Tally,
    Wishes,
)


class DiscreetSource:
    def __init__(self, source: Source, hidden: Hidden) -> None:
        self.name = hidden.cover(source.name)
        self._source = source
        self._hidden = hidden

    @property
    def reopens(self) -> bool:
        return self._source.reopens

    @property
    def tally(self) -> Tally:
        return self._source.tally

    @contextmanager
    def open(self, wishes: Wishes = EVERYTHING) -> Iterator[Stream]:
        try:
            with self._source.open(wishes) as stream:
                yield _DiscreetStream(stream, self._hidden)
        except (SourceError, FinalSourceError) as exc:
            exc.args = (self._hidden.cover(str(exc)),)
            raise


class _DiscreetStream:
    def __init__(self, stream: Stream, hidden: Hidden) -> None:
        self.capture = stream.capture
        self._stream = stream
        self._hidden = hidden

    @property
    def description(self) -> str:
        return self._hidden.cover(self._stream.description)
