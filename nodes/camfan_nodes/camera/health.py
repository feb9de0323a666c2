"""Health of the machine: temperature, power, Wi-Fi, memory, disk.

Read from /sys and /proc only, without another program and without root. Unknown values are None,
never 0.
"""

from __future__ import annotations

import os
from pathlib import Path

from camfan_wire.figures import MachineFigures

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8  # bits of get_throttled


def read_health(root: Path = Path("/")) -> MachineFigures:
    """All figures of the machine, right now."""
    power = _power_bits(root)
    quality, dbm = _wifi(root)
    return MachineFigures(
        temperature_c=_temperature_c(root),
        throttled=None if power is None else bool(power & (CAPPED | THROTTLED | SOFT_LIMIT)),
        under_voltage=_under_voltage(root, power),
        wifi_quality=quality,
        wifi_dbm=dbm,
        memory_available_bytes=_memory_bytes(root),
        disk_free_bytes=_disk_bytes(root),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int((_text(path) or "").strip(), base)
    except ValueError:
        return None


def _temperature_c(root: Path) -> float | None:
    milli = _number(root / "sys/class/thermal/thermal_zone0/temp")
    return None if milli is None else milli / 1000


def _power_bits(root: Path) -> int | None:
    """What the firmware of a Raspberry Pi says of now; what was before is masked away."""
    bits = _number(root / "sys/devices/platform/soc/soc:firmware/get_throttled", 16)
    return None if bits is None else bits & 0xF


def _under_voltage(root: Path, power: int | None) -> bool | None:
    if power is not None:
        return bool(power & UNDER_VOLTAGE)
    for name in sorted((root / "sys/class/hwmon").glob("*/name")):
        if (_text(name) or "").strip() == "rpi_volt":
            alarm = _number(name.with_name("in0_lcrit_alarm"))
            return None if alarm is None else bool(alarm)
    return None


def _wifi(root: Path) -> tuple[float | None, float | None]:
    """Link quality, 0 to 1, and signal in dBm, of the first wireless interface."""
    for line in (_text(root / "proc/net/wireless") or "").splitlines()[2:]:
        fields = line.split()
        try:
            quality, dbm = float(fields[2].rstrip(".")), float(fields[3].rstrip("."))
        except (IndexError, ValueError):
            continue
        return min(1.0, round(quality / 70, 2)), dbm  # 70: the scale of Linux's drivers
    return None, None


def _memory_bytes(root: Path) -> int | None:
    for line in (_text(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _disk_bytes(root: Path) -> int | None:
    try:
        found = os.statvfs(root)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
