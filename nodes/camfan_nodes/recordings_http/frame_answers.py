"""Recorded frames as answers: one JPEG, or many as parts of one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from aiohttp import web

from camfan import Frame, FrameLostError, Recording
from camfan_nodes.recordings_http.reading import RecordingPool

BOUNDARY = "camfan-recorded-frame"
BATCH_BYTES = 1_000_000  # read ahead of the client
BATCH_FRAMES = 256
WRITE_S = 10.0  # that a client may take nothing

Parts = Iterator[bytes]


def frame_response(request: web.Request, frame: Frame) -> web.Response:
    """A JPEG that a client may keep, with its facts; 304 and 206 where that was asked for."""
    tag = f"{frame.run}-{frame.sequence}-{len(frame.jpeg)}"
    headers = {
        **facts_of(frame),
        "ETag": f'"{tag}"',
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
    }
    if any(one.value in (tag, "*") for one in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    jpeg = bytes(frame.jpeg)
    asked = _range_of(request, tag, len(jpeg))
    if asked is None:
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)
    first, end = asked
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(jpeg)}"
    return web.Response(
        body=jpeg[first:end], status=206, content_type="image/jpeg", headers=headers
    )


async def send_frames(
    request: web.Request, pool: RecordingPool, parts: Parts
) -> web.StreamResponse:
    """The parts one after the other, at the speed at which the client takes them."""
    response = web.StreamResponse(
        headers={
            "Content-Type": f"multipart/mixed; boundary={BOUNDARY}",
            "Cache-Control": "no-store",
        }
    )
    batch = await pool.run(lambda: _batch(parts))
    await response.prepare(request)
    with suppress(ConnectionResetError, TimeoutError):
        while batch:
            async with asyncio.timeout(WRITE_S):
                for part in batch:
                    await response.write(part)
            batch = await pool.run(lambda: _batch(parts))
        async with asyncio.timeout(WRITE_S):
            await response.write(f"--{BOUNDARY}--\r\n".encode())
            await response.write_eof()
        return response
    if request.transport is not None:
        request.transport.abort()  # it is not complete, and must not look like it
    return response


def frame_parts(
    recording: Recording,
    camera: str,
    times: tuple[int, int],
    every: float | None,
    limit: int | None,
) -> Parts:
    """Each frame as a part, and the reason in the place of each one that cannot be read.

    Raises RecordingError.
    """
    lost: list[FrameLostError] = []
    frames = recording.frames(camera, *times, every, on_lost=lost.append)
    for frame in islice(frames, limit):
        yield from _lost_parts(lost)
        yield _part("image/jpeg", facts_of(frame), bytes(frame.jpeg))
    yield from _lost_parts(lost)


def facts_of(frame: Frame) -> dict[str, str]:
    """The header lines of a recorded frame."""
    return {
        "X-Timestamp": _seconds(frame.site_time or 0),
        "X-Camfan-Sequence": str(frame.sequence),
        "X-Camfan-Run": frame.run,
    }


def _lost_parts(lost: list[FrameLostError]) -> Parts:
    for one in lost:
        facts = {
            "X-Timestamp": _seconds(one.time),
            "X-Camfan-Sequence": str(one.sequence),
            "X-Camfan-Run": one.run,
        }
        yield _part("text/plain; charset=utf-8", facts, f"{one.reason}\n".encode())
    lost.clear()


def _part(kind: str, facts: dict[str, str], body: bytes) -> bytes:
    head = [f"--{BOUNDARY}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in facts.items()]
    return "\r\n".join((*head, "", "")).encode() + body + b"\r\n"


def _batch(parts: Parts) -> list[bytes]:
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += len(part)
        if size >= BATCH_BYTES or len(found) >= BATCH_FRAMES:
            break
    return found


def _seconds(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"


def _range_of(request: web.Request, tag: str, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None: everything. Raises an HTTPException."""
    if request.headers.get("If-Range", f'"{tag}"') != f'"{tag}"':
        return None
    try:
        asked = request.http_range
    except ValueError:  # several ranges, or not bytes: a server may answer with everything
        return None
    if asked.start is None:
        return None
    first = max(size + asked.start, 0) if asked.start < 0 else asked.start
    end = size if asked.stop is None else min(asked.stop, size)
    if first >= end:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return first, end
