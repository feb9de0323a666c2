"""What the owner of a link does with what comes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import zmq

from camfan_wire import messages

if TYPE_CHECKING:
    from camfan_wire.link.link import Link

Parts = list[bytes]


class LinkUser:
    """Does nothing with anything; all is called on the link's thread."""

    link: Link  # set before anything is called

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        """A message of three parts."""

    def on_topic(self, topic: bytes, body: bytes) -> None:
        """An event or a status."""

    def on_trouble(self, words: str) -> None:
        """Why the broker cannot be reached, when that is known and each time it changes."""

    def settle(self) -> None:
        """All that came at once was handed over, and what was sent meanwhile is on its way."""

    def on_message(
        self,
        message: messages.FromBroker,  # noqa: ARG002 - for subclasses
    ) -> Iterator[Parts] | None:
        """A control message other than those the link answers itself.

        The result is messages to answer with: each is made when the network takes it, and those
        that were not made yet are dropped with the connection.
        """
        return None

    def wishes(self) -> messages.Subscribe | None:
        """What to subscribe to, asked at each welcome."""
        return None
