"""Verifies the certificate of a network camera, and says why it is not trusted.

Without any of the three the certificate must be signed by an authority that this machine knows,
and be for the host of the address. `ca` names the only authority instead, `fingerprint` the only
certificate, whatever stands in it; `verify: false` trusts what answers.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from dataclasses import dataclass

from camfan_config import Camera, NetworkCamera
from camfan_config.errors import CamfanError
from camfan_nodes.camera.words import reason_of

_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18  # X509_V_ERR_… of OpenSSL
_UNKNOWN, _OTHER_HOST = (2, 19, 20, 21), (62, 64)
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
_TOO_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "DH_KEY_TOO_SMALL", "HANDSHAKE_FAILURE")


class TrustError(CamfanError):
    """No TLS connection, or none that can be trusted; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the site file says of a camera's certificate."""

    ca: str | None = None  # file of the only authority, or of the certificate itself
    fingerprint: str | None = None  # SHA-256, 64 lower-case hexadecimal digits
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Raises TrustError for a file of authorities that cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise TrustError(f"{self.ca}: no certificate in it; `ca` needs a PEM file") from None
        except OSError as exc:
            raise TrustError(f"{self.ca}: cannot be read: {reason_of(exc)}") from None
        if self.ca is not None:  # a camera's own certificate may be its authority
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.fingerprint is not None or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class TlsGate:
    """Accepts connections whose certificate is trusted; authorities are read once."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._context: ssl.SSLContext | None = None

    def wrap(self, raw: socket.socket, host: str) -> ssl.SSLSocket:
        """The connection under TLS; `raw` is closed on failure. Raises TrustError, OSError."""
        peer, timeout_s = raw.getpeername()[:2], raw.gettimeout()
        with raw:  # without effect once it has been wrapped
            if self._context is None:
                self._context = self._trust.context()
            try:
                wrapped = self._context.wrap_socket(raw, server_hostname=host)
            except ssl.SSLCertVerificationError as exc:
                raise TrustError(_distrust(exc, host, _present(peer, host, timeout_s))) from None
            except ssl.SSLError as exc:
                raise TrustError(_no_tls(exc)) from None
        found, pinned = fingerprint_of(wrapped), self._trust.fingerprint
        if pinned not in (None, found):
            wrapped.close()
            raise TrustError(
                f"its certificate has the fingerprint {colons(found)}, the site file says"
                f" {colons(pinned or '')}: it was renewed, or something else answers"
            )
        return wrapped


def trust_of(camera: NetworkCamera) -> Trust:
    """What the site file says."""
    pinned = None if camera.fingerprint is None else camera.fingerprint.replace(":", "").lower()
    return Trust(camera.ca, pinned, camera.verify)


def caveat_of(camera: Camera) -> str | None:
    """What must be said of a camera all the time, if anything."""
    if not isinstance(camera, NetworkCamera) or camera.verify:
        return None
    return (
        "its certificate is not verified (`verify: false`): whatever answers at its address gets"
        " the password, and its frames are believed"
    )


def fingerprint_of(connection: ssl.SSLSocket) -> str:
    """SHA-256 of the certificate of the other side, as hexadecimal digits."""
    return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()


def colons(fingerprint: str) -> str:
    """As other programs write it."""
    digits = fingerprint.upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _present(peer: tuple[str, int], host: str, timeout_s: float | None) -> str:
    """The fingerprint that the other side presents, asked again; empty where it does not say."""
    context = Trust(verify=False).context()
    try:
        with (
            socket.create_connection(peer, timeout_s) as second,
            context.wrap_socket(second, server_hostname=host) as wrapped,
        ):
            return colons(fingerprint_of(wrapped))
    except OSError:
        return ""


def _distrust(exc: ssl.SSLCertVerificationError, host: str, fingerprint: str) -> str:
    pin = f'`fingerprint: "{fingerprint}"`' if fingerprint else "its `fingerprint:`"
    pin += ", if that is what the camera itself shows"
    if exc.verify_code == _EXPIRED:
        return f"its certificate has expired; renew it in the camera, or write {pin}"
    if exc.verify_code == _NOT_YET:
        return "its certificate is not valid yet; are this machine's and the camera's clocks right?"
    if exc.verify_code == _SELF_SIGNED:
        return f"its certificate is self-signed; write `ca:` with a file of it, or {pin}"
    if exc.verify_code in _UNKNOWN:
        return (
            "its certificate is signed by an authority that is not known here; write `ca:` with the"
            f" file of that authority, or {pin}"
        )
    if exc.verify_code in _OTHER_HOST:
        return (
            f"its certificate is not for {host}; write the name that it is for in the address,"
            f" or {pin}"
        )
    return f"its certificate cannot be trusted ({exc.verify_message}); write {pin}"


def _no_tls(exc: ssl.SSLError) -> str:
    reason = exc.reason or ""
    if reason in _NOT_TLS:
        return "it does not speak TLS there; write http:// in its address, or the port of its HTTPS"
    if any(word in reason for word in _TOO_OLD):
        return f"its TLS is too old to be safe ({reason}); update the camera, or use http://"
    return f"no TLS connection ({reason or type(exc).__name__})"
