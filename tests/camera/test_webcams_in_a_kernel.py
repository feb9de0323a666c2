"""Webcams on a real kernel, in a small virtual machine that the program `vm-run` starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from camfan_testing.data import SHARED

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).resolve().parents[2]
INSIDE = REPOSITORY / "tests" / "camera" / "guest_webcams.py"
NOT_UP = 125  # vm-run could not start the machine: no qemu, no kernel, nowhere to fetch them from
LIMIT_S = 200


@pytest.mark.timeout(LIMIT_S + 30)
def test_with_a_real_driver(tmp_path: Path) -> None:
    """All tests of guest_webcams.py pass on a kernel with two vivid cameras."""
    vm_run = shutil.which("vm-run") or shutil.which("vm-run", path=SHARED.parent / "vm")
    if vm_run is None:
        pytest.skip("needs the program vm-run, on the path or in ../shared/vm")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--rootdir", str(REPOSITORY)]
    command += ["-c", str(REPOSITORY / "pyproject.toml"), str(INSIDE)]

    done = subprocess.run(
        [vm_run, "--module", "vivid=n_devs=2", "--timeout", str(LIMIT_S), "--", *command],
        env={**os.environ, "VM_SHARE": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    if done.returncode == NOT_UP:
        pytest.skip(f"no virtual machine: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout, done.stdout
