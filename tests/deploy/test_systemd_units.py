"""The unit files, held against systemd itself and against the commands that they start."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
BIN = "/opt/camfan/current/bin"
SERVICES = (
    "camfan-broker",
    "camfan-broker@",
    "camfan-camera@",
    "camfan-recorder@",
    "camfan-motion@",
    "camfan-web",
)
EXPOSURE_AT_MOST = {  # of 10, in the words of systemd-analyze security
    "camfan-broker": 1.5,
    "camfan-broker@": 1.5,
    "camfan-camera@": 2.5,
    "camfan-recorder@": 1.8,
    "camfan-motion@": 1.5,
    "camfan-web": 1.5,
}
PI_WATCHDOG_S = 15  # what the hardware of a Raspberry Pi can count to
TOTAL_STOP_S = 5


def settings(name: str, section: str = "Service") -> list[tuple[str, str]]:
    """(key, value) of a unit file, in order; a key may stand more than once."""
    text = (SYSTEMD / name).read_text("utf-8").split(f"[{section}]\n")[1].split("\n[")[0]
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    pairs = (line.partition("=") for line in lines)
    return [(key, value) for key, _, value in pairs]


def setting(name: str, key: str, section: str = "Service") -> str:
    values = [value for found, value in settings(name, section) if found == key]
    assert len(values) == 1, f"{name}: {key} stands {len(values)} times"
    return values[0]


def test_one_of_several_brokers_is_run_as_the_only_one() -> None:
    """The two units differ in the name alone."""
    one, several = (
        [
            line.replace("--name %i ", "").replace(" %i", "")
            for line in (SYSTEMD / name).read_text("utf-8").splitlines()
            if not line.startswith("#")
        ]
        for name in ("camfan-broker.service", "camfan-broker@.service")
    )
    assert one == several


@pytest.fixture(name="systemd_analyze", scope="module")
def _systemd_analyze() -> str:
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("systemd-analyze is not on this machine")
    return path


@pytest.fixture(name="units")
def _units(tmp_path: Path) -> Path:
    """The unit files with the opt-in drop-in, for programs that lie in this environment."""
    for file in SYSTEMD.glob("camfan*"):
        text = file.read_text("utf-8").replace(BIN, str(Path(sys.executable).parent))
        (tmp_path / file.name).write_text(text, "utf-8")
    drop_ins = tmp_path / "camfan-camera@.service.d"
    drop_ins.mkdir()
    shutil.copy(SYSTEMD / "optional" / "20-reboot-on-stuck.conf", drop_ins)
    return tmp_path


def test_systemd_finds_nothing_to_complain_about(systemd_analyze: str, units: Path) -> None:
    """Every key of every unit is known to systemd, and what it starts is there."""
    names = [f"{name}x.service" if name.endswith("@") else f"{name}.service" for name in SERVICES]

    result = subprocess.run(
        [systemd_analyze, "verify", "--man=no", *names, "camfan.target"],
        env={"SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
    )

    complaints = [line for line in result.stderr.splitlines() if "camfan" in line]
    assert complaints == []
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_stays_below_its_limit(systemd_analyze: str, name: str) -> None:
    """What a node that was taken over could reach is bounded by its sandbox."""
    limit = EXPOSURE_AT_MOST[name]

    result = subprocess.run(
        [
            systemd_analyze, "security", "--offline=true", "--no-pager",
            f"--threshold={limit * 10:.0f}", str(SYSTEMD / f"{name}.service"),
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip

    exposure = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
    assert exposure is not None, result.stdout + result.stderr
    assert result.returncode == 0, f"{name}: {exposure[1]}, at most {limit}"
    assert float(exposure[1]) <= limit


@pytest.mark.parametrize("name", SERVICES)
def test_started_command_takes_its_arguments(name: str, tmp_path: Path) -> None:
    """What a unit starts is installed, and stumbles over the missing site file, not before."""
    command = setting(f"{name}.service", "ExecStart")
    assert command.startswith(f"{BIN}/")
    words = shlex.split(
        command.replace("%i", "porch").replace(BIN, str(Path(sys.executable).parent))
    )
    missing = str(tmp_path / "site.yaml")
    assert words[-2:] == ["--config", "/etc/camfan/site.yaml"]

    result = subprocess.run([*words[:-1], missing], capture_output=True, text=True)

    assert result.returncode == 78, result.stderr
    assert f"{missing}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_configuration_errors_are_not_retried(name: str) -> None:
    """A node comes back from everything but a site file that cannot be used."""
    unit = f"{name}.service"

    assert setting(unit, "Restart") == "always"
    assert setting(unit, "RestartPreventExitStatus").split() == ["78"]
    assert setting(unit, "StartLimitIntervalSec", "Unit") == "0"


@pytest.mark.parametrize("name", SERVICES)
def test_nodes_are_watched_and_end_in_time(name: str) -> None:
    """systemd hears from the process itself, has a watchdog, and waits 5 s for its end."""
    unit = f"{name}.service"

    assert setting(unit, "Type") == "notify"
    assert setting(unit, "NotifyAccess") == "main"
    assert 0 < int(setting(unit, "WatchdogSec")) <= 60
    assert int(setting(unit, "TimeoutStopSec")) <= TOTAL_STOP_S
    assert int(setting(unit, "TimeoutAbortSec")) <= TOTAL_STOP_S
    assert setting(unit, "MemoryMax")


@pytest.mark.parametrize("name", SERVICES)
def test_libzmq_may_schedule_its_threads(name: str) -> None:
    """No filter takes sched_setscheduler away: libzmq aborts the process without it."""
    denied = [v for k, v in settings(f"{name}.service") if k == "SystemCallFilter" and v[0] == "~"]

    assert not any("@resources" in value for value in denied)


@pytest.mark.parametrize(
    "key", ["PrivateDevices", "ProtectClock", "ProcSubset", "MemoryDenyWriteExecute"]
)
def test_camera_sees_its_devices(key: str) -> None:
    """Nothing in the camera's sandbox hides cameras, the clock or the state of the machine."""
    assert key not in dict(settings("camfan-camera@.service"))


