"""`camfan camera NAME`, the node of one camera, and `camfan cameras`, what is plugged in here."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from camfan import Publisher
from camfan_config import Camera, EncodingCamera, Hidden, Loaded, hiding_errors
from camfan_config.errors import CamfanError
from camfan_config.site.inherit import without_effect
from camfan_config.site.pace import planned_pace
from camfan_config.text.printable import printable_lines
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.encode import encoder_of
from camfan_nodes.camera.figures import NodeFigures
from camfan_nodes.camera.hang_detector import HangDetector
from camfan_nodes.camera.health import read_health
from camfan_nodes.camera.listing import describe
from camfan_nodes.camera.network_reader import THREAD
from camfan_nodes.camera.node import CameraNode, CameraNodeParts
from camfan_nodes.camera.restart_reason import RestartReason
from camfan_nodes.camera.sources import source_of
from camfan_nodes.camera.supervise import CAPTURE, StopHungError, supervise
from camfan_nodes.camera.trust import caveat_of
from camfan_nodes.shared import service
from camfan_nodes.shared.command import add_key_argument, end_with_code, find_node, log_to_stderr
from camfan_nodes.shared.opening import opened_site
from camfan_nodes.shared.site_file import add_config_argument

log = logging.getLogger(__name__)

Commands = argparse._SubParsersAction  # argparse has no public name for it


def add_camera_command(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "camera",
        help="run the node of one camera",
        description="Capture frames from one camera of the site file and publish them. A camera"
        " that fails is reopened. Ctrl-C or SIGTERM stops it.",
    )
    parser.add_argument("name", metavar="NAME", help="the camera's name in the site file")
    add_config_argument(parser)
    add_key_argument(parser)
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="publish it even if another process does; that process ends",
    )
    parser.set_defaults(run=run_camera)


def add_cameras_command(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "cameras",
        help="list the cameras plugged into this machine",
        description="List webcams and camera modules, ready to be pasted into a site file.",
    )
    parser.set_defaults(run=list_cameras)


def run_camera(args: argparse.Namespace) -> int:
    log_to_stderr(verbose=args.verbose)
    code = end_with_code("camfan camera", lambda: _run(args))
    _leave_if_stuck(code)
    return code


def list_cameras(_: argparse.Namespace) -> int:
    from camfan_nodes.camera.devices import find_devices
    from camfan_nodes.camera.v4l2_device import Linux

    print(printable_lines(describe(find_devices(Linux()), _modules())))  # noqa: T201 - the answer
    return 0


class _Systemd:
    """The supervisor of a node, where there is one."""

    ready = staticmethod(service.notify_ready)
    alive = staticmethod(service.notify_watchdog)

    def __init__(self, hidden: Hidden) -> None:
        self._hidden = hidden

    def status(self, text: str) -> None:
        """Anybody on this machine can read it."""
        service.notify_status(self._hidden.cover(text))


def _run(args: argparse.Namespace) -> int:
    with opened_site(args.config) as loaded:
        return _publish(args.name, loaded, args.key, take_over=args.take_over)


def _publish(name: str, loaded: Loaded, key: Path | None, *, take_over: bool) -> int:
    site = loaded.site
    camera = find_node(site.cameras, "camera", name)
    stop = service.stop_on_signals()
    clock, life = NodeClock(stop), RestartReason()
    source, hangs = source_of(name, camera, clock), HangDetector(clock)
    caveat = caveat_of(camera)
    if caveat is not None:
        log.warning("camera %s: %s", name, caveat)
    figures = NodeFigures(name, source.counts, clock, restart_reason=life.last_end, caveat=caveat)
    try:
        with (
            hiding_errors(loaded.hidden),
            Publisher(
                site,
                name,
                quality=_quality(camera),
                report=lambda: figures.report(read_health()),
                key=key,
                take_over=take_over,
                hidden=loaded.hidden,
                node=True,
            ) as publisher,
        ):
            node = CameraNode(
                CameraNodeParts(
                    camera=name,
                    source=source,
                    encoder=encoder_of(camera, site.security.limits),
                    publisher=publisher,
                    supervisor=_Systemd(loaded.hidden),
                    figures=figures,
                    hangs=hangs,
                    clock=clock,
                    plan=partial(planned_pace, camera),
                )
            )
            supervise(node.run, hangs, stop)
    except StopHungError as exc:
        log.warning("camera %s: %s", name, exc)
    except CamfanError as exc:
        life.end(str(exc))
        raise
    life.end("it was stopped")
    service.notify_stopping()
    return 0


def _quality(camera: Camera) -> int | None:
    """That of the encoder; None where JPEGs pass through and nothing can be asked of them."""
    values = {field: getattr(camera, field) for field in camera.__struct_fields__}
    if not isinstance(camera, EncodingCamera) or "quality" in without_effect(type(camera), values):
        return None
    return camera.quality


def _modules() -> list[dict[str, Any]]:
    """The camera modules that libcamera knows; none where it is not installed."""
    try:
        library = import_module("picamera2")
    except (ImportError, ValueError):
        return []
    found: list[dict[str, Any]] = library.Picamera2.global_camera_info()
    return found


def _leave_if_stuck(code: int) -> None:
    """End at once if a thread hangs in a library: tearing that down under it would crash."""
    if any(thread.name in (CAPTURE, THREAD) for thread in threading.enumerate()):
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
