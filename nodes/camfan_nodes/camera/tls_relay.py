"""TLS for a library that does not verify certificates as the site file says: FFmpeg, for rtsps.

The connection to the camera is made and verified here. The library talks to a port of this machine
that takes one connection, and what it says there goes on under TLS.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from camfan_nodes.camera.address import Address
from camfan_nodes.camera.source import SourceError
from camfan_nodes.camera.trust import TlsGate, TrustError
from camfan_nodes.camera.words import reason_of

PORT = 322  # of rtsps
SLICE_S = 0.25  # how soon it ends
CHUNK_BYTES = 65_536
STUCK_S = 30.0  # for which one side takes nothing, until the connection is closed


@contextmanager
def relayed(address: Address, gate: TlsGate, timeout_s: float) -> Iterator[str]:
    """The URL under which the camera is reached in the clear, from this machine, once.

    Raises SourceError for a camera that cannot be reached, or whose certificate is not trusted.
    """
    camera = _connect(address, gate, timeout_s)
    over = threading.Event()
    with camera, socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.settimeout(timeout_s)
        thread = threading.Thread(
            target=_relay, args=(listener, camera, over), name="camfan-tls", daemon=True
        )
        thread.start()
        try:
            yield address.through(f"127.0.0.1:{listener.getsockname()[1]}")
        finally:
            over.set()
            thread.join(timeout_s)


def _connect(address: Address, gate: TlsGate, timeout_s: float) -> ssl.SSLSocket:
    try:
        raw = socket.create_connection((address.host, address.port or PORT), timeout_s)
        return gate.wrap(raw, address.host)
    except TrustError as exc:
        raise SourceError(f"{address.shown}: {exc}") from None
    except TimeoutError:
        raise SourceError(f"{address.shown}: no answer within {timeout_s:g} s") from None
    except OSError as exc:
        raise SourceError(f"{address.shown}: {reason_of(exc)}") from None


def _relay(listener: socket.socket, camera: ssl.SSLSocket, over: threading.Event) -> None:
    """Until one side hangs up, or it is over; then both see the end of the connection."""
    with contextlib.suppress(OSError):
        library, _ = listener.accept()
        with library:
            while not over.is_set():
                ready, _, _ = select.select([library, camera], [], [], SLICE_S)
                if library in ready and not _pass_on(library, camera):
                    return
                if camera in ready and not _pass_on(camera, library):
                    return


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    """All that is there; False at the end of it."""
    source.settimeout(0)  # what is there may be of TLS itself, and nothing to be read
    target.settimeout(STUCK_S)
    with contextlib.suppress(ssl.SSLWantReadError, BlockingIOError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
        return False
    return True
