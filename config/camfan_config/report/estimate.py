"""What a site costs: bytes per frame, traffic per host, disk per day, and what follows from that.

Estimates. Measured with `tests/bench/camfan_bench/jpeg_sizes.py` over 16 videos of streets, trees
and rooms, encoded as our cameras do (simplejpeg, 4:2:0): at quality 80 an outdoor scene takes 0.13
bytes a pixel at 640x480, 0.10 at 1280x720 and 0.08 at 1920x1080, as detail grows slower than pixels
do. Such scenes are within a factor of 1.5 of that; a dark or empty room takes a third. The test
picture is simpler.

    bytes per second = pixels x 0.10 x (1280x720 / pixels)^0.25 x quality factor x fps

A camera that encodes itself decides on its quality, and most take more than 80. What a site file
leaves open is assumed to be 1280x720 at 15 frames per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from camfan_config.site.inherit import without_effect
from camfan_config.site.topology import broker_host, broker_of, brokers, host_of, select
from camfan_config.types import (
    Camera,
    CameraKeep,
    EncodingCamera,
    Keep,
    Motion,
    NetworkCamera,
    Recorder,
    Site,
    Size,
    TestCamera,
    UpstreamCamera,
    Web,
)

BYTES_PER_PIXEL, FEWER = 0.10, 0.25  # at ASSUMED_SIZE and quality 80, and how it falls with size
TEST_BYTES_PER_PIXEL, TEST_FEWER = 0.041, 0.15
OWN_QUALITY = 90  # of a camera that encodes itself
LEAST, MOST = 1 / 3, 1.5  # of the estimate: a dark room, a tree in the wind
OWN_MOST = 2.5  # of a camera that encodes itself: some take the best quality there is
ASSUMED_SIZE = Size(1280, 720)
ASSUMED_FPS = 15.0
WIFI_BITS_S = 20e6  # what 2.4 GHz Wi-Fi next to others carries reliably
ETHERNET_BITS_S = 94e6  # of 100 Mbit/s, after headers

_QUALITY = (
    (1, 0.2), (30, 0.5), (50, 0.63), (60, 0.71), (70, 0.82), (80, 1.0),
    (85, 1.18), (90, 1.45), (95, 2.12), (100, 4.0),
)  # fmt: skip
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes per second over the network; what stays on the machine is not counted."""

    sends: float = 0.0
    receives: float = 0.0


def frame_bytes(camera: Camera) -> float:
    """The size of one frame."""
    size = getattr(camera, "size", None) or ASSUMED_SIZE
    pixels = size.width * size.height
    smaller = ASSUMED_SIZE.width * ASSUMED_SIZE.height / pixels
    if isinstance(camera, TestCamera):
        factor = _quality_factor(camera.quality) ** 0.5
        return float(pixels * TEST_BYTES_PER_PIXEL * smaller**TEST_FEWER * factor)
    quality = OWN_QUALITY if encodes_itself(camera) else getattr(camera, "quality", 80)
    return float(pixels * BYTES_PER_PIXEL * smaller**FEWER * _quality_factor(quality))


def encodes_itself(camera: Camera) -> bool:
    """True where JPEGs pass through untouched, so that no quality of the file has an effect."""
    values = {name: getattr(camera, name) for name in camera.__struct_fields__}
    return not isinstance(camera, EncodingCamera) or "quality" in without_effect(
        type(camera), values
    )


def frame_range(camera: Camera) -> tuple[float, float]:
    """The size of a frame of the simplest and of the busiest usual scene."""
    middle = frame_bytes(camera)
    if isinstance(camera, TestCamera):
        return middle, middle
    return middle * LEAST, middle * (OWN_MOST if encodes_itself(camera) else MOST)


def camera_bytes_s(camera: Camera, at_most_fps: float | None = None) -> float:
    """Bytes per second of a camera that is watched at its full rate, or at most at another."""
    fps = camera.fps or ASSUMED_FPS
    return frame_bytes(camera) * min(fps, at_most_fps or fps)


def is_assumed(camera: Camera) -> bool:
    """True when the file leaves size or rate open, so that the estimate is a guess."""
    return camera.fps is None or getattr(camera, "size", None) is None


def recorder_bytes_s(site: Site, recorder: Recorder) -> float:
    """What a recorder writes."""
    return sum(camera_bytes_s(site.cameras[name]) for name in select(site, recorder.cameras))


def disk_per_day(site: Site) -> dict[str, float]:
    """Recorder to bytes per day."""
    return {
        name: recorder_bytes_s(site, recorder) * _DAY_S for name, recorder in site.recorders.items()
    }


def disk_range_per_day(site: Site, recorder: Recorder) -> tuple[float, float]:
    """Bytes per day of simple and of busy scenes."""
    low = high = 0.0
    for name in select(site, recorder.cameras):
        camera = site.cameras[name]
        least, most = frame_range(camera)
        low += least * (camera.fps or ASSUMED_FPS) * _DAY_S
        high += most * (camera.fps or ASSUMED_FPS) * _DAY_S
    return low, high


