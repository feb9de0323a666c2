"""What would keep the nodes of this machine from working, in the sentences of the nodes.

Only looks: makes no file, takes no lock, starts no camera, and disturbs no running node. What other
machines of the site lack cannot be seen from here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from camfan import CamfanError
from camfan.recording.errors import RecordingError
from camfan.recording.forecast import forecast
from camfan.recording.queries import IndexReader
from camfan.recording.schema import FILE_NAME, connect_to_read
from camfan_config import (
    Broker,
    CameraBase,
    Motion,
    Recorder,
    Site,
    SiteNode,
    Web,
    hosts,
    is_started,
)
from camfan_config.report.estimate import recorder_bytes_s
from camfan_config.report.mounts import network_share
from camfan_config.site.topology import LOCALHOST, bind_addresses
from camfan_config.text.units import parse_address
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.source import SourceError
from camfan_nodes.camera.sources import source_of
from camfan_nodes.camera.words import describe_missing, reason_of
from camfan_nodes.recorder.folder import KEEP_INDEX, index_folder, look_at_folder
from camfan_nodes.shared.command import MissingExtraError
from camfan_wire.machine import own_label

ANSWER_S = 0.5  # for the greeting of what listens on a port
DAY_NS = 86_400_000_000_000


def machine_warnings(site: Site) -> tuple[str, ...]:
    """One sentence for each thing that this machine lacks for its nodes."""
    found = []
    for node in _own_nodes(site):
        for sentence in _look(site, node):
            found.append(f"{node.kind} {node.name}: {sentence}")  # noqa: PERF401 - reads better
    return tuple(found)


def _own_nodes(site: Site) -> tuple[SiteNode, ...]:
    """The nodes of this machine; none if it is not known which of the hosts it is."""
    known = hosts(site)
    label = LOCALHOST if set(known) == {LOCALHOST} else own_label(known)
    return tuple(node for node in known.get(label or "", ()) if is_started(node.section))


def _look(site: Site, node: SiteNode) -> Iterator[str]:
    section = node.section
    if isinstance(section, Broker):
        yield from _ports(site, node.name, section)
    elif isinstance(section, CameraBase):
        yield from _camera(node)
    elif isinstance(section, Recorder):
        yield from _recorder(site, section)
    elif isinstance(section, Motion):
        if find_spec("cv2") is None:
            yield str(MissingExtraError("motion", "OpenCV", "motion"))
    elif isinstance(section, Web):
        yield from _web(site, section)


def _camera(node: SiteNode) -> Iterator[str]:
    section = node.section
    assert isinstance(section, CameraBase)
    yield from _sentence(lambda: _source(node))
    if section.ring.path and section.ring.disk:
        yield from _writable(Path(section.ring.path))


def _source(node: SiteNode) -> None:
    """Raises what the camera's node would end with, or would try again for."""
    source_of(node.name, node.section, NodeClock(threading.Event())).look()  # type: ignore[arg-type]


def _recorder(site: Site, section: Recorder) -> Iterator[str]:
    yield from _sentence(lambda: look_at_folder(Path(section.path)))
    index = index_folder(section)
    if section.index is not None:
        yield from _sentence(lambda: look_at_folder(index, KEEP_INDEX))
    share = network_share(index)
    if share is not None:
        yield (
            f"{index} is on a network share ({share}), where the index is unsafe; set `index:` to "
            "a folder on a local disk"
        )
    if section.http is not None:
        yield from _recorder_http(site, section, section.http)
    yield from _ahead(site, section, index)


def _recorder_http(site: Site, section: Recorder, http: str) -> Iterator[str]:
    if find_spec("aiohttp") is None or find_spec("nacl") is None:
        yield str(MissingExtraError("`http` of a recorder", "aiohttp and PyNaCl", "web"))
    if section.tls is not None:
        yield from _readable(Path(section.tls.certificate))
        yield from _readable(Path(section.tls.key))
    if not _is_running(site, None):
        yield from _port(*parse_address(http))


def _ahead(site: Site, section: Recorder, index: Path) -> Iterator[str]:
    """What `keep` cannot hold, at the rate of the last day, else at the estimated one."""
    place = Path(section.path)
    while not place.is_dir() and place != place.parent:
        place = place.parent
    rates, used = _measured(index)
    rates = rates or {"": recorder_bytes_s(site, section) * 3600}
    with contextlib.suppress(OSError):
        found = forecast(section.keep, rates, used, shutil.disk_usage(place).free)
        if found.warning is not None:
            yield f"{place}: {found.warning}"


def _measured(index: Path) -> tuple[dict[str, float], int]:
    """The rates by camera, and the bytes of all recordings; nothing where nothing is recorded."""
    file = index / FILE_NAME
    if not file.is_file():
        return {}, 0
    with contextlib.suppress(RecordingError, sqlite3.Error), closing(connect_to_read(file)) as db:
        reader = IndexReader(db)
        used = sum(row.bytes for row in reader.usage())
        return reader.rates(time.time_ns() - DAY_NS), used
    return {}, 0


def _web(site: Site, section: Web) -> Iterator[str]:
    if find_spec("aiohttp") is None:
        yield str(MissingExtraError("the web server", "aiohttp", "web"))
    if section.tls is not None:
        yield from _readable(Path(section.tls.certificate))
        yield from _readable(Path(section.tls.key))
    if section.state is not None:
        yield from _writable(Path(section.state))
    host, port = parse_address(section.listen)
    if not _is_running(site, None):
        yield from _port(host, port)


def _ports(site: Site, name: str, section: Broker) -> Iterator[str]:
    """None while the broker runs: then they are its own."""
    if _is_running(site, name):
        return
    addresses = bind_addresses(site, name)
    for endpoint in (addresses.ingest, addresses.fanout, addresses.delivery):
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        yield from _port(host.strip("[]"), int(port))
    if section.http is not None:
        yield from _port(*parse_address(section.http))


def _is_running(site: Site, name: str | None) -> bool:
    """Whether what listens on the delivery port speaks ZeroMQ, as the broker does."""
    host, _, port = bind_addresses(site, name).delivery.removeprefix("tcp://").rpartition(":")
    host = "127.0.0.1" if host == "*" else host.strip("[]")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), ANSWER_S) as one:
        one.settimeout(ANSWER_S)
        greeting = one.recv(10, socket.MSG_WAITALL)
        return len(greeting) == 10 and greeting[0] == 0xFF and greeting[9] == 0x7F
    return False


def _port(host: str, port: int) -> Iterator[str]:
    host = "" if host == "*" else host
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            yield f"port {port} is used by another program"
        else:
            yield f"cannot listen on {host or '*'}:{port}: {reason_of(exc)}"


def _readable(path: Path) -> Iterator[str]:
    if not path.exists():
        with contextlib.suppress(OSError):
            yield describe_missing(path)
    elif not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        yield f"{path}: this user cannot read it"


def _writable(path: Path) -> Iterator[str]:
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        yield f"{path}: this user cannot write it"


def _sentence(look: Callable[[], None]) -> Iterator[str]:
    try:
        look()
    except (SourceError, CamfanError, OSError) as exc:
        yield str(exc)
