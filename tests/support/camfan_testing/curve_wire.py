"""One connection to a door of the broker, made byte by byte: ZMTP 3.1 (RFC 37) with CURVE (RFC 26).

It can say what libzmq never would: metadata of its own choice, and lengths that nothing follows.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from types import TracebackType

from nacl.public import Box, PrivateKey, PublicKey
from nacl.utils import random
from zmq.utils import z85

from camfan_wire.keys import ClientKeys

WAIT_S = 20.0
MORE, LONG, COMMAND = 1, 2, 4  # flags of a frame
GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" * 32


class CurveWire:
    """Open and let in when made, closed by leaving the `with`.

    `kind` is the Socket-Type; `properties` follow it and Identity in the metadata of INITIATE.
    """

    def __init__(
        self, port: int, keys: ClientKeys, kind: str, properties: Mapping[str, str] | None = None
    ) -> None:
        self._nonce = 0
        self._short = PrivateKey.generate()  # the pair of this connection alone
        self.wire = socket.create_connection(("127.0.0.1", port), WAIT_S)
        try:
            self._shake_hands(keys, metadata({"Socket-Type": kind, "Identity": ""}, properties))
        except BaseException:
            self.wire.close()
            raise

    def send(self, *parts: bytes) -> None:
        """A message of these parts."""
        for part in parts[:-1]:
            self._send_part(MORE, part)
        self._send_part(0, parts[-1])

    def begin(self, *parts: bytes) -> None:
        """These parts of a message that has more to come."""
        for part in parts:
            self._send_part(MORE, part)

    def receive(self) -> list[bytes]:
        """The next message. Raises ConnectionError when the other side has hung up."""
        parts, more = [], MORE
        while more:
            data = self._frame()
            assert data.startswith(b"\x07MESSAGE")
            plain = self._opened(b"CurveZMQMESSAGES", data[8:])
            more = plain[0] & MORE
            parts.append(plain[1:])
        return parts

    def announce(self, length: int) -> None:
        """The head of a frame of this length, and the first 4 KB of it."""
        self.wire.sendall(struct.pack(">BQ", LONG, length) + b"\x07MESSAGE" + b"x" * 4096)

    def ended(self) -> bool:
        """Wait until the other side has closed the connection, whatever it says before."""
        try:
            while self.wire.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        return True

    def _shake_hands(self, keys: ClientKeys, said: bytes) -> None:
        server = PublicKey(z85.decode(keys.server))
        long_term = PrivateKey(z85.decode(keys.pair.secret))
        to_server = Box(self._short, server)
        self.wire.sendall(GREETING)
        self._take(64)
        public = self._short.public_key.encode()
        nonce, box = self._sealed(to_server, b"CurveZMQHELLO---", b"\0" * 64)
        self._send_frame(COMMAND, b"\x05HELLO\x01\x00" + b"\0" * 72 + public + nonce + box)
        welcome = self._command(b"\x07WELCOME")
        opened = to_server.decrypt(welcome[16:], b"WELCOME-" + welcome[:16])
        theirs = PublicKey(opened[:32])
        self._box = Box(self._short, theirs)
        vouch, vouched = random(16), public + server.encode()
        vouched = Box(long_term, theirs).encrypt(vouched, b"VOUCH---" + vouch).ciphertext
        told = long_term.public_key.encode() + vouch + vouched + said
        nonce, box = self._sealed(self._box, b"CurveZMQINITIATE", told)
        self._send_frame(COMMAND, b"\x08INITIATE" + opened[32:] + nonce + box)
        self._opened(b"CurveZMQREADY---", self._command(b"\x05READY"))

    def _send_part(self, flags: int, data: bytes) -> None:
        nonce, box = self._sealed(self._box, b"CurveZMQMESSAGEC", bytes([flags]) + data)
        self._send_frame(0, b"\x07MESSAGE" + nonce + box)

    def _sealed(self, box: Box, prefix: bytes, data: bytes) -> tuple[bytes, bytes]:
        """The short nonce, and the data in its box."""
        self._nonce += 1
        nonce = struct.pack(">Q", self._nonce)
        return nonce, box.encrypt(data, prefix + nonce).ciphertext

    def _opened(self, prefix: bytes, data: bytes) -> bytes:
        return self._box.decrypt(data[8:], prefix + data[:8])

    def _command(self, name: bytes) -> bytes:
        data = self._frame()
        assert data.startswith(name), f"{data[:60]!r} in place of {name!r}"
        return data[len(name) :]

    def _send_frame(self, flags: int, data: bytes) -> None:
        long = len(data) > 255
        head = struct.pack(">BQ" if long else ">BB", flags | (LONG if long else 0), len(data))
        self.wire.sendall(head + data)

    def _frame(self) -> bytes:
        (flags,) = self._take(1)
        (length,) = struct.unpack(">Q", self._take(8)) if flags & LONG else self._take(1)
        return self._take(length)

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.wire.recv(count - len(data))
            if not more:
                raise ConnectionError("the other side has closed the connection")
            data += more
        return data

    def __enter__(self) -> CurveWire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wire.close()


def metadata(properties: Mapping[str, str], more: Mapping[str, str] | None) -> bytes:
    """As RFC 23 has it: names with a length of one byte, values with one of four."""
    return b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + struct.pack(">I", len(value))
        + value.encode()
        for name, value in {**properties, **(more or {})}.items()
    )
