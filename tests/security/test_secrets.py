"""No secret is in anything that is said: logs, tables, complaints, metrics, answers over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from camfan import Event, SiteError, Subscriber, load_site
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH, TOKEN, TOKEN_HASH
from camfan_testing.live import wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, broker_process, camfan
from camfan_testing.security import secure_site
from camfan_testing.sites import TestSite, write_site
from camfan_wire.keys import read_pair

GATE_PASSWORD = "gate-s3cret"
MISTYPED = "incorrect horse"  # is nearly the password
VARIABLES = {
    "GATE_PASSWORD": GATE_PASSWORD,
    "FAMILY": PASSWORD_HASH,
    "PANEL": TOKEN_HASH,
    "PANEL_TOKEN": TOKEN,
}
CAMERAS = ("one", "gate", "barn", "mirror")
NODES = (*CAMERAS, "archive", "yard", "web")


def site_with_secrets(folder: Path) -> tuple[TestSite, int]:
    """And the port of its web pages. `gate` is turned away there, `mirror` gets `one` from it."""
    unused, web = free_ports(2)
    sections = f"""
  one: {{source: test, size: 64x48}}
  gate: {{source: http, url: "http://u:${{GATE_PASSWORD}}@127.0.0.1:{web}/?k=${{GATE_PASSWORD}}"}}
  barn: {{source: rtsp, url: "rtsp://u:${{GATE_PASSWORD}}@127.0.0.1:{unused}/${{GATE_PASSWORD}}"}}
  mirror:
    source: http
    snapshot: true
    url: "http://127.0.0.1:{web}/snapshot/one.jpg?token=${{PANEL_TOKEN}}"
