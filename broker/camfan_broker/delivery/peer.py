"""One connection to the delivery socket that has said hello."""

from __future__ import annotations

from dataclasses import dataclass

from camfan_broker.access.connections import AcceptedConnection
from camfan_broker.access.rights import KeyRights
from camfan_broker.delivery.reader import Reader
from camfan_wire.messages import Hello


@dataclass(slots=True)
class Peer:
    """Belongs to the loop's thread; others may read its plain counts."""

    identity: bytes
    hello: Hello
    heard_ns: int
    rights: KeyRights
    since_ns: int = 0  # site clock: its first hello, over reconnections
    connection: AcceptedConnection | None = (
        None  # that it said hello by; None: it had ended by then
    )
    reader: Reader | None = None
    topics: tuple[bytes, ...] = ()  # that it asked for and is permitted to have as a whole
    asked: tuple[bytes, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Its connection has ended, as far as the gatekeeper knows."""
        return self.connection is not None and self.connection.ended

    @property
    def may_be_another(self) -> bool:
        """It chose its routing id itself, so another client may have taken it over.

        Those that libzmq assigns begin with a zero, followed by a number that is not disclosed.
        """
        connection = self.connection
        return self.identity[:1] != b"\0" and (connection is None or not connection.is_open)

    def records(self, camera: str) -> bool:
        """Whether it is a recorder of this camera."""
        return (
            self.hello.kind == "recorder"
            and self.reader is not None
            and camera in self.reader.cursors
        )

    def wants(self, topic: bytes, camera: str | None) -> bool:
        """Whether it gets an event or a status; `camera`: the one that it is about.

        It gets everything about a camera that it is permitted to see, from any source.
        """
        if topic.startswith(self.topics):
            return True
        return camera is not None and self.rights.may_see(camera) and topic.startswith(self.asked)

    def wants_part(self, topic: bytes) -> bool:
        """It asked for this, which is about all cameras, and is permitted to see some of them."""
        asked = topic.startswith(self.asked) and not topic.startswith(self.topics)
        return asked and self.rights.sees != frozenset()