def test_camera_may_read_how_well_the_clock_is_set() -> None:
    """adjtimex, which no group of system calls for services has, is allowed after all denials."""
    filters = [v for k, v in settings("camfan-camera@.service") if k == "SystemCallFilter"]

    assert "adjtimex" in filters[-1].split()


def test_camera_can_leave_word_for_its_next_life() -> None:
    """What a camera writes about its end is there after a restart, for itself alone."""
    name = "camfan-camera@.service"

    assert "%i" in setting(name, "RuntimeDirectory")
    assert setting(name, "RuntimeDirectoryMode") == "0700"
    assert setting(name, "RuntimeDirectoryPreserve") == "restart"


def test_only_the_recorder_is_a_lasting_user() -> None:
    """Recordings outlive their process and belong to `camfan`; all others own nothing."""
    for name in SERVICES:
        found = dict(settings(f"{name}.service"))
        if name == "camfan-recorder@":
            assert found["User"] == "camfan"
        else:
            assert found["DynamicUser"] == "yes"
            assert "camfan" in found["SupplementaryGroups"].split()


def test_every_unit_is_tested_here() -> None:
    """A new unit file is held to the same rules."""
    assert {path.stem for path in SYSTEMD.glob("*.service")} == set(SERVICES)


def test_logins_survive_a_restart_of_the_web_server() -> None:
    """It has a folder of its own that lasts, which no other service can read."""
    assert setting("camfan-web.service", "StateDirectory") == "camfan-web"
    assert setting("camfan-web.service", "StateDirectoryMode") == "0700"


def test_a_recorder_remembers_its_disk_over_a_restart() -> None:
    """A disk that is not mounted is noticed only by what is remembered elsewhere."""
    assert setting("camfan-recorder@.service", "StateDirectory") == "camfan-recorder"
    assert setting("camfan-recorder@.service", "StateDirectoryMode") == "0700"


def test_broker_reads_its_file_again_on_reload() -> None:
    """`systemctl reload camfan-broker` is SIGHUP."""
    assert setting("camfan-broker.service", "ExecReload") == "/bin/kill -HUP $MAINPID"


def test_machine_watchdog_fits_the_hardware() -> None:
    """The opt-in watchdog of the machine asks for no more than a Raspberry Pi can count."""
    parser = configparser.ConfigParser()
    parser.read(SYSTEMD / "optional" / "10-watchdog.conf", "utf-8")

    assert 0 < int(parser["Manager"]["RuntimeWatchdogSec"]) <= PI_WATCHDOG_S


def test_reboot_needs_minutes_of_failures() -> None:
    """The opt-in reboot leaves at least five minutes between two of them."""
    name = "optional/20-reboot-on-stuck.conf"

    pause_s = int(setting(name, "RestartSec")) * int(setting(name, "StartLimitBurst", "Unit"))

    assert setting(name, "StartLimitAction", "Unit") == "reboot"
    assert pause_s >= 300
    assert setting(name, "StartLimitIntervalSec", "Unit") == "15min"
