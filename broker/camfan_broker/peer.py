"""One connection to the delivery socket that has said hello."""

from __future__ import annotations

from dataclasses import dataclass

from camfan_broker.reader import Reader
from camfan_wire.messages import Hello


@dataclass(slots=True)
class Peer:
    """Belongs to the loop's thread; others may read its plain counts."""

    identity: bytes
    hello: Hello
    heard_ns: int
    reader: Reader | None = None
    topics: tuple[bytes, ...] = ()
