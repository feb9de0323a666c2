"""What is right for each case: a function from a script's output to the list of its faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from camfan_cases.table import find_faults

Judge = Callable[[str], list[str]]


@dataclass(frozen=True)
class Case:
    """A script below ../shared/cases, and the judge of what it prints."""

    script: str
    judge: Judge
    needs: str = ""  # a program without which the case cannot run
    environment: Mapping[str, str] = field(default_factory=dict)


def _all_passwords_work(output: str) -> list[str]:
    """Each password passes the check and reaches the camera as written."""
    passwords = re.findall(
        r"^'(?:[^'\\]|\\.)*'\s+check=.*|^\"(?:[^\"\\]|\\.)*\"\s+check=.*", output, re.MULTILINE
    )
    answers = re.findall(r"^\s+camera: (.*)$", output, re.MULTILINE)
    faults = [f"refused by the check: {line}" for line in passwords if "check=0" not in line]
    faults += [f"not logged in: {line}" for line in answers if not line.startswith("picture ")]
    if len(passwords) != 20 or len(answers) != 20:
        faults.append(f"{len(passwords)} passwords and {len(answers)} answers of 20")
    return faults


def _no_part_is_shown(output: str) -> list[str]:
    if "Traceback" in output:
        return ["the script ended with a traceback"]
    shown = [line for line in output.splitlines() if not line.startswith("=== password")]
    return [line for line in shown if re.search("24680|abcdef|4711|secret", line)]


def _slow_cameras_are_live(output: str) -> list[str]:
    faults = find_faults(output, cameras=3, frames=1)
    faults += [line.strip() for line in output.splitlines() if "camera-offline" in line]
    for line in re.findall(r"stream: (\[.*\])", output):
        words = re.findall(r"'(AWAY|picture)'", line)
        if "AWAY" in words[words.index("picture") :] if "picture" in words else True:
            faults.append(f"/stream shows a live camera as away: {line}")
    return faults


def _every_view_agrees(output: str) -> list[str]:
    """A picture stored 640x480 with orientation 6 is 480 wide and 640 high in every view."""
    expected = {
        "header": "header says 480 640 ",
        "library": "frame.image() (640, 480, 3)",
        "snapshot": "snapshot as a browser shows it: (640, 480, 3)",
        "tile": "tile (4/8): (320, 240, 3)",
        "EXIF of the tile": "has EXIF: False",
        "EXIF of the scaled camera": "EXIF kept: False",
    }
    return [f"{view}: no '{text}'" for view, text in expected.items() if text not in output]


def _rtsp_plays(output: str) -> list[str]:
    rows = re.findall(
        r"^(\S+)\s+(\d+) pictures, .* no bar in (\d+), backwards (\d+), .*?(\{.*\})?\s*$",
        output,
        re.MULTILINE,
    )
    faults = [] if len(rows) == 11 else [f"{len(rows)} of 11 streams in the output"]
    for name, pictures, blank, backwards, said in rows:
        # 14 s at 10 fps; a server process of Python that serves 11 streams does not keep its rate
        if int(pictures) < 60:
            faults.append(f"{name}: {pictures} pictures")
        # Its second film is narrower: there the bar comes round twice in 60 pictures, which the
        # script takes for a step back.
        rounds = 2 * -(-int(pictures) // 60) if name == "size-changes" else 0
        if int(backwards) > rounds:
            faults.append(f"{name}: {backwards} pictures out of order")
        if int(blank) > int(pictures) // 10:
            faults.append(f"{name}: {blank} pictures without content")
        if said:
            faults.append(f"{name}: {said}")
    return faults


def _bars_keep_their_width(output: str) -> list[str]:
    widths = re.findall(r"\(\((\d+), (\d+)\), (\d+)\): (\d+)", output)
    sizes = {(int(width), int(height)) for width, height, _, _ in widths}
    faults = [
        f"a bar of 16 px is {bar} px wide in {count} pictures of {width}x{height}"
        for width, height, bar, count in widths
        if not 14 <= int(bar) <= 18 and int(count) > 2
    ]
    if sizes != {(640, 360), (320, 240)}:
        faults.append(f"sizes seen: {sorted(sizes)}")
    return faults


def _frames_are_seen_at_once(output: str) -> list[str]:
    delays = re.findall(
        r"frame \S+\s+came at\s+(\S+); first seen in the browser (\S+) s later", output
    )
    faults = [] if len(delays) >= 8 else [f"{len(delays)} frames in the output"]
    # The watch ends 24 s in: the last frame may not have been looked for.
    for came, delay in delays[1:-1]:
        if delay == "None" or float(delay) > 1.0:
            faults.append(f"the frame of {came} s was seen after {delay} s")
    return faults


CASES = (
    Case("01-no-first-boundary/run.py", partial(find_faults, cameras=6, frames=3)),
    Case("02-length-too-long/run.py", partial(find_faults, cameras=13, frames=3)),
    Case("03-bytes-after-eoi/run.py", partial(find_faults, cameras=14, frames=3)),
    Case("06-header-without-colon/run.py", partial(find_faults, cameras=17, frames=3)),
    Case("07-password-characters/run.py", _all_passwords_work),
    # The script reads a site file that names GATE_PASSWORD, and gives only its site one.
    Case(
        "07-password-characters/leak.py", _no_part_is_shown, environment={"GATE_PASSWORD": "unused"}
    ),
    Case("07-password-characters/leak_api.py", _no_part_is_shown),
    Case("08-slow-camera-stream/streams.py", _slow_cameras_are_live),
    Case("14-exif/run.py", _every_view_agrees),
    Case("24-rtsp-odd/run.py", _rtsp_plays),
    Case("24-rtsp-odd/stretch.py", _bars_keep_their_width),
    Case("30-browser/run.py", _frames_are_seen_at_once, needs="/usr/bin/chromium"),
)
