"""Real footage and hostile files that lie beside the repository; not everybody has them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def shared(path: str) -> Path:
    """A file or folder of the shared data; the test is skipped where it is not there."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"needs ../shared/data/{path}, which is not beside this repository")
    return found


def hostile_jpegs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of thousands of JPEGs that broke real decoders."""
    folder = shared("jpeg")
    for path in sorted((folder / "selected").iterdir()):
        yield path.name, path.read_bytes()
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as files:
            for member in files:
                content = files.extractfile(member)
                if content is not None:
                    with content:
                        yield f"{archive.name}/{member.name}", content.read()
