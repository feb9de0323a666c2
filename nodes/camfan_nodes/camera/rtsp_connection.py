"""Opening an RTSP stream by FFmpeg, and why it does not open, in words without secrets.

FFmpeg would read ahead to learn of the stream, and cut it into frames by a parser that waits for
the next one; both are turned off. Its messages may hold the URL: of them only the status is used.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.logging

from camfan_nodes.camera.address import Address
from camfan_nodes.camera.challenge import MAX_LINE, Challenge, read_challenges
from camfan_nodes.camera.http_head import read_lines
from camfan_nodes.camera.source import SourceError
from camfan_nodes.camera.words import printable_short, reason_of

PORTS = {"rtsp": 554, "rtsps": 322}
KNOCK_S = 0.5  # after a failure: a node gives up soon after the time-out of the opening
UDP_BUFFER_BYTES = 2_000_000  # a key frame comes at once
REORDER_US = 200_000  # how long a packet that is missing may still come

_OPTIONS = {
    "allowed_media_types": "video",
    "fflags": "noparse",
    "probesize": "32",  # one packet, which is kept
    "analyzeduration": "0",
    "fpsprobesize": "0",
    "max_delay": str(REORDER_US),
    "buffer_size": str(UDP_BUFFER_BYTES),
}
_LOOKING = {"probesize": "200000"}  # bytes; MPEG-TS says now and then what is in it
_STATUS = re.compile(r"method (\w+) failed: (\d{3}) \((.*)\)")
_DESCRIPTION = "SDP:"  # FFmpeg shows what the camera says of its stream
_NO_VIDEO = "the stream has no video in it"
_DIGESTS = ("MD5", "MD5-SESS")  # that FFmpeg knows
_ZONE = re.compile(r"(\[[0-9a-fA-F:.]+)%25(?=[^\]/]+\])")
_BUSY = "the camera is busy, or cannot send this stream now; many serve only one or two viewers"
_WORDS = {
    403: "this user is not permitted to see it",
    404: "there is nothing under this path",
    453: _BUSY,
    503: _BUSY,
}


_ffmpeg = logging.getLogger("libav")  # where PyAV puts what FFmpeg says, URLs included
_ffmpeg.addHandler(logging.NullHandler())
_ffmpeg.propagate = False


class TransportError(SourceError):
    """The camera does not support this transport."""


class SilentTransportError(TransportError):
    """The camera agrees to a transport, and nothing comes."""


class NoVideoStreamError(SourceError):
    """The stream has no video, as far as it was described or read."""


@contextmanager
def opened(
    url: str, address: Address, transport: str, timeout_s: float, *, looking: bool = False
) -> Iterator[av.container.InputContainer]:
    """The stream, once its first packet has come; `looking`: for video in several packets.

    Raises SourceError, TransportError and NoVideoError.
    """
    begun_s = time.monotonic()
    options = _OPTIONS | {"rtsp_transport": transport} | (_LOOKING if looking else {})
    try:
        with _statuses() as statuses:
            container = av.open(with_plain_zone(url), options=options, timeout=timeout_s)
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        late = time.monotonic() - begun_s >= 0.9 * timeout_s
        why = _explain(exc, statuses, address, transport, timeout_s, late=late)
        raise why from None
    with container:
        if not container.streams.video:
            raise NoVideoStreamError(f"{address.shown}: {_NO_VIDEO}")
        if time.monotonic() - begun_s >= 0.9 * timeout_s:
            raise explain_silence(address.shown, transport, timeout_s)
        yield container


def with_plain_zone(url: str) -> str:
    """FFmpeg wants the zone of a link-local address as the system writes it: `[fe80::1%eth0]`."""
    return _ZONE.sub(r"\1%", url, count=1)


def explain_silence(name: str, transport: str, timeout_s: float) -> SourceError:
    """The camera agreed to everything, and then no frame came."""
    if transport == "udp":
        return SilentTransportError(f"{name}: no frame came over UDP within {timeout_s:g} s")
    return SourceError(
        f"{name}: it accepts connections, but sent no frame in {timeout_s:g} s; if its encoder "
        "needs longer for the first one, set a longer `stall_after`"
    )


@contextmanager
def _statuses() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg says meanwhile; nothing of it reaches a log."""
    level = av.logging.get_level()
    av.logging.set_skip_repeated(False)
    av.logging.set_level(av.logging.VERBOSE)
    try:
        with av.logging.Capture() as logs:
            yield logs
    finally:
        av.logging.set_level(level)


def _explain(
    exc: Exception,
    logs: list[tuple[int, str, str]],
    address: Address,
    transport: str,
    timeout_s: float,
    *,
    late: bool,
) -> SourceError:
    name = address.shown
    status = next((found for _, _, text in reversed(logs) if (found := _STATUS.search(text))), None)
    code = int(status[2]) if status else 0
    if code == 461:
        return TransportError(f"{name}: the camera does not send over {transport.upper()}")
    if _lacks_video(logs):
        return NoVideoStreamError(f"{name}: {_NO_VIDEO}")
    if status is not None and not late:
        return SourceError(f"{name}: {_refusal(code, printable_short(status[3]), address)}")
    if (why := _knock(address, timeout_s)) is not None:
        return SourceError(f"{name}: {why}")
    if late:
        return explain_silence(name, transport, timeout_s)
    if isinstance(exc, av.error.InvalidDataError | av.error.ProtocolNotFoundError):
        return SourceError(f"{name}: what answers there does not speak RTSP")
    return SourceError(f"{name}: the camera closed the connection before the first frame")


def _lacks_video(logs: list[tuple[int, str, str]]) -> bool:
    """Whether the camera described its stream, without video: it is asked to play nothing then."""
    found = [text for _, _, text in logs if text.startswith(_DESCRIPTION)]
    return bool(found) and "m=video" not in found[-1] and "MP2T" not in found[-1]


def _refusal(code: int, phrase: str, address: Address) -> str:
    if code == 401 and address.user is None:
        return f"login required ({code})"
    if code == 401 and (way := _unknown_way(address)) is not None:
        return f"the camera asks for {way}, not supported over RTSP; enable MD5 or Basic ({code})"
    if code == 401:
        return f"wrong user or password ({code})"
    if code in _WORDS:
        return f"{_WORDS[code]} ({code})"
    return f"the camera answers {code}: {phrase}"


def _unknown_way(address: Address) -> Challenge | None:
    """What the camera asks for, if FFmpeg has no answer to it: it takes the last Digest."""
    if address.scheme != "rtsp":
        return None
    request = f"DESCRIBE rtsp://{address.place}{address.target} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    data = b""
    with contextlib.suppress(OSError):
        place = (address.host, address.port or PORTS["rtsp"])
        with socket.create_connection(place, KNOCK_S) as line:
            line.sendall(request.encode())
            while b"\r\n\r\n" not in data and len(data) < MAX_LINE and (more := line.recv(4096)):
                data += more
    ways = read_challenges(read_lines(data).all("www-authenticate"))
    digests = [way for way in ways if way.scheme == "Digest"]
    return digests[-1] if digests and digests[-1].algorithm not in _DIGESTS else None


def _knock(address: Address, timeout_s: float) -> str | None:
    """Why nothing can be reached there; None: something can. FFmpeg does not always say."""
    port = address.port or PORTS.get(address.shown.partition(":")[0], 554)
    try:
        socket.create_connection((address.host, port), KNOCK_S).close()
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as exc:
        return reason_of(exc)
    return None
