"""Keys that only root can read reach their services the way systemd hands them over."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from camfan_nodes.cli import main
from camfan_testing.processes import broker_process, camfan
from camfan_testing.sites import write_site

PLAN = Path(__file__).parents[2] / "deploy" / "plan.py"
LOADED = re.compile(r"^LoadCredential=(\S+):/etc/camfan/(\S+)$", re.MULTILINE)


def credentials_of(folder: Path, host: str) -> dict[str, dict[str, str]]:
    """By unit: what is loaded under which name, from where beside the site file."""
    into = folder / "units"
    into.mkdir()
    places = ["--host", host, "--credentials", "none", "--into", str(into)]
    subprocess.run([sys.executable, str(PLAN), "site.yaml", *places], cwd=folder, check=True)
    drop_ins = into.glob("*.d/10-keys.conf")
    return {path.parent.name[:-2]: dict(LOADED.findall(path.read_text())) for path in drop_ins}


def handed_over(folder: Path, loaded: dict[str, str]) -> dict[str, str]:
    """As systemd does it: files of mode 0440 or less in a folder of the service alone."""
    there = folder / "credentials" / "-".join(loaded)
    there.mkdir(parents=True)
    for name, source in loaded.items():
        shutil.copy(folder / source, there / name)
        (there / name).chmod(0o440)
    there.chmod(0o500)
    return {"CREDENTIALS_DIRECTORY": str(there)}


def test_services_come_in_with_the_keys_of_their_units(tmp_path: Path) -> None:
    """Only root can read a secret in the folder of keys, so services get it as a credential."""
    site = write_site(tmp_path, "cameras: {one: {source: test, size: 64x48}}")
    assert main(["keys", "new", "--config", str(site.path)]) == 0
    loaded = credentials_of(tmp_path, "localhost")
    broker = handed_over(tmp_path, loaded["camfan-broker.service"])
    camera = handed_over(tmp_path, loaded["camfan-camera@one.service"])
    for secret in (tmp_path / "keys").glob("*.secret"):
        secret.unlink()

    with (
        broker_process(site.path, env=broker) as hub,
        camfan("camera", "one", "--config", str(site.path), env=camera) as node,
    ):
        hub.wait_for("one is live")
        assert node.stop() == 0


def test_a_service_without_its_key_says_so(tmp_path: Path) -> None:
    """The credentials of a service that has been given others only."""
    site = write_site(tmp_path, "cameras: {one: {source: test}, two: {source: test}}")
    assert main(["keys", "new", "--config", str(site.path)]) == 0
    other = handed_over(tmp_path, {"two.secret": "keys/two.secret"})
    (tmp_path / "keys/one.secret").unlink()

    with camfan("camera", "one", "--config", str(site.path), env=other) as node:
        assert node.wait(20) == 78
    assert "one.secret does not exist" in node.output


def test_each_of_several_brokers_is_given_the_one_key(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "version: 1\nsite: home\nbrokers: {north: {host: hub}, south: {host: barn}}\n"
        "security: {keys: keys/}\ncameras: {a: {source: test, broker: north}, "
        "mine: {source: custom, broker: north}}\n"
    )

    assert credentials_of(tmp_path, "hub") == {
        "camfan-broker@north.service": {"broker.secret": "keys/broker.secret"},
        "camfan-camera@a.service": {"a.secret": "keys/a.secret"},
    }
