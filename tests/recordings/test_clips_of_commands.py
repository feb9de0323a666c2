"""Clips by their numbers: listed, exported, protected."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from camfan import Recording
from camfan_config import Clips
from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame
from camfan_wire.messages import Event, EventState

BEFORE, AFTER = 10, 5  # frames


def happened(number: int, state: EventState) -> Event:
    time_ns = START_NS + number * INTERVAL_NS
    return Event(id="e", time=time_ns, source="eye", kind="motion", state=state, camera="porch")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """150 frames, with an event from frame 60 to 80."""
    clips = Clips(
        source=("eye",), before=BEFORE * INTERVAL_NS / 1e9, after=AFTER * INTERVAL_NS / 1e9
    )
    path = tmp_path / "recordings"
    times = [START_NS]
    with Storage(
        *("archive", path, 2.0, 5.0), clips=clips, cameras=["porch"], site_ns=lambda: times[-1]
    ) as storage:
        for number in range(150):
            times.append(START_NS + number * INTERVAL_NS)
            storage.append(frame(number))
            if number in (60, 80):
                storage.event(happened(number, "start" if number == 60 else "end"))
            storage.tick()
    return path


def test_a_clip_is_listed_exported_and_protected(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its number stands for its camera and its time, to the frame."""
    with Recording(folder) as recording:
        (clip,) = recording.clips("porch")
    assert main(["recordings", "list", "--path", str(folder), "--clips", "--json"]) == 0
    (listed,) = json.loads(capfd.readouterr().out)
    assert (listed["id"], listed["camera"], listed["kind"]) == (clip.id, "porch", "motion")
    assert main(["recordings", "list", "--path", str(folder), "--clips"]) == 0
    assert "motion" in capfd.readouterr().out

    out = folder.parent / "clip.zip"
    arguments = ["--path", str(folder), "--clip", str(clip.id)]
    assert main(["recordings", "export", *arguments, "--output", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        found = [each["sequence"] for each in json.loads(archive.read("frames.json"))]
    assert found == list(range(60 - BEFORE, 80 + AFTER + 1))

    capfd.readouterr()
    assert main(["recordings", "protect", *arguments, "--json"]) == 0
    (protected,) = json.loads(capfd.readouterr().out)
    assert (protected["camera"], protected["note"]) == ("porch", "motion")
    assert (protected["start"], protected["end"]) == (listed["start"], listed["end"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--clip", "77"], "no clip has the number 77; the last is 1"),
        (["--clip", "1", "--camera", "porch"], "--clip has a camera and a time; leave out"),
        (["--clip", "1", "--from", "10:00"], "--clip has a camera and a time; leave out"),
    ],
)
def test_a_clip_that_is_not_one_is_named(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    out = folder.parent / "a.zip"
    for command in (["export", "--output", str(out)], ["protect"]):
        assert main(["recordings", *command, "--path", str(folder), *arguments]) == 78
        assert words in capfd.readouterr().err
    assert not out.exists()
