"""The source `rtsp`, against a server that is as odd as cameras are, over TCP and UDP.

Every picture shows when it was drawn, so that its true age is known after decoding.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan_config.types import RtspCamera, Size
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.encode import encoder_of
from camfan_nodes.camera.frame_number_mark import read_number
from camfan_nodes.camera.rtsp import RtspSource
from camfan_nodes.camera.rtsp_connection import with_plain_zone
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    CameraStream,
    CapturedFrame,
    FullDemand,
    Idle,
    SkippedFrames,
    SourceDemand,
    SourceError,
)
from camfan_testing.ages import SeenAge, look
from camfan_testing.live import wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process
from camfan_testing.rtp import Film
from camfan_testing.rtsp import Habits, RtspServer, rtsp_server

CODECS = ("h264", "hevc", "mjpeg", "mpeg4", "vp8")
AUDIO = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:track\r\n"
)
UNHEARD_OF = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 SMART265X/90000\r\na=control:track\r\n"
)


def source(url: str, transport: str = "tcp", size: Size | None = None) -> RtspSource:
    camera = RtspCamera(url=url, transport=transport, size=size, stall_after=2.5)  # type: ignore[arg-type]  # one of two words
    return RtspSource(camera, NodeClock(threading.Event()))


def pictures(stream: CameraStream) -> Iterator[CapturedFrame]:
    while True:
        got = stream.capture()
        assert got is not Idle.ENDED
        if isinstance(got, CapturedFrame):
            yield got


def seen(
    habits: Habits, count: int, transport: str = "tcp", demand: SourceDemand = FULL_DEMAND
) -> list[SeenAge]:
    with rtsp_server(habits) as server, source(server.url(), transport).open(demand) as stream:
        return [look(picture) for picture, _ in zip(pictures(stream), range(count), strict=False)]


def assert_true(found: list[SeenAge]) -> None:
    """What is said of each age holds."""
    assert [one for one in found if not one.holds] == []


def trouble(url: str, transport: str = "tcp") -> str:
    with source(url, transport).open() as stream, pytest.raises(SourceError) as caught:
        list(iter(stream.capture, Idle.ENDED))
    assert "secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", CODECS)
def test_the_age_is_true_for_every_codec_and_transport(codec: str, transport: str) -> None:
    found = seen(Habits(films=(Film(codec=codec, fps=20),)), 30, transport)

    assert_true(found)
    assert all(one.grey.shape == (240, 320) for one in found)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg4"])
@pytest.mark.long
def test_video_in_a_transport_stream_is_found(codec: str, transport: str) -> None:
    """Joined where the stream does not say what is in it: that comes with the next key picture."""
    habits = Habits(films=(Film(codec=codec, fps=20, mpegts=True),), joins_at=5)

    assert_true(seen(habits, 20, transport))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_age_is_true_with_b_frames(transport: str) -> None:
    """They come out of order; a picture that waited for another is as old as it is."""
    found = seen(Habits(films=(Film(b_frames=3, fps=20),)), 30, transport)

    assert_true(found)
    assert min(one.said for one in found[10:]) > 0.1, "its encoder keeps three pictures"


@pytest.mark.parametrize("ahead_s", [0.0, 86_400.0, -3.0])
def test_a_sender_report_shows_what_the_camera_keeps(ahead_s: float) -> None:
    """Whatever the date is that the camera believes in."""
    habits = Habits(report_every_s=0.3, held_s=0.8, clock_ahead_s=ahead_s)
    found = seen(habits, 20)

    assert_true(found)
    assert found[-1].said > 0.7, "what the camera keeps is in the age, not in its error"
    assert found[-1].error < 2, "it is known, not guessed"


def test_without_reports_the_error_admits_what_the_camera_may_keep() -> None:
    assert_true(seen(Habits(held_s=0.8), 20))


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_pictures_that_a_server_had_kept_are_not_said_to_be_fresh(codec: str) -> None:
    """After a reconnection a server sends at once what it has: three seconds of it."""
    assert_true(seen(Habits(films=(Film(codec=codec, gop=100),), kept_s=3), 10))


def test_pictures_that_were_held_up_on_the_way_are_as_old_as_they_are() -> None:
    with rtsp_server() as server, source(server.url()).open() as stream:
        flow = pictures(stream)
        before = [look(next(flow)) for _ in range(12)]
        server.stalled.set()
        list(iter(stream.capture, Idle.SILENT))
        server.stalled.clear()
        after = [look(next(flow)) for _ in range(12)]

    assert_true(before + after)


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(lambda _n, _ms: 1234, id="always the same"),
        pytest.param(lambda n, _ms: n // 5 * 22_500, id="five alike"),
        pytest.param(lambda n, _ms: n % 15 * 9000, id="back again and again"),
        pytest.param(lambda n, ms: ms * 90 + n // 10 * 90_000 * 3600 * 3, id="hours ahead"),
        pytest.param(lambda n, _ms: 0xFFFFFFFF - 90_000 + n * 4500, id="wraps"),
        pytest.param(lambda n, _ms: n * 45_000, id="ten times too fast"),
        pytest.param(lambda n, _ms: n * 450, id="ten times too slow"),
    ],
)
@pytest.mark.long
def test_odd_timestamps_cost_no_picture_and_make_no_age_untrue(
    stamp: Callable[[int, int], int],
) -> None:
    """The rate that the camera claims is not believed either."""
    habits = Habits(films=(Film(fps=20),), stamp=stamp, sdp_lines=("a=framerate:180000",))
    found = seen(habits, 60)

    assert_true(found)
    bars = [int(np.argmax(one.grey[80] > 130)) // 16 for one in found]
    steps = [(after - before) % 19 for before, after in pairwise(bars)]
    assert set(steps) <= set(range(1, 10)), "pictures are repeated, or out of order"
    assert steps.count(1) > 20, "pictures are missing"


def test_a_picture_of_another_size_comes_as_it_is() -> None:
    """In the middle of a stream; it is not stretched into the first size."""
    habits = Habits(films=(Film(size=(320, 240)), Film(size=(480, 272))), pictures=10)
    found = seen(habits, 30)

    sizes = {one.grey.shape for one in found}
    assert sizes == {(240, 320), (272, 480)}
    assert {int((one.grey[80] > 130).sum()) for one in found} <= {16, 15, 17}


def test_a_stream_is_resized() -> None:
    """`size` is that of the published picture, of MJPEG too."""
    for codec in ("h264", "mjpeg"):
        with (
            rtsp_server(Habits(films=(Film(codec=codec),))) as server,
            source(server.url(), size=Size(160, 120)).open() as stream,
        ):
            jpeg = encoder_of(RtspCamera(url="rtsp://x", size=Size(160, 120))).encode(
                next(pictures(stream))
            )
        assert simplejpeg.decode_jpeg_header(jpeg)[:2] == (120, 160)


def test_mjpeg_passes_through_untouched() -> None:
    """As the camera encoded it, and no encoder runs."""
    with (
        rtsp_server(Habits(films=(Film(codec="mjpeg"),))) as server,
        source(server.url()).open() as stream,
    ):
        picture = next(pictures(stream))
        description = stream.description

    assert isinstance(picture.content, bytes)
    assert encoder_of(RtspCamera(url="rtsp://x")).encode(picture) is picture.content
    assert "passed through" in description


def test_a_stream_that_starts_between_key_pictures_shows_none_before_the_first() -> None:
    habits = Habits(films=(Film(fps=20, gop=20),), joins_at=7)
    with rtsp_server(habits) as server, source(server.url()).open() as stream:
        first = look(next(pictures(stream)))
        key_ms = server.drawn[20]

    shown_ms = read_number(first.grey)
    assert shown_ms is not None
    assert (shown_ms - key_ms) % 2**32 < 2**31, "one from before the key picture"


@pytest.mark.parametrize(
    ("habits", "words"),
    [
        (Habits(login=("anna", "other")), "wrong user or password"),
        (Habits(login=("anna", "other"), digest=False), "wrong user or password"),
        (Habits(status={"DESCRIBE": 403}), "this user is not permitted to see it"),
        (Habits(status={"DESCRIBE": 404}), "there is nothing under this path"),
        (Habits(status={"SETUP": 453}), "busy"),
        (Habits(status={"PLAY": 453}), "busy"),
        (Habits(status={"DESCRIBE": 503}), "busy"),
        (Habits(status={"PLAY": 500}), "answers 500: Internal Server Error"),
        (Habits(status={"PLAY": 454}), "answers 454: Session Not Found"),
        (Habits(transports=()), "does not send over UDP"),
        (Habits(sdp=AUDIO), "no video in it"),
        (Habits(sdp=AUDIO, status={"PLAY": 454}), "no video in it"),  # as GStreamer's server
        (Habits(sdp=AUDIO, status={"PLAY": 455}), "no video in it"),
        (Habits(sdp=UNHEARD_OF), "of a kind that cannot be decoded here"),
        (Habits(silent_after="DESCRIBE"), "sent no frame in 2 s"),
        (Habits(silent_after="PLAY"), "sent no frame in 2 s"),
        (Habits(mute=("tcp",)), "sent no frame in 2 s"),
        (Habits(ends_after=5), "the camera ended the stream"),
    ],
)
def test_each_failure_has_its_own_words(habits: Habits, words: str) -> None:
    with rtsp_server(habits) as server:
        assert words in trouble(server.url("anna:secret"))


def test_a_login_that_is_missing_is_asked_for() -> None:
    with rtsp_server(Habits(login=("anna", "secret"))) as server:
        assert "login required" in trouble(server.url())


def _digest(algorithm: str) -> str:
    return f'Digest realm="cam", nonce="abc", algorithm={algorithm}'


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["SHA-256"], "asks for Digest with SHA-256, not supported over RTSP"),
        (["MD5", "SHA-256"], "asks for Digest with SHA-256, not supported over RTSP"),
        (["MD5"], "wrong user or password"),
    ],
)
def test_a_way_to_log_in_that_is_not_known_is_not_a_wrong_password(
    asked: list[str], words: str
) -> None:
    habits = Habits(login=("anna", "right"), challenges=tuple(_digest(each) for each in asked))
    with rtsp_server(habits) as server:
        assert words in trouble(server.url("anna:secret"))


def test_the_zone_of_a_link_local_address_may_be_escaped() -> None:
    """As standards want it in a URL, and FFmpeg does not."""
    plain = "rtsp://u:p%25@[fe80::1%eth0]:554/a%25b"

    assert with_plain_zone(plain.replace("1%eth0", "1%25eth0")) == plain
    assert with_plain_zone(plain) == plain


def test_failures_of_the_network_have_their_own_words() -> None:
    [port] = free_ports(1)

    assert "connection refused" in trouble(f"rtsp://anna:secret@127.0.0.1:{port}/cam")
    assert "name or service not known" in trouble("rtsp://anna:secret@no-such-camera.invalid/cam")


def test_what_does_not_speak_rtsp_is_reported() -> None:
    import http.server

    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        sentence = trouble(f"rtsp://anna:secret@127.0.0.1:{other.server_port}/cam")
        other.shutdown()
        thread.join()

    assert "does not speak RTSP" in sentence


@pytest.mark.parametrize("digest", [True, False])
def test_a_password_of_any_letters_lets_in(*, digest: bool) -> None:
    habits = Habits(login=("anna", "p@ss/w:rd%"), digest=digest)
    with (
        rtsp_server(habits) as server,
        source(server.url("anna:p%40ss%2Fw%3Ard%25")).open() as stream,
    ):
        look(next(pictures(stream)))


@pytest.mark.parametrize(("asked", "given"), [("tcp", "udp"), ("udp", "tcp")])
def test_the_other_transport_is_tried_where_one_is_refused(asked: str, given: str) -> None:
    with (
        rtsp_server(Habits(transports=(given,))) as server,
        source(server.url(), asked).open() as stream,
    ):
        look(next(pictures(stream)))

        assert f"over {given.upper()}" in stream.description


def test_tcp_is_tried_where_nothing_comes_by_udp() -> None:
    """A router in between lets no UDP through: known only by waiting, so at the next attempt."""
    with rtsp_server(Habits(mute=("udp",))) as server:
        camera = source(server.url(), "udp")
        with (
            camera.open() as stream,
            pytest.raises(SourceError, match=r"over UDP .*; next over TCP"),
        ):
            list(iter(stream.capture, Idle.ENDED))
        with camera.open() as stream:
            look(next(pictures(stream)))


def test_a_session_is_kept_alive() -> None:
    """Cameras end the session of a client that says nothing for a minute."""
    with (
        rtsp_server(Habits(session_s=2)) as server,
        source(server.url()).open() as stream,
    ):
        flow = pictures(stream)
        wait_until(lambda: next(flow) is not None and "GET_PARAMETER" in server.asked)


class Unwatched(FullDemand):
    """Wishes that change in the middle."""

    def __init__(self) -> None:
        self.watched = False

    def idle(self) -> bool:
        return not self.watched


def test_nothing_is_decoded_while_unwatched_and_the_next_frame_is_there_at_once() -> None:
    """Though there is no other key picture than the first."""
    demand = Unwatched()
    with (
        rtsp_server(Habits(films=(Film(gop=100_000, fps=20),))) as server,
        source(server.url()).open(demand) as stream,
    ):
        passed = 0
        while passed < 30:
            got = stream.capture()
            assert not isinstance(got, CapturedFrame)
            passed += got.frames if isinstance(got, SkippedFrames) else 0
        demand.watched = True
        first = look(next(pictures(stream)))

    assert_true([first])


def test_pictures_are_thinned_to_the_rate_that_is_asked_for() -> None:
    with rtsp_server(Habits(films=(Film(fps=20),))) as server:
        camera = RtspCamera(url=server.url(), fps=5)
        with RtspSource(camera, NodeClock(threading.Event())).open() as stream:
            found = [one.captured_ns for one, _ in zip(pictures(stream), range(8), strict=False)]

    assert min(after - before for before, after in pairwise(found)) > 150_000_000


def test_a_camera_that_stops_sending_is_left_without_waiting_for_it() -> None:
    with rtsp_server() as server:
        camera = source(server.url())
        with camera.open() as stream:
            look(next(pictures(stream)))
            server.stalled.set()
            with pytest.raises(SourceError, match="silent for 2 s"):
                list(iter(stream.capture, Idle.ENDED))


def test_the_password_is_never_written_and_a_node_ends_while_a_camera_hangs(tmp_path: Path) -> None:
    """Neither our log nor that of FFmpeg ever shows it; SIGTERM is obeyed."""
    with rtsp_server(Habits(silent_after="DESCRIBE", login=("anna", "other"))) as server:
        refuses = tmp_path / "refuses.yaml"
        write_site(refuses, server)
        with node(refuses) as running:
            running.wait_for("sent no frame")
            assert running.stop() == 0

    assert "secret" not in running.output
    assert len(running.lines) == 1


def write_site(path: Path, server: RtspServer) -> None:
    url = server.url("anna:secret")
    path.write_text(
        "version: 1\nsite: testing\n"
        f"cameras: {{gate: {{source: rtsp, url: '{url}', stall_after: 2500ms}}}}\n"
    )


def node(config: Path) -> Process:
    command = [sys.executable, "-m", "camfan_nodes", "camera", "gate", "--config", str(config)]
    return Process(command)


def test_opencv_is_not_loaded_for_an_rtsp_camera() -> None:
    code = "import sys; import camfan_nodes.camera.rtsp; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
