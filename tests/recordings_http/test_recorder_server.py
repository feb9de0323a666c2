"""A recorder's HTTP server: what it answers, to which requests, and what it rejects."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from camfan_config import load_site
from camfan_nodes.recordings_http.proof import WINDOW_S, sign_request
from camfan_testing.ports import free_ports
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, picture
from camfan_testing.recordings_server import (
    LOST,
    RecordingsClient,
    record_two_cameras,
    recordings_server,
    web_secret,
)
from camfan_testing.security import secure_site
from camfan_testing.sites import custom_cameras, write_site

API = "/api/recordings"


def section(folder: Path, port: int) -> str:
    return (
        "web: {listen: 127.0.0.1:8199}\n"
        f"recorders: {{archive: {{path: {folder}, http: '127.0.0.1:{port}'}}}}"
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    record_two_cameras(folder)
    return folder


@pytest.fixture(scope="module")
def client(
    recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RecordingsClient]:
    """Of a site without keys."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("site")
    site = write_site(folder, f"{custom_cameras('porch', 'barn')}\n{section(recordings, port)}")
    with recordings_server(site.path, "archive"):
        yield RecordingsClient(port, "archive")


def ms(sequence: int) -> float:
    return (START_NS + sequence * INTERVAL_NS) / 1e6


def ask(client: RecordingsClient, path: str) -> dict[str, object]:
    status, body, headers = client.get(path)
    assert (status, headers.get_content_type()) == (200, "application/json"), body
    found: dict[str, object] = json.loads(body)
    return found


