"""What a node says of its machine, and of its own last life."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camfan_nodes.camera.health import read_health
from camfan_nodes.camera.restart_reason import RestartReason
from camfan_wire.figures import MachineFigures


def _file(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   49.  -61.  -256        0      0      0      0     11        0
"""


def test_everything_a_raspberry_pi_says(tmp_path: Path) -> None:
    """Heat, power, Wi-Fi, memory and disk, each in its unit."""
    _file(tmp_path, "sys/class/thermal/thermal_zone0/temp", "61250\n")
    _file(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")
    _file(tmp_path, "proc/net/wireless", WIRELESS)
    _file(tmp_path, "proc/meminfo", "MemTotal: 427000 kB\nMemAvailable:  123456 kB\n")

    health = read_health(tmp_path)

    assert health.disk_free_bytes
    assert replace(health, disk_free_bytes=None) == MachineFigures(
        temperature_c=61.25,
        throttled=True,
        under_voltage=True,
        wifi_quality=0.7,
        wifi_dbm=-61.0,
        memory_available_bytes=123456 * 1024,
    )


def test_what_was_before_is_not_now(tmp_path: Path) -> None:
    """Only what the firmware says of this moment counts, not of the time since boot."""
    _file(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "0x50000\n")

    health = read_health(tmp_path)

    assert health.throttled is False
    assert health.under_voltage is False


@pytest.mark.parametrize(("alarm", "said"), [("0\n", False), ("1\n", True), ("", None)])
def test_under_voltage_of_the_sensor(tmp_path: Path, alarm: str, said: bool | None) -> None:
    """Where the firmware says nothing, the kernel's voltage sensor does."""
    _file(tmp_path, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    _file(tmp_path, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    _file(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm)

    assert read_health(tmp_path).under_voltage is said


@pytest.mark.parametrize("junk", ["", "junk\n", "\xff\n", "Inter\n face\n wlan0: 0\n wlan1: a b c"])
def test_what_is_not_known_is_null(tmp_path: Path, junk: str) -> None:
    """Files that are empty or strange give None, not zero."""
    for path in (
        "sys/class/thermal/thermal_zone0/temp",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
        "proc/net/wireless",
        "proc/meminfo",
    ):
        _file(tmp_path, path, junk)

    health = read_health(tmp_path)

    assert health.disk_free_bytes
    assert replace(health, disk_free_bytes=None) == MachineFigures()


def test_an_empty_machine_knows_nothing(tmp_path: Path) -> None:
    """Without any of the files, every figure is null."""
    assert read_health(tmp_path / "nowhere") == MachineFigures()


def test_this_machine_can_be_read() -> None:
    """On any Linux, memory and disk are known."""
    health = read_health()

    assert isinstance(health.memory_available_bytes, int)
    assert isinstance(health.disk_free_bytes, int)


def test_the_next_life_knows_how_the_last_one_ended(tmp_path: Path) -> None:
    """An end that was said is remembered; one that could not be said was a kill."""
    environment = {"RUNTIME_DIRECTORY": str(tmp_path)}

    first = RestartReason(environment)
    second = RestartReason(environment)
    second.end("no picture for 5 s")
    third = RestartReason(environment)

    assert first.last_end is None
    assert second.last_end == "it was killed, or it crashed"
    assert third.last_end == "no picture for 5 s"


@pytest.mark.parametrize("folder", [None, "/nonexistent/place"])
def test_without_a_folder_nothing_is_known(folder: str | None) -> None:
    """Outside systemd nothing is remembered, and that is not an error."""
    environment = {} if folder is None else {"RUNTIME_DIRECTORY": folder}

    RestartReason(environment).end("stopped")

    assert RestartReason(environment).last_end is None
