"""`camfan recordings replay`: recorded cameras on a bus, as if they were live."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from camfan import CamfanError, Recording, Site, UnknownCameraError
from camfan.address import camera_patterns
from camfan.errors import RefusedError
from camfan_nodes.export.manifest import utc_text
from camfan_nodes.recordings.choosing import (
    RecordingsPlace,
    find_place,
    opened_recording,
)
from camfan_nodes.recordings.clips import ChosenPart, add_clip_argument, chosen_part
from camfan_nodes.recordings.exports import progress_bar
from camfan_nodes.recordings.playing import CameraReplay, ReplayClock, ReplayRequest
from camfan_nodes.recordings.tables import print_lines
from camfan_nodes.recordings.times import local_text, zone_text
from camfan_nodes.shared import service
from camfan_nodes.shared.command import (
    ConfigurationError,
    log_to_stderr,
)
from camfan_nodes.shared.opening import opened_site

MAX_SPEED = 1000.0
POLL_S = 0.2
EXIT_INCOMPLETE = 1


class NoBrokerError(CamfanError):
    """The broker does not answer."""


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    add_clip_argument(parser)
    parser.add_argument(
        "--as",
        dest="names",
        action="append",
        default=[],
        metavar="NAME",
        help="publish as this camera of the site; for several cameras: CAMERA=NAME, repeated",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="factor of the speed, such as 60 or 0.5 (default: 1)",
    )
    parser.add_argument("--loop", action="store_true", help="repeat from the start at the end")


def replay_recordings(arguments: argparse.Namespace) -> int:
    log_to_stderr(verbose=arguments.verbose)
    stop = service.stop_on_signals()
    with opened_site(arguments.config) as loaded:
        place = replayed_place(arguments)
        with opened_recording(place) as recording:
            part = chosen_part(recording, arguments)
            request = _request(arguments, recording, part)
        names = replay_names(arguments.names, part.cameras)
        _check_names(loaded.site, names)
        return _replay(loaded.site, place, names, request, stop, arguments.key)


def replayed_place(arguments: argparse.Namespace) -> RecordingsPlace:
    """With --path the site file is only for the broker."""
    if arguments.path is None:
        return find_place(arguments)
    if arguments.recorder is not None:
        raise ConfigurationError("--path is instead of --recorder; leave one out")
    return RecordingsPlace(arguments.path, arguments.index or arguments.path)


def replay_names(asked: list[str], cameras: tuple[str, ...]) -> dict[str, str]:
    """The name on the bus of each camera. Raises ConfigurationError."""
    names = dict(zip(cameras, cameras, strict=True))
    for each in asked:
        camera, separator, name = each.rpartition("=")
        if not separator:
            if len(cameras) != 1:
                raise ConfigurationError(
                    f"--as {each}: there are {len(cameras)} cameras; write CAMERA={each}"
                )
            camera = cameras[0]
        if camera not in names:
            raise ConfigurationError(f"--as {each}: '{camera}' is not replayed")
        names[camera] = name
    doubled = {name for name in names.values() if list(names.values()).count(name) > 1}
    if doubled:
        raise ConfigurationError(f"two cameras cannot both be '{min(doubled)}'")
    return names


def _check_names(site: Site, names: dict[str, str]) -> None:
    for camera, name in names.items():
        try:
            camera_patterns(site, [name])
        except UnknownCameraError as exc:
            raise UnknownCameraError(f"{exc}; --as {camera}=NAME replays it as another") from exc


def _request(
    arguments: argparse.Namespace,
    recording: Recording,
    part: ChosenPart,
) -> ReplayRequest:
    spans = [recording.span(camera) for camera in part.cameras]
    if not spans:
        raise ConfigurationError(f"{recording.path}: nothing is recorded")
    first, last = min(span.start for span in spans), max(span.end for span in spans) + 1
    start = first if part.start_ns is None else max(part.start_ns, first)
    end = last if part.end_ns is None else min(part.end_ns, last)
    if start >= end:
        raise ConfigurationError(
            f"nothing is recorded at this time; it is from {utc_text(first)} to {utc_text(last)}"
        )
    return ReplayRequest(start_ns=start, end_ns=end, speed=arguments.speed, loop=arguments.loop)


def _replay(
    site: Site,
    place: RecordingsPlace,
    names: dict[str, str],
    request: ReplayRequest,
    stop: threading.Event,
    key: Path | None,
) -> int:
    with ExitStack() as stack:
        replays = []
        for camera, name in names.items():
            replay = CameraReplay(site, place, camera, name, request, stop, key)
            stack.callback(replay.close)
            replays.append(replay)
        for replay in replays:
            if not replay.wait_for_broker():
                raise NoBrokerError(replay.trouble or "the broker does not answer; is it running?")
        seconds = _play(replays, request)
    return _conclude(replays, request, seconds, stopped=stop.is_set())


def _play(replays: list[CameraReplay], request: ReplayRequest) -> float:
    """Until all have ended; how long it took."""
    print_lines(
        f"replaying {local_text(request.start_ns)} to {local_text(request.end_ns)}"
        f" {zone_text(request.end_ns)} at {request.speed:g} x: "
        + ", ".join(r.camera if r.camera == r.name else f"{r.camera} as {r.name}" for r in replays)
    )
    sys.stdout.flush()
    clock = ReplayClock(request)
    threads = [
        threading.Thread(target=replay.run, args=(clock,), name=replay.name) for replay in replays
    ]
    clock.begin()
    began_s = time.monotonic()
    for thread in threads:
        thread.start()
    span_ns = request.end_ns - request.start_ns
    with progress_bar("replaying") as progress:
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_S)
                progress((max(each.time_ns for each in replays) - request.start_ns) / span_ns)
    return time.monotonic() - began_s


def _conclude(
    replays: list[CameraReplay], request: ReplayRequest, seconds: float, *, stopped: bool
) -> int:
    for replay in replays:
        if isinstance(replay.error, RefusedError):
            raise RefusedError(f"{replay.error}; replay it as another camera with --as")
        if replay.error is not None:
            raise replay.error
    frames = sum(replay.frames for replay in replays)
    lost = [each for replay in replays for each in replay.lost]
    span_s = (request.end_ns - request.start_ns) / 1e9
    behind_s = max(replay.behind_s for replay in replays)
    held = f"at most {behind_s:.1f} s behind"
    if not stopped:
        held = f"{span_s / max(seconds, 1e-3):.3g} x, {held}"
    print_lines(f"{frames} frames replayed in {seconds:.1f} s, {held}")
    for each in lost[:5]:
        sys.stderr.write(f"lost: {each}\n")
    if len(lost) > 5:
        sys.stderr.write(f"lost: {len(lost) - 5} more; see camfan recordings verify\n")
    return EXIT_INCOMPLETE if lost else 0


def _speed(text: str) -> float:
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed <= MAX_SPEED:
        raise argparse.ArgumentTypeError(f"'{text}' is not a speed above 0, at most {MAX_SPEED:g}")
    return speed
