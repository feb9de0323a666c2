"""Certificates of HTTP cameras: which are trusted, and what is said of the others."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from camfan_config import SiteError, load_site
from camfan_config.report.estimate import warnings
from camfan_config.site.pace import Pace
from camfan_config.types import HttpCamera, RtspCamera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.figures import NodeFigures
from camfan_nodes.camera.http_camera import HttpSource
from camfan_nodes.camera.rtsp import RtspSource
from camfan_nodes.camera.source import CapturedFrame, SourceCounts, SourceError
from camfan_nodes.camera.trust import caveat_of, colons
from camfan_testing.jpegs import jpeg
from camfan_testing.ports import free_ports
from camfan_testing.raw_cameras import RawCamera, raw_camera, sends, tls_before
from camfan_testing.rtsp import Habits, rtsp_server
from camfan_wire.figures import MachineFigures

PICTURE = jpeg(64, 48)
SHOT = sends(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE)


@dataclass(frozen=True)
class Authority:
    """Signs certificates with the openssl command."""

    folder: Path

    def make(self, name: str, *more: str, san: str = "IP:127.0.0.1") -> ssl.SSLContext:
        """A server with a certificate of its own; `more` are options of `openssl req`."""
        pem, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", key, "-out", pem, "-subj", f"/CN={name}",
             "-addext", f"subjectAltName={san}", *(more or ("-days", "2"))],
            check=True, capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        return context

    def fingerprint(self, name: str) -> str:
        der = ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.pem").read_text())
        return hashlib.sha256(der).hexdigest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls"))
    made.make("root")
    return made


@pytest.fixture(scope="module")
def camera(authority: Authority) -> Iterator[RawCamera]:
    """One whose certificate is self-signed, for 127.0.0.1."""
    with raw_camera(SHOT, authority.make("camera")) as found:
        yield found


def _take(url: str, **options: object) -> bytes:
    camera = HttpCamera(url=url, snapshot=True, stall_after=5, **options)  # type: ignore[arg-type]
    with HttpSource(camera, NodeClock(threading.Event())).open() as stream:
        while True:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                assert isinstance(got.content, bytes)
                return got.content


def _trouble(url: str, **options: object) -> str:
    with pytest.raises(SourceError) as caught:
        _take(url, **options)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_a_self_signed_certificate_is_refused_and_its_fingerprint_shown(
    authority: Authority, camera: RawCamera
) -> None:
    """Before a password is sent; what is shown can be written into the site file as it is."""
    before = len(camera.asked)
    sentence = _trouble(camera.url(user="anna:secret", scheme="https"))
    shown = colons(authority.fingerprint("camera"))

    assert "its certificate is self-signed" in sentence
    assert f'`fingerprint: "{shown}"`' in sentence
    assert len(camera.asked) == before
    assert _take(camera.url(scheme="https"), fingerprint=shown) == PICTURE


@pytest.mark.parametrize("write", [str, str.upper, colons, lambda text: colons(text).lower()])
def test_a_pinned_certificate(authority: Authority, camera: RawCamera, write: type[str]) -> None:
    """With colons or without, in any case of letters, for any host."""
    written = write(authority.fingerprint("camera"))
    localhost = camera.url(scheme="https").replace("127.0.0.1", "localhost")

    assert _take(localhost, fingerprint=written) == PICTURE


def test_another_certificate_than_the_pinned_one(authority: Authority, camera: RawCamera) -> None:
    """No password is sent to it, and both fingerprints are shown."""
    before = len(camera.asked)
    pinned = authority.fingerprint("root")
    sentence = _trouble(camera.url(user="anna:secret", scheme="https"), fingerprint=pinned)

    assert f"has the fingerprint {colons(authority.fingerprint('camera'))}" in sentence
    assert f"the site file says {colons(pinned)}" in sentence
    assert len(camera.asked) == before


def test_the_certificate_itself_as_authority(authority: Authority, camera: RawCamera) -> None:
    url = camera.url(scheme="https")

    assert _take(url, ca=str(authority.folder / "camera.pem")) == PICTURE
    assert "its certificate is self-signed" in _trouble(url, ca=str(authority.folder / "root.pem"))


def test_a_certificate_that_an_own_authority_signed(authority: Authority) -> None:
    """Trusted by `ca`, for the host in it only, and unknown without."""
    root = ("-CA", str(authority.folder / "root.pem"), "-CAkey", str(authority.folder / "root.key"))
    ca = str(authority.folder / "root.pem")
    with raw_camera(SHOT, authority.make("signed", *root, "-days", "2")) as camera:
        url = camera.url(scheme="https")
        assert _take(url, ca=ca) == PICTURE
        unknown = _trouble(url)
        named = _trouble(url.replace("127.0.0.1", "localhost"), ca=ca)

    assert "signed by an authority that is not known here; write `ca:`" in unknown
    assert "its certificate is not for localhost; write the name that it is for" in named


def test_an_expired_certificate(authority: Authority) -> None:
    times = ("-not_before", "20200101000000Z", "-not_after", "20200201000000Z")
    try:
        context = authority.make("expired", *times)
    except subprocess.CalledProcessError:
        context = _make_expired(authority)
    with raw_camera(SHOT, context) as camera:
        url = camera.url(scheme="https")
        sentence = _trouble(url, ca=str(authority.folder / "expired.pem"))
        pinned = _take(url, fingerprint=authority.fingerprint("expired"))

    assert "its certificate has expired; renew it in the camera, or write `fingerprint:" in sentence
    assert pinned == PICTURE


def _make_expired(authority: Authority) -> ssl.SSLContext:
    """For an openssl whose `req` knows no dates."""
    context = authority.make("expired")
    pem, key = authority.folder / "expired.pem", authority.folder / "expired.key"
    subprocess.run(
        ["openssl", "x509", "-in", pem, "-signkey", key, "-days", "-1", "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    context.load_cert_chain(pem, key)
    return context


def test_unverified(camera: RawCamera) -> None:
    """Works with anything, and is said in the status as long as nothing worse is."""
    assert _take(camera.url(scheme="https"), verify=False) == PICTURE
    caveat = caveat_of(HttpCamera(url="https://cam/", verify=False))
    assert caveat is not None
    assert "not verified (`verify: false`)" in caveat
    figures = NodeFigures("gate", SourceCounts(), NodeClock(threading.Event()), caveat=caveat)
    figures.published(100, None, sent=True)
    assert figures.report(MachineFigures()).message == caveat
    figures.failed("gone", Pace())
    assert figures.report(MachineFigures()).message == "gone"


def test_plain_http_where_tls_is_expected() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as plain:
        thread = threading.Thread(target=plain.serve_forever)
        thread.start()
        sentence = _trouble(f"https://127.0.0.1:{plain.server_port}/")
        plain.shutdown()
        thread.join()

    assert "it does not speak TLS there; write http://" in sentence


def test_a_file_of_authorities_that_cannot_be_read(tmp_path: Path, camera: RawCamera) -> None:
    (tmp_path / "junk.pem").write_text("no certificate")
    url = camera.url(scheme="https")

    assert "cannot be read: no such file" in _trouble(url, ca=str(tmp_path / "none.pem"))
    assert "no certificate in it; `ca` needs a PEM file" in _trouble(
        url, ca=str(tmp_path / "junk.pem")
    )


def test_a_camera_that_answers_nothing_to_a_handshake() -> None:
    """The time-out holds for the handshake, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert "no TLS within 4 s; is https enabled in the camera?" in _trouble(url)


