"""The recorder on one host, the web server on another, with keys and TLS."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from camfan_testing.hashes import TOKEN, TOKEN_HASH
from camfan_testing.hosts import CAMFAN, HUB, PI, done, on, two_hosts
from camfan_testing.live import wait_until

pytestmark = pytest.mark.long

API = "http://127.0.0.1:8080/api/recordings"
SITE = f"""version: 1
site: demo
broker: {{host: {HUB}, http: null, memory: 64MB}}
cameras:
  test: {{source: test, size: 320x240, fps: 5}}
  porch: {{source: test, size: 320x240, fps: 5}}
recorders:
  archive:
    path: recordings
    http: {HUB}:8090
    tls: {{certificate: tls/cert.pem, key: tls/key.pem}}
web:
  host: {PI}
  listen: 127.0.0.1:8080
  tokens: {{reader: {{token: {TOKEN_HASH}, cameras: [porch]}}}}
"""
ASK = """
import sys, urllib.error, urllib.request
headers = {"Authorization": f"Bearer {sys.argv[2]}"} if sys.argv[2] else {}
try:
    request = urllib.request.Request(sys.argv[1], headers=headers)
    answer = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
sys.stdout.buffer.write(b"%d\\n" % answer.status + answer.read())
"""


def ask(host: str, url: str, token: str = TOKEN) -> tuple[int, bytes]:
    """Status and body, as a program on that host gets them; 0 without a connection."""
    found = subprocess.run(
        ["ip", "netns", "exec", host, sys.executable, "-c", ASK, url, token],
        capture_output=True,
        timeout=60,
    )
    status, _, body = found.stdout.partition(b"\n")
    return int(status or 0), body or found.stderr


def answer(host: str, path: str) -> Any:
    status, body = ask(host, f"{API}{path}")
    assert status == 200, body
    return json.loads(body)


@pytest.mark.timeout(300)  # a dozen processes of camfan start one after the other
def test_recordings_cross_to_the_web_server_of_another_host(tmp_path: Path) -> None:
    """A user sees recordings of their cameras, and nothing of another; the recorder answers the
    web server alone, and only over TLS."""
    hub_folder, pi_folder = tmp_path / "hub", tmp_path / "pi"
    (hub_folder / "tls").mkdir(parents=True)
    (pi_folder / "tls").mkdir(parents=True)
    (hub_folder / "site.yaml").write_text(SITE)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", hub_folder / "tls/key.pem", "-out", hub_folder / "tls/cert.pem",
         "-days", "2", "-subj", "/CN=archive"],
        check=True, capture_output=True,
    )  # fmt: skip
    with two_hosts() as (hub, pi):
        done(hub, hub_folder, ["keys", "new"])
        shutil.copy(hub_folder / "site.yaml", pi_folder)
        shutil.copy(hub_folder / "tls/cert.pem", pi_folder / "tls")
        with on(hub, hub_folder, *CAMFAN, "up", "--host", HUB) as up:
            up.wait_for("recordings at https://", 90)
            with on(hub, hub_folder, *CAMFAN, "keys", "invite", "web") as invite:
                code = invite.wait_for("camfan keys join ", 60).split()[-1]
                done(pi, pi_folder, ["keys", "join", code])
                assert invite.wait(60) == 0, invite.output
            shutil.copy(hub_folder / "keys/archive.pub", pi_folder / "keys")
            with on(pi, pi_folder, *CAMFAN, "web") as web:
                web.wait_for("open http://127.0.0.1:8080", 60)
                wait_until(lambda: answer(pi, "")["cameras"] != [], 60)
                found = answer(pi, "")
                assert [one["camera"] for one in found["cameras"]] == ["porch"], found
                start = answer(pi, "/porch")["start"]
                status, frame = ask(pi, f"{API}/porch/frame?time={start}")
                assert (status, frame[:2]) == (200, b"\xff\xd8")
                assert frame in ask(pi, f"{API}/porch/frames?limit=3")[1]
                for path in ("", "/frame?time=9e11", "/frames", "/events"):
                    assert ask(pi, f"{API}/test{path}")[0] == 404
                assert ask(pi, f"{API}/porch", token="")[0] == 401
            assert ask(pi, f"http://{HUB}:8090/api/recordings")[0] == 0
