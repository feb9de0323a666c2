"""What is published: the wheel, and the source from which anybody can build it again."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("camfan", "camfan_broker", "camfan_config", "camfan_nodes", "camfan_wire")


def build(source: Path, target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(REPOSITORY, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_all_packages_with_their_types(wheel: Path) -> None:
    """And nothing beside them: no tests, no folder of a name that others use."""
    files = contents(wheel)

    tops = {name.partition("/")[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert all(f"{package}/py.typed" in files for package in PACKAGES)


def test_the_source_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(REPOSITORY, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())

    assert contents(build(source, "wheel", tmp_path / "again")) == contents(wheel)


def test_the_demonstration_is_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """`camfan demo` needs no source tree."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ask = "from camfan_nodes.demo.site import demo_site_file; print(demo_site_file())"

    found = subprocess.run(
        [sys.executable, "-c", ask],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert found.startswith(str(tmp_path))
    shipped = REPOSITORY / "config" / "sites" / "demo.yaml"
    assert Path(found).read_bytes() == shipped.read_bytes()
