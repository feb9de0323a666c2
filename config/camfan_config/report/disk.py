"""Whether recordings and rings fit the disks of this machine: what looks beyond the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from camfan_config.load import Loaded
from camfan_config.messages.problems import SiteError
from camfan_config.report.estimate import camera_bytes_s
from camfan_config.text.units import short_bytes
from camfan_config.types import Site


def check_disks(loaded: Loaded) -> None:
    """Raises SiteError when a recorder's folder is on this machine and its disk is too small."""
    for name, recorder in loaded.site.recorders.items():
        needed = (recorder.keep.size or 0) + (recorder.keep.min_free or 0)
        if not Path(recorder.path).is_dir():
            continue
        try:
            total = shutil.disk_usage(recorder.path).total
        except OSError:
            continue  # unmounted this moment: its recorder will say so
        if needed > total:
            key = "size" if recorder.keep.size else "min_free"
            words = f"size and min_free are {short_bytes(needed)}, the disk is {short_bytes(total)}"
            loaded.places.complain(("recorders", name, "keep", key), words)
    for name, camera in loaded.site.cameras.items():
        disk, folder = camera.ring.disk, camera.ring.path
        if disk is None or folder is None or not Path(folder).is_dir():
            continue
        try:
            total = shutil.disk_usage(folder).total
        except OSError:
            continue
        if disk > total:
            words = f"{short_bytes(disk)}, the disk is {short_bytes(total)}"
            loaded.places.complain(("cameras", name, "ring", "disk"), words)
    if loaded.places.problems:
        raise SiteError(loaded.places.problems)


def disk_warnings(site: Site) -> tuple[str, ...]:
    """Rings that together do not fit their disk, and those that wear an SD card out."""
    rings = {
        name: (camera.ring.disk, Path(camera.ring.path))
        for name, camera in site.cameras.items()
        if camera.ring.disk and camera.ring.path and Path(camera.ring.path).is_dir()
    }
    by_disk: dict[int, list[str]] = {}
    for name, (_, folder) in rings.items():
        by_disk.setdefault(folder.stat().st_dev, []).append(name)
    found = []
    for device, names in by_disk.items():
        total = shutil.disk_usage(rings[names[0]][1]).total
        needed = sum(rings[name][0] for name in names)
        if needed > total and len(names) > 1:
            found.append(
                f"rings of {', '.join(names)}: {short_bytes(needed)} together,"
                f" the disk is {short_bytes(total)}"
            )
        if _is_card(device):
            a_day = sum(camera_bytes_s(site.cameras[name]) for name in names) * 86_400
            found.append(
                f"rings of {', '.join(names)}: about {short_bytes(a_day)} a day onto an SD card,"
                " while they are watched; an SSD or a USB disk lasts longer"
            )
    return tuple(found)


def _is_card(device: int) -> bool:
    """Whether a file system is on an SD card or eMMC; Linux knows."""
    link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return link.exists() and link.resolve().name.startswith("mmcblk")