def parts_of(body: bytes, kind: str) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a multipart answer, as the email package reads them."""
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    found = []
    for part in message.get_payload():
        data = part.get_payload(decode=True)  # type: ignore[union-attr]
        found.append((dict(part.items()), data))  # type: ignore[union-attr]
    return found  # type: ignore[return-value]


def test_cameras_are_listed_with_their_time(client: RecordingsClient) -> None:
    found = ask(client, API)["cameras"]

    assert isinstance(found, list)
    assert [(one["camera"], one["recorder"]) for one in found] == [
        ("barn", "archive"),
        ("porch", "archive"),
    ]
    assert found[1]["start"] == pytest.approx(ms(0), abs=0.001)
    assert found[1]["end"] == pytest.approx(ms(99), abs=0.001)


def test_a_camera_has_spans_and_gaps(client: RecordingsClient) -> None:
    """Files that follow each other are one span; what is missing has its reason."""
    found = ask(client, f"{API}/porch")

    assert found["complete"] is True
    assert found["clips"] == []
    assert found["spans"] == [{"start": found["start"], "end": found["end"]}]
    (gap,) = found["gaps"]  # type: ignore[misc]
    assert (gap["first"], gap["last"], gap["missing"], gap["reason"]) == (40, 44, 5, "disk-slow")  # type: ignore[has-type]


def test_a_list_that_is_cut_says_so(client: RecordingsClient) -> None:
    assert ask(client, f"{API}/porch/events?limit=1")["complete"] is True
    assert ask(client, f"{API}/porch/events?to=1000")["events"] == []
    assert ask(client, f"{API}/porch?from={ms(50):.3f}")["gaps"] == []


def test_events_are_those_of_the_camera(client: RecordingsClient) -> None:
    found = ask(client, f"{API}/porch/events")["events"]

    assert [one["id"] for one in found] == ["of-porch"]  # type: ignore[attr-defined]
    assert found[0]["details"] == {"area": 0.5}  # type: ignore[index]


@pytest.mark.parametrize("sequence", [0, 7, 39, 45, 99])
def test_a_frame_is_found_by_its_time_and_by_its_number(
    client: RecordingsClient, sequence: int
) -> None:
    """The JPEG as it was recorded; the time in an answer leads back to the same frame."""
    status, body, headers = client.get(f"{API}/porch/frame?sequence={sequence}&run={RUN}")
    assert (status, body) == (200, picture(sequence))
    assert headers["X-Camfan-Sequence"] == str(sequence)

    shown_ms = float(headers["X-Timestamp"]) * 1000
    status, body, _ = client.get(f"{API}/porch/frame?time={shown_ms:.3f}")
    assert (status, body) == (200, picture(sequence))


def test_a_span_leads_to_its_first_and_last_frame(client: RecordingsClient) -> None:
    found = ask(client, f"{API}/porch")

    assert client.get(f"{API}/porch/frame?time={found['start']}")[1] == picture(0)
    assert client.get(f"{API}/porch/frame?time={found['end']}")[1] == picture(99)


def test_a_frame_that_the_client_has_is_not_sent_again(client: RecordingsClient) -> None:
    path = f"{API}/porch/frame?time={ms(3):.3f}"
    _, jpeg, headers = client.get(path)
    status, body, _ = client.get(path, If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")
    assert client.get(path, If_None_Match='"another"')[:2] == (200, jpeg)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))],
)
def test_a_part_of_a_frame_can_be_asked_for(
    client: RecordingsClient, asked: str, expected: slice
) -> None:
    path = f"{API}/porch/frame?time={ms(3):.3f}"
    status, body, headers = client.get(path, Range=asked)

    assert (status, body) == (206, picture(3)[expected])
    assert headers["Content-Range"].endswith(f"/{len(picture(3))}")
    assert client.get(path, Range=asked, If_Range='"another"')[:2] == (200, picture(3))
    assert client.get(path, Range="bytes=999999-")[0] == 416
    assert client.get(path, Range="rows=1-2")[:2] == (200, picture(3))


def test_frames_of_a_time_come_as_one_stream(client: RecordingsClient) -> None:
    status, body, headers = client.get(f"{API}/porch/frames?from={ms(30):.3f}&to={ms(50):.3f}")
    found = parts_of(body, headers["Content-Type"])

    expected = [n for n in range(30, 50) if not LOST[0] <= n <= LOST[1]]
    assert status == 200
    assert [int(facts["X-Camfan-Sequence"]) for facts, _ in found] == expected
    assert [jpeg for _, jpeg in found] == [picture(n) for n in expected]


def test_frames_can_be_thinned_and_limited(client: RecordingsClient) -> None:
    _, body, headers = client.get(f"{API}/porch/frames?every=1")
    thinned = parts_of(body, headers["Content-Type"])
    _, body, headers = client.get(f"{API}/porch/frames?limit=3")
    first = parts_of(body, headers["Content-Type"])

    assert [int(facts["X-Camfan-Sequence"]) for facts, _ in thinned] == [0, 15, 30, 45, 60, 75, 90]
    assert [jpeg for _, jpeg in first] == [picture(n) for n in range(3)]


def test_an_empty_time_is_an_empty_stream(client: RecordingsClient) -> None:
    status, body, _ = client.get(f"{API}/porch/frames?to=1000")
    assert (status, body) == (200, b"--camfan-recorded-frame--\r\n")


@pytest.mark.parametrize(
    "query",
    [
        "frame",
        "frame?time=nan",
        "frame?time=inf",
        "frame?time=-1",
        "frame?time=1e400",
        "frame?time=1;DROP TABLE frames",
        "frame?sequence=1",
        f"frame?run={RUN}",
        f"frame?sequence=-1&run={RUN}",
        f"frame?sequence={2**64}&run={RUN}",
        "frame?sequence=1&run=../../etc/passwd",
        f"frame?time=5&sequence=1&run={RUN}",
        "frames?from=10&to=5",
        "frames?every=0",
        "frames?every=nan",
        "frames?every=1e-9",
        "frames?limit=0",
        "events?limit=-1",
        "events?from=" + "9" * 5000,
        "?from=x",
    ],
)
def test_a_wrong_parameter_is_named(client: RecordingsClient, query: str) -> None:
    """400 and a sentence, never a failure of the server."""
    path = f"{API}/porch{query}" if query.startswith("?") else f"{API}/porch/{query}"
    status, body, _ = client.get(quote(path, safe="/?=&;"))

    assert status == 400
    assert re.search(rb"^[\x20-\x7e]+\n$", body)


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/nowhere",
        f"{API}/nowhere/frames",
        f"{API}/nowhere/frame?time=1",
        f"{API}/porch/frame?time=1",
        f"{API}/porch/frame?sequence=41&run={RUN}",
        f"{API}/..%2F..%2Fetc/frame?time=1",
        f"{API}/porch/index.sqlite",
        "/",
    ],
)
def test_what_is_not_there_is_not_found(client: RecordingsClient, path: str) -> None:
    assert client.get(path)[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "localhost:5"}, 200),
    ],
)
def test_pages_of_other_sites_read_nothing(
    client: RecordingsClient, headers: dict[str, str], status: int
) -> None:
    """Without keys: only programs of this machine, by a name of this machine."""
    assert client.get(API, **headers)[0] == status


def test_with_keys_only_the_web_server_is_answered(recordings: Path, tmp_path: Path) -> None:
    """A proof fits one request of the site's web server, and its time."""
    (port,) = free_ports(1)
    site = secure_site(
        tmp_path,
        *("porch", "barn"),
        extra=section(recordings, port),
        access="",
        nodes=("archive", "web"),
    )
    secret = web_secret(load_site(site.path), "archive")
    with recordings_server(site.path, "archive"):
        web = RecordingsClient(port, "archive", secret)
        stranger = RecordingsClient(port, "archive")
        for_another = sign_request(secret, "archive", "GET", f"{API}/barn", b"")
        other_recorder = sign_request(secret, "second", "GET", API, b"")

        assert web.get(API)[0] == 200
        assert web.get(f"{API}/porch/frame?time={ms(5):.3f}")[:2] == (200, picture(5))
        assert stranger.get(API)[0] == 401
        assert stranger.get(API, Authorization="Bearer x")[0] == 401
        assert stranger.get(API, Authorization=for_another)[0] == 401
        assert stranger.get(API, Authorization=other_recorder)[0] == 401
        assert RecordingsClient(port, "archive", bytes(32)).get(API)[0] == 401
        assert stranger.get(f"{API}/barn", Authorization=for_another)[0] == 200


