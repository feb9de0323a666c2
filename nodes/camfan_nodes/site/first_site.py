"""The text of a first site file, with a comment at whatever a newcomer will want to change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from camfan_config import NAME_PATTERN, is_name
from camfan_config.conversion.scalars import slug

VIDEOS = (".avi", ".mp4", ".mkv", ".mov", ".webm", ".ts", ".m4v")


class FirstSiteError(Exception):
    """Something that was asked for cannot stand in a site file; the message says why."""


@dataclass(frozen=True, slots=True)
class FirstCamera:
    """A camera's name and the lines of its section; `secrets` go into a file of their own."""

    name: str
    lines: tuple[str, ...]
    secrets: tuple[tuple[str, str], ...] = ()


def name_of(text: str, what: str) -> str:
    """A name as a site file allows it. Raises FirstSiteError."""
    if is_name(text):
        return text
    meant = slug(NAME_PATTERN, text)
    hint = f"; did you mean '{meant}'?" if meant else ""
    raise FirstSiteError(
        f"{what} '{text}': a name has lower-case letters, digits, '-' and '_', at most 64{hint}"
    )


def camera_of(name: str, source: str) -> FirstCamera:
    """The camera of an address, a device, a video, a folder, or a source's name.

    Raises FirstSiteError.
    """
    name = name_of(name, "camera")
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ("rtsp", "rtsps", "http", "https"):
        return _of_address(name, source, "rtsp" if scheme.startswith("rtsp") else "http")
    if scheme:
        raise FirstSiteError(
            f"camera {name}: {scheme}:// is not rtsp://, rtsps://, http:// or https://"
        )
    if source in ("test", "picamera2", "custom"):
        return FirstCamera(name, (f"source: {source}",))
    if source.startswith("/dev/") or source == "v4l2":
        device = "/dev/video0" if source == "v4l2" else source
        return FirstCamera(name, ("source: v4l2", f"device: {_text(device)}"))
    if source.lower().endswith(VIDEOS):
        return FirstCamera(name, ("source: file", f"path: {_text(source)}", "loop: true"))
    if "/" in source:
        return FirstCamera(name, ("source: images", f"path: {_text(source)}", "loop: true"))
    raise FirstSiteError(
        f"camera {name}: '{source}' is not an address (rtsp://… or http://…), a device "
        "(/dev/video0), a video or folder, and not 'test', 'picamera2' or 'custom'"
    )


def _of_address(name: str, address: str, source: str) -> FirstCamera:
    """A login in the address goes into secrets.yaml."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or any(char.isspace() for char in address):
        raise FirstSiteError(f"camera {name}: the address is not like {source}://host/...")
    if parts.password is None:
        return FirstCamera(name, (f"source: {source}", f"url: {_text(address)}"))
    variable = f"{re.sub('[^A-Z0-9]', '_', name.upper())}_PASSWORD"
    if variable[0].isdigit():
        variable = f"_{variable}"
    user, _, _ = parts.netloc.rpartition("@")[0].partition(":")
    there = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"{_dollars(user)}:${{{variable}}}@{_dollars(there)}").geturl()
    return FirstCamera(
        name,
        (f"source: {source}", f'url: "{url}"  # the password stands in secrets.yaml'),
        ((variable, unquote(parts.password)),),
    )


def _text(text: str) -> str:
    """As a quoted scalar of the site file."""
    if not text.isprintable():
        raise FirstSiteError("a path or an address holds a character that cannot be shown")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_dollars(escaped)}"'


def _dollars(text: str) -> str:
    return text.replace("$", "$$")


def site_text(
    name: str, cameras: Sequence[FirstCamera], record: str | None, *, web: bool = True
) -> str:
    """A whole site file."""
    return "\n".join([*_lines(name, cameras, record, web=web), ""])


def _lines(
    name: str, cameras: Sequence[FirstCamera], record: str | None, *, web: bool
) -> Iterator[str]:
    yield "# The site file of camfan: everything about this site, the same on every machine."
    yield "# `camfan check` finds mistakes, `camfan up` starts it, `camfan schema` helps editors."
    yield "version: 1"
    yield f"site: {name}"
    yield ""
    yield "defaults: # of every camera that can use them"
    yield "  fps: 10 # frames per second, at most"
    yield "  # quality: 80 # of JPEGs that are encoded here, 1 to 100; less takes less room"
    yield ""
    yield "cameras: # by name; `camfan cameras` lists what is plugged into this machine"
    for camera in cameras:
        yield f"  {camera.name}:"
        yield from (f"    {line}" for line in camera.lines)
        yield "    # title: Front door # for people; any script"
        yield "    # size: 1280x720"
    yield ""
    yield from _recorder(record)
    yield ""
    yield "# motion: # events where something moves; needs the extra `motion`"
    yield "#   watch:"
    yield f"#     cameras: [{cameras[0].name}]"
    yield ""
    comment = "" if web else "# "
    if not web:
        yield "# Needs the extra `web`."
    yield f"{comment}web: # live video in a browser, on this machine only"
    yield f"{comment}  listen: 127.0.0.1:8080"


def _recorder(record: str | None) -> Iterator[str]:
    comment = "# " if record is None else ""
    yield f"{comment}recorders:"
    yield f"{comment}  archive:"
    yield f"{comment}    path: {_text(record or '/srv/recordings')}"
    yield f"{comment}    keep: {{age: 7d, min_free: 5GB}} # the oldest is deleted first"
    yield f'{comment}    cameras: "*"'
