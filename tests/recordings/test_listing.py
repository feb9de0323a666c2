"""`camfan recordings list` and `show`: what there is, for people and for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, frame
from camfan_wire.messages import Event, Gap


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A camera with a gap and an event, and another one."""
    path = tmp_path / "recordings"
    with Storage("archive", path, 1.0, 5.0) as storage:
        for number in range(10):
            storage.append(frame(number))
        storage.gap(Gap(camera="porch", run=RUN, first=10, last=14, reason="ring-overrun"))
        for number in range(15, 45):
            storage.append(frame(number))
        for number in range(3):
            storage.append(frame(number, camera="barn"))
        for state in ("start", "end"):
            storage.event(
                Event(
                    id="e1",
                    time=START_NS + 20 * INTERVAL_NS,
                    source="watch",
                    kind="motion",
                    state=state,
                    camera="porch",
                    details={"area": 0.25},
                )
            )
    return path


def said(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["recordings", *map(str, arguments)]) == 0
    output = capfd.readouterr()
    assert output.err == ""
    return output.out


def test_list_has_a_line_a_camera(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Names, times, sizes and gaps."""
    head, barn, porch = said(capfd, "list", "--path", folder).splitlines()
    assert head.split()[:3] == ["camera", "from", "(UTC)"]
    assert barn.startswith("barn")
    assert porch.split()[:5] == ["porch", *["2026-11-22", "10:15:00.1", "2026-11-22", "10:15:03.0"]]
    assert porch.split()[-2:] == ["1", "5"]


def test_a_program_reads_what_people_see(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The JSON of list and show, with times in UTC."""
    listed = json.loads(said(capfd, "list", "--path", folder, "--json"))
    assert listed["path"] == str(folder)
    assert [each["camera"] for each in listed["cameras"]] == ["barn", "porch"]
    assert listed["cameras"][1]["start"] == "2026-11-22T10:15:00.123456Z"
    assert listed["cameras"][1]["missing"] == 5
    assert listed["cameras"][1]["bytes"] == sum(
        path.stat().st_size for path in folder.rglob("porch/*/*.mkv")
    )

    (shown,) = json.loads(said(capfd, "show", "--path", folder, "--camera", "porch", "--json"))
    assert shown["frames"] == 40
    assert [(gap["first"], gap["last"], gap["reason"]) for gap in shown["gaps"]] == [
        (10, 14, "ring-overrun")
    ]
    assert [(event["state"], event["details"]) for event in shown["events"]] == [
        ("start", {"area": 0.25}),
        ("end", {"area": 0.25}),
    ]


def test_show_names_gaps_and_events(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = said(capfd, "show", "--path", folder, "--camera", "p*")
    assert "porch: 2026-11-22 10:15:00.1 to 2026-11-22 10:15:03.0 UTC, 40 frames" in text
    assert "ring-overrun" in text
    assert "motion" in text
    assert "barn" not in text


def test_a_time_bounds_what_is_shown(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Frames from --from on and before --to; a time without any says so."""
    show = ("show", "--path", folder, "--camera", "porch", "--json")
    times = ("--from", "2026-11-22 10:15:02", "--to", "2026-11-22T10:15:02.5Z")
    (found,) = json.loads(said(capfd, *show, *times))
    second_ns = START_NS // 1_000_000_000 * 1_000_000_000 + 2_000_000_000
    after_ns = [START_NS + number * INTERVAL_NS - second_ns for number in range(15, 45)]
    assert found["frames"] == sum(0 <= after < 500_000_000 for after in after_ns) > 5
    text = said(capfd, "list", "--path", folder, "--from", "2027-01-01", "--to", "2027-01-02")
    assert text == f"{folder}: nothing is recorded at that time\n"


def test_the_site_file_knows_the_folder(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One recorder needs no name; of several one is chosen."""
    site = tmp_path / "site.yaml"
    head = "version: 1\nsite: home\ncameras: {porch: {source: test}}\nrecorders:\n"
    one = f"  archive: {{path: {folder}}}\n"
    site.write_text(head + one, encoding="utf-8")
    assert "porch" in said(capfd, "list", "--config", site)

    site.write_text(head + one + f"  other: {{path: {tmp_path / 'none'}}}\n", encoding="utf-8")
    assert "porch" in said(capfd, "list", "--config", site, "--recorder", "archive")
    assert main(["recordings", "list", "--config", str(site)]) == 78
    assert "has recorders archive, other; say --recorder NAME" in capfd.readouterr().err
    assert main(["recordings", "list", "--config", str(site), "--recorder", "archiv"]) == 78
    assert "did you mean 'archive'?" in capfd.readouterr().err
    assert main(["recordings", "list", "--config", str(site), "--recorder", "other"]) == 69
    assert f"{tmp_path / 'none'} is not a folder of recordings" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--camera", "porhc"], 78, "did you mean 'porch'?"),
        (["--camera", "x*"], 78, "fits 'x*'; it has barn, porch"),
        (["--from", "2h ago", "--to", "3h ago"], 78, "--to is not after --from"),
        (["--recorder", "archive"], 78, "--path needs no site file"),
    ],
)
def test_mistakes_are_named(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    for name in ("list", "show"):
        assert main(["recordings", name, "--path", str(folder), *arguments]) == code
        output = capfd.readouterr()
        assert words in output.err
        assert "Traceback" not in output.err


def test_a_wrong_time_ends_with_the_usage(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["recordings", "list", "--path", str(folder), "--from", "soon"])
    assert ended.value.code == 2
    assert "argument --from: 'soon' is not a time, such as" in capfd.readouterr().err