def test_an_old_proof_is_rejected_with_the_difference(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    site = secure_site(
        tmp_path, "porch", extra=section(recordings, port), access="", nodes=("archive", "web")
    )
    secret = web_secret(load_site(site.path), "archive")
    now = time.time()
    with recordings_server(site.path, "archive"):
        for moved in (-WINDOW_S - 60, WINDOW_S + 60):
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda moved=moved: now + moved)
                proof = sign_request(secret, "archive", "GET", API, b"")
            status, body, _ = RecordingsClient(port, "archive").get(API, Authorization=proof)
            assert status == 401
            assert b"clock" in body


def test_a_damaged_file_costs_its_frames_only(tmp_path: Path) -> None:
    """The stream names the frames that cannot be read, in their place."""
    folder = tmp_path / "recordings"
    record_two_cameras(folder)
    (*_, file) = sorted((folder / "barn").rglob("*.mkv"))
    with file.open("r+b") as damaged:
        damaged.truncate(file.stat().st_size - len(picture(4)) // 2)
    (port,) = free_ports(1)
    site = write_site(tmp_path, f"{custom_cameras('porch', 'barn')}\n{section(folder, port)}")
    with recordings_server(site.path, "archive"):
        client = RecordingsClient(port, "archive")
        _, body, headers = client.get(f"{API}/barn/frames")
        found = parts_of(body, headers["Content-Type"])
        status, reason, _ = client.get(f"{API}/barn/frame?sequence=4&run={RUN}")

    assert [facts["Content-Type"].partition(";")[0] for facts, _ in found] == [
        *["image/jpeg"] * 4,
        "text/plain",
    ]
    assert status == 410
    assert b"cannot be read" in reason


def test_an_index_that_is_damaged_is_said(tmp_path: Path) -> None:
    """503 with the name of the recorder; once it is whole again, answers come again."""
    folder = tmp_path / "recordings"
    record_two_cameras(folder)
    whole = (folder / "index.sqlite").read_bytes()
    (port,) = free_ports(1)
    site = write_site(tmp_path, f"{custom_cameras('porch', 'barn')}\n{section(folder, port)}")
    with recordings_server(site.path, "archive"):
        client = RecordingsClient(port, "archive")
        (folder / "index.sqlite").write_bytes(b"no database at all " * 1000)
        status, body, _ = client.get(API)
        assert (status, b"recorder archive: " in body) == (503, True)
        (folder / "index.sqlite").write_bytes(whole)
        assert client.get(API)[0] == 200


def test_a_million_frames_are_one_span(tmp_path: Path) -> None:
    """Two thousand files that follow each other, one of them after a pause."""
    folder = tmp_path / "recordings"
    record_two_cameras(folder)
    with closing(sqlite3.connect(folder / "index.sqlite")) as db, db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)"
            "INSERT INTO segments (id, camera, run, path, width, height, state, start_ns, end_ns,"
            " first, last, bytes, synced_bytes) SELECT 1000 + i, 'long', ?, 'long/' || i, 64, 48,"
            " 'closed', ? + i * 50000000000 + (i > 1500) * 3600000000000,"
            " ? + i * 50000000000 + 49900000000 + (i > 1500) * 3600000000000,"
            " i * 500 + (i > 1500), i * 500 + 499 + (i > 1500), 1, 1 FROM n",
            (RUN, START_NS, START_NS),
        )
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)"
            ' INSERT INTO frames (segment, sequence, time_ns, "offset", size)'
            " SELECT s.id, s.first + i, s.start_ns + i * 100000000, 0, 1"
            " FROM segments s, n WHERE s.camera = 'long'"
        )
        ((frames,),) = db.execute("SELECT count(*) FROM frames WHERE segment >= 1000")
    assert frames == 1_000_000
    (port,) = free_ports(1)
    site = write_site(tmp_path, f"{custom_cameras('porch', 'barn')}\n{section(folder, port)}")
    with recordings_server(site.path, "archive"):
        client = RecordingsClient(port, "archive")
        spans: Any = ask(client, f"{API}/long")["spans"]
        last: Any = ask(client, f"{API}/long?from={spans[1]['start']}")["spans"]

    assert [round((one["end"] - one["start"]) / 100) + 1 for one in spans] == [750_500, 249_500]
    assert last == spans[1:]
