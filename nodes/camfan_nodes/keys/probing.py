"""Whether the brokers of a site accept a key: connects to each with it, and sends nothing."""

from __future__ import annotations

from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from camfan import CamfanError, Site
from camfan.address import delivery_endpoint
from camfan.identity import server_key_of
from camfan_config import as_seen_by, brokers
from camfan_wire.keys import ClientKeys, Pair
from camfan_wire.sockets import Role, open_socket

ANSWER_S = 5.0
_ENDS = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class KeyNotTakenError(CamfanError):
    """A broker does not know the key, or does not answer."""


def check_brokers_take(site: Site, name: str, pair: Pair, public: Path) -> None:
    """Raises KeyNotTakenError."""
    keys = ClientKeys(pair, server_key_of(site))
    for broker in brokers(site):
        endpoint = delivery_endpoint(as_seen_by(site, broker))
        event = _dial(endpoint, keys)
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            continue
        stays = f"so {name} keeps its old key for now"
        if event is None:
            raise KeyNotTakenError(
                f"the broker at {endpoint} does not answer, and has to know the next key of {name} "
                f"first; {stays}. Start it, then repeat this command"
            )
        raise KeyNotTakenError(
            f"the broker at {endpoint} does not know the next key of {name} yet, {stays}. Copy "
            f"{public} into the folder of keys there, run camfan reload there, then repeat this "
            "command"
        )


def _dial(endpoint: str, keys: ClientKeys) -> int | None:
    """The event that ended the handshake; None if there was none in time."""
    with zmq.Context() as context:
        socket = open_socket(context, Role.JOIN, keys)
        monitor = socket.get_monitor_socket(_ENDS)
        try:
            socket.connect(endpoint)
            if not monitor.poll(int(ANSWER_S * 1000)):
                return None
            return int(recv_monitor_message(monitor)["event"])
        finally:
            socket.disable_monitor()
            socket.close(linger=0)
