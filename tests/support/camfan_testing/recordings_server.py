"""The HTTP server of a recorder as a process, without its recorder."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from camfan_config import Site
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recordings_http.proof import shared_secret, sign_request
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, frame
from camfan_wire.keys import read_pair, read_public
from camfan_wire.messages import Event, Gap

STARTED = "recordings at "
FRAMES = 100
LOST = (40, 44)  # sequences that are in a gap


@dataclass(frozen=True, slots=True)
class RecordingsClient:
    """Asks one server; with `secret` it proves to be the web server."""

    port: int
    recorder: str
    secret: bytes | None = None

    def get(self, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret is not None:
            sent.setdefault(
                "Authorization", sign_request(self.secret, self.recorder, "GET", path, b"")
            )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.msg
        finally:
            connection.close()


@contextmanager
def recordings_server(config: Path, recorder: str) -> Iterator[subprocess.Popen[str]]:
    """Until the end of the `with`; it listens from the start of it."""
    command = [sys.executable, "-m", "camfan_nodes.recordings_http", recorder, "--config"]
    with subprocess.Popen(
        [*command, str(config)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            lines = []
            while STARTED not in (line := process.stderr.readline()):
                lines.append(line)
                assert line, "".join(lines)
            yield process
        finally:
            process.stdin.close()
            process.wait(20)


def web_secret(site: Site, recorder: str) -> bytes:
    """What the web server and a recorder have in common."""
    folder = Path(site.security.keys or "")
    return shared_secret(read_pair(folder / "web.secret"), read_public(folder / f"{recorder}.pub"))


def record_two_cameras(folder: Path) -> None:
    """A hundred frames of `porch` but five that are lost, five of `barn`, an event of each."""
    with Storage("archive", folder, 1.0, 5.0) as storage:
        for number in range(FRAMES):
            if number == LOST[0]:
                storage.gap(Gap(camera="porch", run=RUN, first=40, last=44, reason="disk-slow"))
            if not LOST[0] <= number <= LOST[1]:
                storage.append(frame(number))
        for number in range(5):
            storage.append(frame(number, camera="barn"))
        for camera in ("porch", "barn"):
            storage.event(
                Event(
                    id=f"of-{camera}",
                    time=START_NS + INTERVAL_NS,
                    source="watch",
                    kind="motion",
                    state="start",
                    camera=camera,
                    details={"area": 0.5},
                )
            )