def traffic(site: Site) -> dict[str, Traffic]:
    """Host label to its traffic, with every camera watched by every node that may."""
    hubs = {name: broker_host(site, broker_of(site, name)) for name in site.cameras}
    flows = [(_source(site, c), hubs[n], camera_bytes_s(c)) for n, c in site.cameras.items()]
    readers: list[tuple[Recorder | Motion | Web, float | None]] = [
        *((recorder, None) for recorder in site.recorders.values()),
        *((motion, motion.fps) for motion in site.motion.values()),
        *([] if site.web is None else [(site.web, None)]),
    ]
    for reader, fps in readers:
        for name in select(site, reader.cameras):
            rate = camera_bytes_s(site.cameras[name], fps)
            flows.append((hubs[name], host_of(site, reader), rate))
    found: dict[str, Traffic] = {}
    for source, target, rate in flows:
        across = rate if source != target else 0.0
        one = found.get(source, Traffic())
        found[source] = Traffic(one.sends + across, one.receives)
        other = found.get(target, Traffic())
        found[target] = Traffic(other.sends, other.receives + across)
    return found


def _source(site: Site, camera: Camera) -> str:
    """The host that its frames come from; empty for a camera of another site."""
    return "" if isinstance(camera, UpstreamCamera) else host_of(site, camera)


def warnings(site: Site) -> tuple[str, ...]:
    """Sentences about what works, but probably not as intended."""
    checks = (_safety, _certificates, _unused, _links, _recording, _hosts)
    return tuple(words for check in checks for words in check(site))


def _quality_factor(quality: int) -> float:
    for (low, small), (high, large) in pairwise(_QUALITY):
        if quality <= high:
            return small + (large - small) * (quality - low) / (high - low)
    return _QUALITY[-1][1]


def _safety(site: Site) -> list[str]:
    if not site.security.insecure:
        return []
    if site.security.keys is not None:
        return ["security.insecure: has no effect, since security.keys is there"]
    return ["security.insecure: everyone on the network can watch, and publish as any camera"]


def _certificates(site: Site) -> list[str]:
    return [
        f"cameras.{name}.verify: any certificate is accepted, so any server at its address gets"
        " the password and can send false pictures; `fingerprint` pins the right certificate"
        for name, camera in site.cameras.items()
        if isinstance(camera, NetworkCamera) and not camera.verify
    ]


def _unused(site: Site) -> list[str]:
    used = {broker_of(site, name) for name in site.cameras}
    taken = {c.upstream for c in site.cameras.values() if isinstance(c, UpstreamCamera)}
    return [
        *(f"brokers.{n}: no camera publishes to it" for n in site.brokers if n not in used),
        *(f"upstream.{n}: no camera is taken from it" for n in site.upstream if n not in taken),
    ]


def _links(site: Site) -> list[str]:
    hubs = {broker_host(site, name) for name in brokers(site)}
    found = []
    for host, both in traffic(site).items():
        bits_s = both.sends * 8
        if host in hubs or bits_s <= WIFI_BITS_S:
            continue
        link = "100 Mbit/s Ethernet carries"
        if bits_s <= ETHERNET_BITS_S:
            link = "2.4 GHz Wi-Fi carries reliably"
        found.append(f"host {host}: its cameras send {bits_s / 1e6:.0f} Mbit/s, more than {link}")
    return found


def _recording(site: Site) -> list[str]:
    found = []
    for name, recorder in site.recorders.items():
        if not is_limited(recorder.keep):
            found.append(
                f"recorders.{name}: recordings are never deleted, and the disk fills up;"
                " `keep: {age: 7d, min_free: 5GB}` would delete the oldest"
            )
        modes = {recorder.mode, *recorder.modes.values()}
        if recorder.clips is None and modes != {"continuous"}:
            found.append(
                f"recorders.{name}: without `clips: {{from: [NAME]}}` no event starts a recording,"
                " only `camfan record start`"
            )
        others = () if recorder.clips is None else recorder.clips.source
        found += [
            f"recorders.{name}.clips: {source} is not a motion node; the events of a program"
            " of this name make clips"
            for source in others
            if source not in site.motion
        ]
    return found


def is_limited(keep: Keep) -> bool:
    """Whether anything is ever deleted."""
    limits: list[Keep | CameraKeep] = [keep, *keep.cameras.values()]
    return any(value is not None for one in limits for value in (one.age, one.size, one.min_free))


def _hosts(site: Site) -> list[str]:
    """Two spellings of what looks like one host."""
    sections = (*site.cameras.values(), *site.recorders.values(), *site.motion.values())
    labels = dict.fromkeys(host_of(site, section) for section in sections)
    hubs = [broker_host(site, name) for name in brokers(site)]
    seen: dict[str, str] = {hub.translate(_DASHES): hub for hub in hubs}
    found = []
    for label in labels:
        first = seen.setdefault(label.translate(_DASHES), label)
        if first != label:
            found.append(f"host {label}: is that another machine than {first}?")
    return found


_DASHES = str.maketrans("", "", "-_")
