"""Tests inside a small virtual machine with a kernel of its own, which `vm-run` starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from camfan_testing.data import SHARED

REPOSITORY = Path(__file__).resolve().parents[3]
NOT_UP = 125  # vm-run could not start the machine: no qemu, no kernel, nowhere to fetch them from


def run_in_guest(
    inside: Path,
    share: Path,
    modules: tuple[str, ...],
    limit_s: int,
    tests: tuple[str, ...] = (),
) -> None:
    """The tests of a file pass there; skips where there is no such machine.

    Args:
        inside: the file. It is not collected by itself.
        share: the folder that both sides write to.
        modules: of the kernel, each with its options.
        limit_s: the machine is ended after this time.
        tests: names of functions; none: all of the file.
    """
    vm_run = shutil.which("vm-run") or shutil.which("vm-run", path=SHARED.parent / "vm")
    if vm_run is None:
        pytest.skip("needs the program vm-run, on the path or in ../shared/vm")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--rootdir", str(REPOSITORY)]
    command += ["-c", str(REPOSITORY / "pyproject.toml")]
    command += [f"{inside}::{test}" for test in tests] or [str(inside)]
    loaded = [word for module in modules for word in ("--module", module)]

    done = subprocess.run(
        [vm_run, *loaded, "--timeout", str(limit_s), "--", *command],
        env={**os.environ, "VM_SHARE": str(share)},
        cwd=share,
        capture_output=True,
        text=True,
    )

    if done.returncode == NOT_UP:
        pytest.skip(f"no virtual machine: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout, done.stdout
