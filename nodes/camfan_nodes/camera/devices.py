"""The cameras of this machine, as found in /dev: for `camfan cameras` and for error messages.

Only looks: no format is set, no stream started.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from camfan_nodes.camera.v4l2_device import Device, Kernel, Offer

NAMES = ("by-id", "by-path")  # stable names, the better first


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """One device that captures video, or the reason why that is not known."""

    path: str  # /dev/video0
    stable: str | None  # its name under /dev/v4l, which survives a reboot
    card: str
    offers: tuple[Offer, ...]
    trouble: str | None = None


def find_devices(kernel: Kernel, dev: Path = Path("/dev")) -> list[VideoDevice]:
    """Every video capture device, in the order of its number."""
    stable = _stable_names(dev)
    found = (
        _look(str(path), stable.get(path.name), kernel)
        for path in sorted(dev.glob("video[0-9]*"), key=lambda path: (len(path.name), path.name))
    )
    return [device for device in found if device is not None]


def describe_devices(kernel: Kernel, dev: Path = Path("/dev")) -> str:
    """One clause: which devices there are, named so that they can be pasted."""
    devices = find_devices(kernel, dev)
    if not devices:
        return "this machine has no video devices"
    listed = "; ".join(
        f"{device.stable or device.path} ({device.trouble or device.card})" for device in devices
    )
    return f"found {listed}"


def _stable_names(dev: Path) -> dict[str, str]:
    """By the device's own name: `video0`."""
    names: dict[str, str] = {}
    for folder in reversed(NAMES):
        for link in sorted((dev / "v4l" / folder).glob("*")):
            names[link.resolve().name] = str(link)
    return names


def _look(path: str, stable: str | None, kernel: Kernel) -> VideoDevice | None:
    try:
        with Device(path, kernel) as device:
            found = device.identify()
            if not found.captures:
                return None
            return VideoDevice(path, stable, found.card, tuple(device.offers()))
    except OSError as exc:
        return VideoDevice(path, stable, "", (), exc.strerror or str(exc))
