"""Enrols a new machine without copying a file to it: one code, valid once and for minutes.

The code holds a secret from which both ends derive the same two key pairs. Only a machine with the
code can connect, over CURVE, to the machine that invites. It sends the public half of the key pair
that it has made for itself; the secret half never leaves it.

The new machine sends its public key twice: when it has made it, and again when it has stored it. In
between, the machine that invites keeps the earlier key valid.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import zmq
from zmq.utils import z85

from camfan import CamfanError
from camfan_config import NAME_PATTERN
from camfan_wire.keys import ClientKeys, Pair, ServerKeys, pair_of_secret
from camfan_wire.sockets import Role, bind, open_socket

PORT = 5553
MAX_PORT = 65_535
ZAP = "inproc://zeromq.zap.01"
ANSWER_S = 20.0
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U
_LETTERS = 20  # of 5 bits each
_CODE = re.compile(
    rf"({NAME_PATTERN})@([A-Za-z0-9.-]{{1,253}}|\[[0-9A-Fa-f:.]{{2,45}}\]):([0-9]{{1,5}})"
    r"/([0-9A-Za-z-]{20,40})"
)

Context = zmq.Context[zmq.Socket[bytes]]


class CodeError(CamfanError):
    """Not a code of `camfan keys invite`, or one that is no longer valid."""


@dataclass(frozen=True, slots=True)
class Code:
    """What the new machine gets: its name, an address, and the secret of the invitation."""

    name: str
    host: str
    port: int
    secret: str

    def __str__(self) -> str:
        groups = [self.secret[at : at + 4] for at in range(0, _LETTERS, 4)]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name}@{host}:{self.port}/{'-'.join(groups)}"

    def __repr__(self) -> str:
        return f"Code({self.name!r}, {self.host!r}, {self.port})"

    def pair(self, end: str) -> Pair:
        """The key pair of the end that invites (`server`) or joins (`client`)."""
        person = f"camfan {end}".encode()
        digest = hashlib.blake2b(self.secret.encode(), digest_size=32, person=person)
        return pair_of_secret(digest.digest())


@dataclass(frozen=True, slots=True)
class InvitationReply:
    """What the new machine gets in reply."""

    site: str
    server_key: str


class UnconfirmedError(CamfanError):
    """The new machine has connected, and has not confirmed that it stored its key."""


class InvitationHost(Protocol):
    """What the machine that invites does with the public key (Z85) of the new machine.

    Both methods raise CamfanError, which is sent to the new machine.
    """

    def take(self, public: bytes) -> InvitationReply:
        """The key is valid from now on, beside the one that the machine has had."""

    def confirm(self, public: bytes) -> None:
        """The machine has stored it: no other key of it is valid."""


def new_secret() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def read_code(text: str) -> Code:
    """Raises CodeError."""
    match = _CODE.fullmatch(text.strip())
    secret = match[4].upper().replace("-", "") if match else ""
    secret = secret.translate(str.maketrans("ILO", "110"))
    port = int(match[3]) if match else 0
    if (
        match is None
        or not 0 < port <= MAX_PORT
        or len(secret) != _LETTERS
        or not set(secret) <= set(_ALPHABET)
    ):
        raise CodeError(f"{text!r} is not a code of camfan keys invite: NAME@HOST:PORT/XXXX-XXXX-…")
    return Code(match[1], match[2].strip("[]"), port, secret)


class Invitation:
    """Listens from when it is made. Raises BindError."""

    def __init__(self, name: str, host: str, listen: str, port: int) -> None:
        secret = new_secret()
        asked = Code(name, host, port, secret)
        self._context: Context = zmq.Context()
        try:
            self._zap = self._context.socket(zmq.REP)
            self._zap.linger = 0
            self._zap.bind(ZAP)
            self._socket = open_socket(self._context, Role.INVITE, ServerKeys(asked.pair("server")))
            bound = bind(self._socket, f"tcp://{listen}:{port or '*'}")
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self.code = Code(name, host, int(bound.rpartition(":")[2]), secret)
        self._taken: set[bytes] = set()

    def wait(self, seconds: float, host: InvitationHost, stopped: Callable[[], bool]) -> bool:
        """Wait until the machine has stored its key. False: it did not connect.

        A machine whose command was killed may connect again. Raises UnconfirmedError, and the
        errors of `host`.
        """
        ends = time.monotonic() + seconds
        poller = zmq.Poller()
        poller.register(self._zap, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        while time.monotonic() < ends and not stopped():
            for socket, _ in poller.poll(200):
                if socket is self._zap:
                    self._authenticate()
                elif self._request(host):
                    return True
        if self._taken:
            raise UnconfirmedError(
                f"{self.code.name} has connected, and has not confirmed that it stored its key. "
                "Both this key and its earlier one are valid; to end that, run "
                f"camfan keys invite {self.code.name} again"
            )
        return False

    def close(self) -> None:
        self._context.destroy(linger=500)  # for the last answer

    def _authenticate(self) -> None:
        """Accept only the other end of this code."""
        request = self._zap.recv_multipart()
        mine = z85.decode(self.code.pair("client").public)
        good = len(request) == 7 and request[5] == b"CURVE" and request[6] == mine
        code = b"200" if good else b"400"
        self._zap.send_multipart([b"1.0", request[1], code, b"", b"", b""])

    def _request(self, host: InvitationHost) -> bool:
        """Whether the machine has stored its key."""
        body = self._socket.recv()
        try:
            asked: Any = json.loads(body)
            good = isinstance(asked, dict) and asked.get("name") == self.code.name
            public = bytes.fromhex(asked["public"]) if good else b""
        except (ValueError, KeyError, TypeError):
            public = b""
        if len(public) != 32:
            self._answer(
                {"error": f"this invitation is for {self.code.name}, and needs a public key"}
            )
            return False
        try:
            return self._serve(host, z85.encode(public), stored=asked.get("stored") is True)
        except CamfanError as exc:
            self._answer({"error": str(exc)})
            raise

    def _serve(self, host: InvitationHost, public: bytes, *, stored: bool) -> bool:
        if not stored:
            welcome = host.take(public)
            self._taken.add(public)
            self._answer({"site": welcome.site, "server_key": welcome.server_key})
            return False
        if public not in self._taken:
            self._answer({"error": "this is not the key that was sent before"})
            return False
        host.confirm(public)
        self._answer({})
        return True

    def _answer(self, answer: dict[str, str]) -> None:
        self._socket.send(json.dumps(answer).encode())


def deliver_key(
    code: Code, public: bytes, keep: Callable[[InvitationReply], None], seconds: float = ANSWER_S
) -> bool:
    """Deliver a public key (Z85) to where the code comes from; `keep` stores the pair.

    False: it was stored, and the other end did not hear that. Raises CodeError, and what `keep`
    raises: the other end then keeps the old key valid.
    """
    host = f"[{code.host}]" if ":" in code.host else code.host
    keys = ClientKeys(code.pair("client"), code.pair("server").public)
    context: Context = zmq.Context()
    try:
        socket = open_socket(context, Role.JOIN, keys)
        socket.connect(f"tcp://{host}:{code.port}")
        wanted = {"name": code.name, "public": z85.decode(public).hex()}
        socket.send(json.dumps(wanted).encode())
        if not socket.poll(int(seconds * 1000)):
            raise CodeError(_no_answer(code))
        keep(_welcome(code, socket.recv()))
        socket.send(json.dumps({**wanted, "stored": True}).encode())
        return bool(socket.poll(int(seconds * 1000))) and socket.recv() == b"{}"
    finally:
        context.destroy(linger=0)


def _welcome(code: Code, body: bytes) -> InvitationReply:
    try:
        answer = json.loads(body)
        if "error" in answer:
            raise CodeError(f"{code.host} refused: {answer['error']}")
        if not re.fullmatch(r"[0-9a-f]{64}", answer["server_key"]):
            raise ValueError
        return InvitationReply(str(answer["site"]), answer["server_key"])
    except (ValueError, KeyError, TypeError):
        raise CodeError(f"{code.host}:{code.port} sent an unexpected reply") from None


def _no_answer(code: Code) -> str:
    return (
        f"no answer from {code.host}:{code.port} to this code; it is valid once, and only while "
        "'camfan keys invite' waits there"
    )
