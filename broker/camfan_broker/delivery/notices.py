"""Events and statuses that peers send on the delivery port."""

from __future__ import annotations

from camfan_broker.access.access import AccessControl
from camfan_broker.access.board import NoticeBoard
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.delivery.router import PeerMessage


class NoticeHandler:
    """Handles messages of two parts. Belongs to the loop's thread."""

    def __init__(
        self,
        board: NoticeBoard,
        claims: PublisherClaims,
        charges: RequestCharges,
        access: AccessControl,
    ) -> None:
        self._board = board
        self._claims = claims
        self._charges = charges
        self._access = access

    def handle(self, message: PeerMessage) -> None:
        """Publish it. Raises WireError."""
        topic, body = message.parts
        self._charges.charge(message.identity, message.rights)
        self._access.charge_notice(message.rights, len(body))
        self._claims.check_speaker(topic.bytes, message.identity)
        self._board.post(topic.bytes, body.bytes, message.rights)
