"""What a site costs: bytes per frame, traffic per host, disk per day, and what follows from that.

Estimates, to within a factor of two. A JPEG of a busy scene at quality 80 takes about 60 kB at
640x480, 180 kB at 1280x720 and 400 kB at 1920x1080, which is 0.195 bytes a pixel whatever the
size; a quiet scene takes half. Other qualities are the median of six videos of traffic, people
and trees, encoded as our cameras do (simplejpeg, 4:2:0), relative to quality 80.

    bytes per second = width x height x 0.195 x quality factor x fps

What a site file leaves open is assumed to be 1280x720 at 15 frames per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from camfan_config.topology import broker_host, broker_of, brokers, host_of, select
from camfan_config.types import (
    Camera,
    HttpCamera,
    Motion,
    Recorder,
    RtspCamera,
    Site,
    Size,
    UpstreamCamera,
    Web,
)
from camfan_config.units import format_duration, short_bytes, short_duration

BYTES_PER_PIXEL = 0.195
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
    factor = _quality_factor(getattr(camera, "quality", 80))
    return float(size.width * size.height * BYTES_PER_PIXEL * factor)


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
    """Where its frames come from: a host, or another site, which is none of ours."""
    return "" if isinstance(camera, UpstreamCamera) else host_of(site, camera)


def warnings(site: Site) -> tuple[str, ...]:
    """Sentences about what will work, but hardly as it is meant."""
    checks = (_safety, _certificates, _unused, _links, _retention, _clips, _hosts)
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
        f"cameras.{name}.verify: any certificate is accepted: whatever answers at its address gets"
        " the password, and its pictures are believed; `fingerprint` would pin the right one"
        for name, camera in site.cameras.items()
        if isinstance(camera, HttpCamera | RtspCamera) and not camera.verify
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


def _retention(site: Site) -> list[str]:
    found = []
    for name, recorder in site.recorders.items():
        keep, rate = recorder.keep, recorder_bytes_s(site, recorder)
        where = f"recorders.{name}.keep"
        if keep.age is None and keep.size is None and keep.min_free is None:
            found.append(f"{where}: nothing is ever deleted; the disk fills up")
        if keep.size is None or not rate:
            continue
        lasts = keep.size / rate
        if lasts < 3 * recorder.segment:
            found.append(f"{where}.size: {short_bytes(keep.size)} is not even three segments")
        elif keep.age is not None and keep.age * rate > keep.size:
            found.append(
                f"{where}: age {format_duration(keep.age)} needs about "
                f"{short_bytes(keep.age * rate)} ({short_bytes(rate * _DAY_S)} a day), size is "
                f"{short_bytes(keep.size)}: the oldest go after about {short_duration(lasts)}"
            )
    return found


def _clips(site: Site) -> list[str]:
    found = []
    for name, recorder in site.recorders.items():
        if recorder.clips is None:
            continue
        where, keep = f"recorders.{name}.clips", recorder.clips.keep.age
        if keep is not None and recorder.keep.age is not None and keep < recorder.keep.age:
            found.append(f"{where}.keep.age: clips are kept shorter than everything else")
        recorded = set(select(site, recorder.cameras))
        for source in recorder.clips.source:
            if not recorded & set(select(site, site.motion[source].cameras)):
                found += [f"{where}.from: {source} watches no camera of this recorder"]
    return found


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