@pytest.fixture(scope="module")
def rtsps(authority: Authority) -> Iterator[str]:
    """An RTSP camera with a login and a self-signed certificate."""
    with (
        rtsp_server(Habits(login=("anna", "s/e@cret"))) as server,
        tls_before(server.port, authority.make("rtsp")) as port,
    ):
        yield f"rtsps://anna:s%2Fe%40cret@127.0.0.1:{port}/cam"


def _watch(url: str, **options: object) -> None:
    """Until the second picture. Raises SourceError."""
    camera = RtspCamera(url=url, stall_after=5, **options)  # type: ignore[arg-type]
    left = 2
    with RtspSource(camera, NodeClock(threading.Event())).open() as stream:
        while left:
            left -= isinstance(stream.capture(), CapturedFrame)


def test_an_rtsps_camera_is_trusted_in_the_same_ways(authority: Authority, rtsps: str) -> None:
    """For the host in its certificate by `ca`, and for any by its fingerprint."""
    pinned = authority.fingerprint("rtsp")
    localhost = rtsps.replace("127.0.0.1", "localhost")

    _watch(rtsps, ca=str(authority.folder / "rtsp.pem"))
    _watch(localhost, fingerprint=colons(pinned), transport="udp")
    _watch(localhost, verify=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "its certificate is self-signed; write `ca:`"),
        ({"fingerprint": "a1" * 32}, "the site file says A1:A1"),
        ({"ca": "/none.pem"}, "/none.pem: cannot be read: no such file"),
    ],
)
def test_an_rtsps_camera_that_is_not_trusted(
    options: dict[str, object], words: str, rtsps: str
) -> None:
    """No password goes to it."""
    with pytest.raises(SourceError, match=words) as caught:
        _watch(rtsps, **options)

    assert "cret" not in str(caught.value)


def test_an_rtsps_camera_that_is_not_there_or_speaks_no_tls() -> None:
    [port] = free_ports(1)
    with pytest.raises(SourceError, match="connection refused"):
        _watch(f"rtsps://anna:secret@127.0.0.1:{port}/cam")
    with (
        raw_camera(sends(b"RTSP/1.0 400 Bad Request\r\n\r\n")) as camera,
        pytest.raises(SourceError, match=r"no answer within 4 s|does not speak TLS"),
    ):
        _watch(f"rtsps://anna:secret@127.0.0.1:{camera.port}/cam")


def test_a_wrong_password_over_rtsps(authority: Authority, rtsps: str) -> None:
    """FFmpeg's answer passes through the relay, and the camera is called by its own address."""
    wrong = rtsps.replace("s%2Fe%40cret", "wrong")

    with pytest.raises(SourceError, match=r"^rtsps://127.*wrong user or password"):
        _watch(wrong, fingerprint=authority.fingerprint("rtsp"))


SITE = """version: 1
site: home
cameras:
  gate: {{source: http, url: "{url}", {options}}}
"""


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://cam/", "verify: false", "the address is not https://"),
        ("http://cam/", "ca: x.pem", "the address is not https://"),
        ("https://cam/", "fingerprint: 12:34", "SHA-256 in hexadecimal digits"),
        ("https://cam/", "ca: x, fingerprint: '" + "a1" * 32 + "'", "leave one out"),
        ("https://cam/", "ca: x, verify: false", "ca and fingerprint have no effect"),
    ],
)
def test_mistakes_in_the_site_file(tmp_path: Path, url: str, options: str, words: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(url=url, options=options))

    with pytest.raises(SiteError) as caught:
        load_site(file)

    [problem] = caught.value.problems
    assert words in problem.message
    assert problem.line == 4


def test_check_warns_of_what_is_not_verified(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(url="https://cam/", options="verify: false"))

    said = [each for each in warnings(load_site(file)) if each.startswith("cameras.gate.verify")]

    assert len(said) == 1
    assert "any certificate is accepted" in said[0]
