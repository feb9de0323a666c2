"""The pages' JavaScript: formatted, linted, type checked, and its pure modules tested by node."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def reason_to_skip() -> str | None:
    if shutil.which("npm") is None:
        return "npm is not installed: the JavaScript of the pages is not checked"
    if not (FOLDER / "node_modules/.bin/tsc").exists():
        return "npm packages are not installed (make lint-js): JavaScript is not checked"
    return None


@pytest.fixture(scope="module", autouse=True)
def types_of_the_server() -> None:
    reason = reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    subprocess.run([sys.executable, FOLDER / "make_types.py"], check=True)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("check", ["format", "lint", "types", "unit"])
def test_the_javascript_of_the_pages(check: str) -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", f"check:{check}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
