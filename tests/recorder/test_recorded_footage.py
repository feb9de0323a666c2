"""Pictures of real cameras, and those that broke real decoders, are stored as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import frame

JPEGS = Path(__file__).parents[3] / "shared" / "data" / "jpeg" / "selected"


@pytest.mark.skipif(not JPEGS.is_dir(), reason=f"no footage in {JPEGS}")
def test_jpegs_that_break_decoders_are_stored_untouched(tmp_path: Path) -> None:
    """Broken, huge, tiny, CMYK and rotated pictures are only bytes to the recorder."""
    jpegs = [path.read_bytes() for path in sorted(JPEGS.iterdir())]
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        for number, jpeg in enumerate(jpegs):
            storage.append(frame(number, jpeg=jpeg, width=1, height=1 + number % 2))

    index = Index(tmp_path)
    stored = [
        (tmp_path / row.path).read_bytes()[entry.offset : entry.offset + entry.size]
        for row, entry in index.reader.frames("porch")
    ]
    index.close()
    assert stored == jpegs
