"""The cameras of a machine as text: what each can do, and a section ready for the site file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camfan_nodes.camera.devices import VideoDevice
from camfan_nodes.camera.pixel_formats import FORMATS
from camfan_nodes.camera.v4l2_abi import fourcc_text
from camfan_nodes.camera.v4l2_device import Offer

USABLE_FORMATS = {fourcc_text(code): row.name for row in FORMATS for code in row.codes}  # by fourcc
WISH = 1280 * 720  # pixels: more is seldom wanted and always paid for
SIZES_SHOWN = 6


def describe(devices: Sequence[VideoDevice], modules: Sequence[Mapping[str, object]]) -> str:
    """What is plugged in, and sections to paste."""
    blocks = [_device_block(device) for device in devices]
    blocks += [_module_block(number, module) for number, module in enumerate(modules)]
    entries = [entry for number, device in enumerate(devices) for entry in _entry(number, device)]
    entries += [_module_entry(number) for number in range(len(modules))]
    if not blocks:
        return "No cameras found: no video device, and no camera module that libcamera knows."
    if entries:
        blocks.append("For the site file:\n\ncameras:\n" + "\n".join(entries))
    return "\n\n".join(blocks)


def _device_block(device: VideoDevice) -> str:
    head = f"{device.stable or device.path}  {device.card}"
    if device.stable:
        head += f"  ({device.path})"
    if device.trouble:
        return f"{device.path}  cannot be opened: {device.trouble}"
    return "\n".join([head, *(f"    {_offer_line(offer)}" for offer in device.offers)])


def _offer_line(offer: Offer) -> str:
    sizes = [
        f"{width}x{height}" + (f" at {fps:g} fps" if fps else "")
        for width, height, fps in sorted(offer.sizes, key=_pixels, reverse=True)
    ]
    more = f" and {len(sizes) - SIZES_SHOWN} smaller" if len(sizes) > SIZES_SHOWN else ""
    use = "" if offer.fourcc in USABLE_FORMATS else "  (not usable here)"
    return f"{offer.fourcc}  {', '.join(sizes[:SIZES_SHOWN])}{more}{use}"


def _entry(number: int, device: VideoDevice) -> list[str]:
    """The section of a webcam, in the best format that it offers."""
    offers = {
        USABLE_FORMATS[offer.fourcc]: offer
        for offer in device.offers
        if offer.fourcc in USABLE_FORMATS
    }
    if not offers:
        return []
    format_ = next(row.name for row in FORMATS if row.name in offers)
    lines = [
        f"  webcam-{number}:",
        "    source: v4l2",
        f"    device: {device.stable or device.path}",
    ]
    lines.append(f"    format: {format_}")
    sizes = sorted(offers[format_].sizes, key=_pixels)
    if sizes:
        wished = [size for size in sizes if _pixels(size) <= WISH] or sizes
        lines.append(f"    size: {wished[-1][0]}x{wished[-1][1]}")
    return ["\n".join(lines)]


def _pixels(size: tuple[int, int, float | None]) -> int:
    return size[0] * size[1]


def _module_block(number: int, module: Mapping[str, object]) -> str:
    return f"camera module {number}  {module.get('Model', 'unknown model')}"


def _module_entry(number: int) -> str:
    return f"  module-{number}:\n    source: picamera2\n    camera: {number}\n    size: 1280x720"