recorders: {{archive: {{path: {folder}/recordings, cameras: [one]}}}}
motion: {{yard: {{cameras: [one]}}}}
web:
  listen: 127.0.0.1:{web}
  state: {folder}/state
  users: {{family: {{password: "${{FAMILY}}"}}}}
  tokens: {{panel: {{token: "${{PANEL}}"}}}}"""
    return secure_site(folder, extra=sections, nodes=NODES), web


@dataclass
class Client:
    """Asks the web pages, and keeps all that they answer but the cookie."""

    port: int
    said: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            self.said.append(answer.read().decode("latin-1"))
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name == "Set-Cookie":
                self.cookies.append(value.partition(";")[0])
            else:
                self.said.append(f"{name}: {value}")
        return answer.status


def browse(client: Client) -> None:
    """Log in, wrongly and rightly, look at all there is, by cookie and by token, and leave."""
    for password, status in ((MISTYPED, 401), (PASSWORD, 200)):
        login = {"name": "family", "password": password}
        assert client.ask("POST", "/api/login", login) == status
    cookie = "; ".join(client.cookies)  # of the session, and of a browser that is known
    pages = ("me", "status", "cameras", "cameras/gate", "clients", "events", "openapi.json")
    for path in ("/live", "/metrics", "/?action=nothing", *(f"/api/{page}" for page in pages)):
        client.ask("GET", path, Cookie=cookie)
        client.ask("GET", path, Authorization=f"Bearer {TOKEN}")
        client.ask("GET", f"{path}{'&' if '?' in path else '?'}token={TOKEN}")
        client.ask("GET", path, Authorization=f"Bearer {TOKEN_HASH}")
    assert client.ask("GET", "/api/me", Cookie=cookie) == 200
    client.ask("POST", "/api/logout", {}, Cookie=cookie)


def commands(site: TestSite) -> Iterator[str]:
    """What camfan says to the operator of a site."""
    config = ("--config", str(site.path))
    for command in (
        ("show", str(site.path)),
        ("check", str(site.path)),
        ("graph", str(site.path)),
        ("diff", str(site.path), str(site.path)),
        ("keys", "list", *config),
        ("keys", "show", "broker", *config),
        ("top", "--once", *config),
        ("reload", *config),
        ("keys", "new", "one", *config),
        ("keys", "revoke", "lab", *config),
    ):
        with camfan(*command) as process:
            process.wait(30)
            yield process.output


def nodes(site: TestSite, broker: Process, stack: ExitStack) -> list[Process]:
    """A process of each node, once each has had something to say."""
    kinds = {"archive": ("recorder", "archive"), "yard": ("motion", "yard"), "web": ("web",)}
    config = ("--config", str(site.path), "--verbose")
    running = {
        name: stack.enter_context(camfan(*kinds.get(name, ("camera", name)), *config))
        for name in ("web", *(name for name in NODES if name != "web"))
    }
    for name in NODES:
        broker.wait_for(f"{name} (")
    running["gate"].wait_for("camera gate: http://")
    running["barn"].wait_for("camera barn: rtsp://")
    running["web"].wait_for("open http://")
    broker.wait_for("mirror is live", 30)
    return list(running.values())


@pytest.mark.long
@pytest.mark.timeout(180)
def test_no_secret_is_in_anything_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the processes of a whole run, the commands, health, metrics, and the web pages."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    site, port = site_with_secrets(tmp_path)
    client, health = Client(port), Client(site.http)
    with broker_process(site.path, "--verbose") as broker, ExitStack() as stack:
        broker.wait_for("ingest tcp://")
        running = nodes(site, broker, stack)
        browse(client)
        for page in ("healthz", "readyz", "metrics"):
            health.ask("GET", f"/{page}")
        said = [*commands(site), *client.said, *health.said]
        for process in (*running, broker):
            process.stop()
            said.append(process.output)

    pairs = [read_pair(path) for path in (tmp_path / "keys").glob("*.secret")]
    cookie = client.cookies[0].partition("=")[2]  # of the login; the next takes it back
    secrets = [*VARIABLES.values(), PASSWORD, MISTYPED, cookie]
    secrets += [pair.secret.decode() for pair in pairs]
    assert len(pairs) >= len(NODES) + 3
    assert len(cookie) > 20
    everything = "\n".join([*said, *map(repr, pairs)])
    assert [secret for secret in secrets if secret in everything] == []


DIRECTORY = "/srv/s3cret-folder"
HIDDEN = {"S": "s3cret", "D": DIRECTORY, "L": DIRECTORY + "/below/"}
NOT_THERE = [
    "{source: file, path: '/v/${S}.mp4'}",
    "{source: file, path: '${L}/a.mp4'}",
    "{source: images, path: '${D}/pictures'}",
    "{source: v4l2, device: '/dev/${S}'}",
    "{source: http, url: 'http://${S}.invalid/'}",
]


def says_no_secret(*outputs: str) -> None:
    for output in outputs:
        assert "${" in output
        assert [value for value in ("s3cret", DIRECTORY) if value in output] == []


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HIDDEN.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("camera", NOT_THERE)
def test_a_camera_that_is_not_there_is_called_as_in_the_file(tmp_path: Path, camera: str) -> None:
    """In its log, its status, and the event of its outage."""
    site = write_site(tmp_path, f"cameras: {{one: {camera}}}")
    with (
        broker_process(site.path),
        Subscriber(site.path, events=True, statuses=True) as items,
        camfan("camera", "one", "--config", str(site.path), "--verbose") as node,
    ):
        while not (isinstance(item := items.read(20), Event) and item.kind == "camera-offline"):
            pass
        wait_until(lambda: "one" in items.statuses and items.statuses["one"].message is not None)
        said = [str(item.details), str(items.statuses["one"].message)]
        node.stop()
        said.append(node.output)
    says_no_secret(*said)


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize(
    ("command", "sections"),
    [
        ("recorder r", "recorders: {r: {path: '/proc/${S}/r'}}"),
        ("camera one", "security: {keys: '${D}/keys'}"),
        ("web", "security: {keys: '${L}'}\nweb: {}"),
        ("web", "web: {tls: {certificate: '${D}/c.pem', key: '${D}/k.pem'}}"),
    ],
)
def test_the_last_words_of_a_node_say_what_the_file_says(
    tmp_path: Path, command: str, sections: str
) -> None:
    site = write_site(tmp_path, f"cameras: {{one: {{source: test}}}}\n{sections}")
    with camfan(*command.split(), "--config", str(site.path), "--verbose") as node:
        assert node.wait(20) in (69, 78)
    says_no_secret(node.output)
    assert "Traceback" not in node.output


@pytest.mark.usefixtures("hidden")
def test_a_ring_that_cannot_be_written(tmp_path: Path) -> None:
    ring = "{disk: 1GB, path: '/proc/${S}/r'}"
    site = write_site(tmp_path, f"cameras: {{one: {{source: test, ring: {ring}}}}}")
    with (
        broker_process(site.path),
        Subscriber(site.path, events=True, statuses=True) as items,
        camfan("camera", "one", "--config", str(site.path)) as node,
    ):
        says_no_secret(node.wait_for("the ring cannot be written"))
        wait_until(lambda: "one" in items.statuses and items.statuses["one"].message is not None)
        status = items.statuses["one"]
    assert "the ring cannot be written" in str(status.message)
    assert "s3cret" not in str(status)


@pytest.mark.usefixtures("hidden")
def test_a_broker_says_what_the_file_says(tmp_path: Path) -> None:
    """At its start, and where it cannot read its keys again."""
    site = write_site(tmp_path, "cameras: {one: {source: test}}\nsecurity: {keys: '${D}/keys'}")
    with broker_process(site.path) as broker:
        assert broker.wait(20) == 78
    says_no_secret(broker.output)


WRONG_PLACES = [
    "cameras: {a: {source: '${S}'}}",
    "cameras: {a: {source: test, fps: '${S}'}}",
    "cameras: {a: {source: test, size: '${S}'}}",
    "cameras: {a: {source: test, rotate: '${S}'}}",
    "cameras: {a: {source: test, broker: '${S}'}}",
    "cameras: {a: {source: rtsp, url: '${S}'}}",
    "cameras: {a: {source: http, url: 'ftp://${S}'}}",
    "cameras: {a: {source: http, url: 'http://a:${S}@b:none/'}}",
    "cameras: {a: {source: test, privacy: {x: '${S}'}}}",
    "cameras: {a: {source: test, masks: {x: [['${S}', 0], [1, 0], [1, 1]]}}}",
    "cameras: {a: '${S}'}",
    "cameras: '${S}'",
    "cameras: {a: {source: v4l2, device: '${S}'}, b: {source: v4l2, device: '${S}'}}",
    "broker: {host: '${S} x'}",
    "broker: {http: '${S}'}",
    "broker: {memory: '${S}'}",
    "broker: {ports: {ingest: '${S}'}}",
    "security: {server_key: '${S}'}",
    "security: {keys: k/, access: {ann: {view: ['${S}']}}}",
    "security: {limits: {frame: '${S}'}}",
    "recorders: {r: {path: /r, cameras: ['${S}']}}",
    "recorders: {r: {path: /r, keep: {age: '${S}'}}}",
    "motion: {m: {cameras: [], min_area: '${S}'}}",
    "web: {listen: '${S}'}",
    "web: {users: {ann: {password: '${S}'}}}",
    "web: {users: {ann: {role: '${S}'}}}",
    "web: {tokens: {ann: {token: '${S}'}}}",
    "web: {proxies: ['${S}']}",
    "upstream: {u: {delivery: '${S}'}}",
    "upstream: {u: {delivery: 'tcp://a:1', server_key: '${S}'}}",
    "nonsense: '${S}'",
]


@pytest.mark.parametrize("secret", ["S3cret-value", "s3cret", "53123999", "s3cret/..:@[0"])
@pytest.mark.parametrize("section", WRONG_PLACES)
def test_a_secret_in_a_wrong_place_is_not_in_the_complaint(
    tmp_path: Path, section: str, secret: str
) -> None:
    """The complaint shows the `${NAME}` that the file says, and not what that stands for."""
    path = tmp_path / "site.yaml"
    head = "" if section.startswith("cameras") else "cameras: {c: {source: test}}\n"
    path.write_text(f"version: 1\nsite: home\n{head}{section}\n")

    with pytest.raises(SiteError) as caught:
        load_site(path, environment={"S": secret})

    shown = f"{caught.value} {caught.value!r} {caught.value.problems}"
    assert secret not in shown
