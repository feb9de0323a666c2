"""`camfan keys`: secrets are made where they are used, stay there, and are never shown."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq.auth

from camfan import load_site
from camfan_nodes.cli import main
from camfan_nodes.keys.enrolment import CodeError, read_code
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, broker_process, camfan, running_broker
from camfan_testing.security import keys_of, secure_site
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_wire.keys import KeyFileError, new_pair, read_pair, read_public, to_hex, write_pair


def keys(*arguments: object) -> int:
    return main(["keys", *map(str, arguments)])


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return write_site(tmp_path, custom_cameras("one", "two"))


def test_the_first_keys_of_a_site(site: TestSite, capsys: pytest.CaptureFixture[str]) -> None:
    """One command makes those of all that runs here, and pins the broker's in the site file."""
    assert keys("new", "--config", site.path) == 0

    folder = site.path.parent / "keys"
    assert sorted(path.name for path in folder.glob("*.secret")) == [
        "broker.secret",
        "one.secret",
        "owner.secret",
        "two.secret",
    ]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.glob("*.secret"))
    loaded = load_site(site.path)
    assert loaded.security.server_key == to_hex(read_public(folder / "broker.pub"))
    secrets = [read_pair(path).secret.decode() for path in folder.glob("*.secret")]
    said = capsys.readouterr().out
    assert not any(secret in said for secret in secrets)


def test_the_first_keys_of_a_site_with_several_brokers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One key for all of the brokers; it is copied to the second machine, not made again there."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: home\nbrokers: {north: {host: hub}, south: {host: barn}}\n"
        "security: {keys: keys/}\n"
        "cameras: {a: {source: test, broker: north}, b: {source: test, broker: south}}\n"
    )

    assert keys("new", "--host", "hub", "--config", path) == 0
    made = {file.name for file in (tmp_path / "keys").glob("*.secret")}
    pinned = load_site(path).security.server_key
    (tmp_path / "keys/broker.secret").unlink()
    assert keys("new", "--host", "barn", "--config", path) == 0

    assert made == {"broker.secret", "owner.secret", "a.secret"}
    assert (tmp_path / "keys/b.secret").exists()
    assert not (tmp_path / "keys/broker.secret").exists()
    assert load_site(path).security.server_key == pinned
    assert "copy it and all .pub files from another broker" in capsys.readouterr().out


def test_the_site_file_stays_whose_it_was(site: TestSite) -> None:
    """Services read it by their group."""
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(site.path, 1234, 4321)
    site.path.chmod(0o640)

    keys("new", "--config", site.path)

    found = site.path.stat()
    assert "server_key" in site.path.read_text()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o640)


def test_keys_are_in_the_format_of_zmq_auth(tmp_path: Path) -> None:
    pair = new_pair()
    write_pair(tmp_path, "porch", pair)

    assert zmq.auth.load_certificate(tmp_path / "porch.secret") == (pair.public, pair.secret)
    assert zmq.auth.load_certificate(tmp_path / "porch.pub") == (pair.public, None)


def test_nothing_is_overwritten(site: TestSite, capsys: pytest.CaptureFixture[str]) -> None:
    keys("new", "--config", site.path)
    secret = (site.path.parent / "keys/one.secret").read_bytes()

    assert keys("new", "one", "--config", site.path) == 78
    assert "is not overwritten" in capsys.readouterr().err
    assert keys("new", "--config", site.path) == 0
    assert "exists already and was not changed" in capsys.readouterr().out
    assert (site.path.parent / "keys/one.secret").read_bytes() == secret


@pytest.mark.parametrize("name", ["../evil", "Porch", "", "a/b", "x" * 65, ".hidden"])
def test_invalid_names(site: TestSite, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    keys("new", "--config", site.path)

    assert keys("new", name, "--config", site.path) == 78
    assert "is not a name" in capsys.readouterr().err


SECTIONS = [
    pytest.param("", id="absent"),
    pytest.param("security:\n  keys: keys/  # ours\n", id="block"),
    pytest.param("security: {keys: keys/, limits: {connections: 99}}\n", id="flow"),
    pytest.param("security: {}\n", id="empty"),
    pytest.param("security:\n    # indented by four\n    access: {a: {view: '*'}}\n", id="indent"),
    pytest.param(f"security: {{keys: keys/, server_key: '{'0' * 64}'}}\n", id="pinned-before"),
]


CABIN = f"""upstream:
  cabin: {{delivery: "tcp://127.0.0.1:5552", key: cabin.secret, server_key: {"1" * 64}}}  # theirs
"""


@pytest.mark.parametrize("upstream", ["", CABIN], ids=["alone", "with-an-upstream"])
@pytest.mark.parametrize("section", SECTIONS)
def test_pinning_changes_nothing_else(tmp_path: Path, section: str, upstream: str) -> None:
    """Comments, order and the other keys of the site file stay as they were."""
    head = f"version: 1 # of the format\nsite: home\n{upstream}"
    tail = "cameras:\n  one: {source: custom}  # by hand\n"
    path = tmp_path / "site.yaml"
    path.write_text(head + section + tail)

    assert keys("new", "broker", "--config", path) == 0

    text = path.read_text()
    assert text.startswith(head)
    assert tail in text
    security = load_site(path).security
    assert security.server_key == to_hex(read_public(tmp_path / "keys/broker.pub"))
    assert ("# ours" in text) == ("# ours" in section)
    assert (security.limits.connections == 99) == ("99" in section)


def test_a_site_file_with_other_mistakes_is_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("version: 1\nsite: home\ncameras: {one: {source: nonsense}}\n")

    assert keys("new", "--config", path) != 0
    said = capsys.readouterr().err
    assert "nonsense" in said
    assert "security" not in path.read_text()

    path.write_text("version: 1\nsite: home\ncameras: {one: {source: test}}\n")
    assert keys("new", "--config", path) == 0
    pinned = load_site(path).security.server_key
    assert pinned is not None
    assert pinned in said  # the key that the message says to write there


def test_a_broker_reached_over_the_network_gets_its_first_keys(tmp_path: Path) -> None:
    """Such a file does not load without keys; the command that makes them has to cope."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: home\nbroker: {host: hub.local}\ncameras: {one: {source: custom}}\n"
    )

    assert keys("new", "--host", "hub", "--config", path) == 0
    assert load_site(path).security.keys == str(tmp_path / "keys")


def test_list_and_show(site: TestSite, capsys: pytest.CaptureFixture[str]) -> None:
    keys("new", "broker", "one", "--config", site.path)
    capsys.readouterr()

    assert keys("list", "--config", site.path) == 0
    listed = capsys.readouterr().out
    assert "no key yet" in next(line for line in listed.splitlines() if line.startswith("two"))
    assert "secret is here" in next(line for line in listed.splitlines() if line.startswith("one"))
    assert keys("show", "one", "--config", site.path) == 0
    shown = capsys.readouterr().out
    pair = read_pair(site.path.parent / "keys/one.secret")
    assert pair.public.decode() in shown
    assert pair.secret.decode() not in shown + listed


def test_a_loose_secret_is_refused(site: TestSite, capsys: pytest.CaptureFixture[str]) -> None:
    keys("new", "--config", site.path)
    (site.path.parent / "keys/owner.secret").chmod(0o644)

    assert main(["reload", "--config", str(site.path)]) == 78
    assert "chmod 600" in capsys.readouterr().err


def test_revoke_keeps_a_record_and_reloads(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    with running_broker(site.path) as process, camfan("keys", "revoke", "lab", cwd=tmp_path) as it:
        assert it.wait(30) == 0
        assert "the broker: key of lab revoked" in it.output
        process.wait_for("key of lab revoked")
    assert not (tmp_path / "keys/lab.pub").exists()
    assert list((tmp_path / "keys").glob("lab.*.revoked"))


@pytest.mark.parametrize("task", ["rotate", "revoke"])
def test_the_owners_key_goes_while_the_broker_runs(tmp_path: Path, task: str) -> None:
    """The broker hears it from the old key; the new one opens what that opened."""
    site = secure_site(tmp_path, "one")
    stolen = tmp_path / "stolen.secret"
    shutil.copy(tmp_path / "keys/owner.secret", stolen)
    with running_broker(site.path) as process:
        with camfan("keys", task, "owner", cwd=tmp_path) as it:
            assert it.wait(30) == 0
        assert "the broker: key of owner" in it.output
        process.wait_for("key of owner")
        with camfan("reload", "--key", str(stolen), cwd=tmp_path) as thief:
            assert thief.wait(30) == 69
        assert "is not one of site" in thief.output
        if task == "rotate":
            with camfan("reload", cwd=tmp_path) as again:
                assert again.wait(30) == 0, again.output
    assert (tmp_path / "keys/owner.secret").exists() == (task == "rotate")
    assert not list((tmp_path / "keys").glob(".*"))


def test_the_brokers_key_must_be_the_pinned_one(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    for suffix in ("secret", "pub"):
        (tmp_path / f"keys/broker.{suffix}").unlink()
    write_pair(tmp_path / "keys", "broker", new_pair())

    with camfan("top", "--once", "--config", str(site.path)) as command:
        assert command.wait(30) == 78
        assert "is not the key that security.server_key pins" in command.output
    with broker_process(site.path) as broker:
        assert broker.wait(30) == 78
        assert "is not the key that security.server_key of the site file expects" in broker.output


def test_a_machine_without_a_key_gets_instructions(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    (tmp_path / "keys/owner.secret").unlink()

    with camfan("top", "--once", "--config", str(site.path)) as command:
        assert command.wait(30) == 78
        assert "requires a key" in command.output
        assert "camfan keys new" in command.output


def test_systemd_credentials_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In $CREDENTIALS_DIRECTORY, where systemd lets only the service itself read them."""
    site = load_site(secure_site(tmp_path, "one").path)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    wanted = keys_of(site, "one")
    (tmp_path / "keys/one.secret").rename(credentials / "one.secret")
    (credentials / "one.secret").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    from camfan.identity import client_keys

    assert client_keys(site, "one") == wanted


@pytest.mark.timeout(180)  # the second time, it waits for a machine that does not connect
def test_a_new_machine_joins_by_a_code(tmp_path: Path) -> None:
    """The secret is made there and stays there; the code is good once."""
    hub, pi = tmp_path / "hub", tmp_path / "pi"
    hub.mkdir()
    pi.mkdir()
    site = secure_site(hub, "one")
    for suffix in ("pub", "secret"):
        (hub / f"keys/one.{suffix}").unlink()
    (pi / "site.yaml").write_text(site.path.read_text())
    with running_broker(site.path) as broker:
        with camfan("keys", "invite", "one", "--port", "0", cwd=hub) as inviting:
            code = inviting.wait_for("camfan keys join ").split()[-1]
            with camfan("keys", "join", code, cwd=pi) as joining:
                assert joining.wait(30) == 0, joining.output
            assert inviting.wait(30) == 0, inviting.output
            assert "the broker: key of one added" in inviting.output
        broker.wait_for("key of one added")
        pair = read_pair(pi / "keys/one.secret")
        assert read_public(hub / "keys/one.pub") == pair.public
        assert not (hub / "keys/one.secret").exists()
        assert pair.secret.decode() not in inviting.output + joining.output + broker.output
        with camfan("keys", "join", code, cwd=pi) as again:
            assert again.wait(60) == 69
            assert "valid once" in again.output


def test_an_invitation_ends_by_itself(tmp_path: Path) -> None:
    secure_site(tmp_path, "one")
    with camfan("keys", "invite", "one", "--port", "0", "--minutes", "0.01", cwd=tmp_path) as it:
        assert it.wait(30) == 69
        assert "it is no longer valid" in it.output


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_an_invitation_needs_a_port_that_there_is(
    site: TestSite, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys("new", "--config", site.path)

    assert keys("invite", "one", "--port", port, "--config", site.path) == 78
    assert "--port is 0 to 65535" in capsys.readouterr().err


def test_a_code_for_an_address_of_version_6() -> None:
    code = read_code("porch@[fe80::1]:5553/" + "A" * 20)

    assert (code.host, str(code)) == ("fe80::1", "porch@[fe80::1]:5553/AAAA-AAAA-AAAA-AAAA-AAAA")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "porch",
        "porch@hub:5553",
        "porch@hub:5553/ABCD",
        "Porch@hub:1/" + "A" * 20,
        "porch@a b:1/" + "A" * 20,
        "porch@hub:0/" + "A" * 20,
        "porch@hub:65536/" + "A" * 20,
        "porch@*:1/" + "A" * 20,
        "porch@eth0;hub:1/" + "A" * 20,
        "porch@[::1:1/" + "A" * 20,
    ],
)
def test_invalid_codes(text: str) -> None:
    with pytest.raises(CodeError, match="is not a code"):
        read_code(text)


def test_a_code_is_read_as_people_write_it() -> None:
    """Small letters, other groups, O for 0 and I for 1."""
    one = read_code("porch@hub.local:5553/0123-4567-89AB-CDEF-GHJ1")

    assert one == read_code("porch@hub.local:5553/o1234567-89abcdefghji")
    assert one.pair("server") != one.pair("client")
    assert "89AB" not in repr(one)


@pytest.mark.parametrize("text", ["", "public-key", 'public-key = "short"', "\0" * 100])
def test_invalid_key_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pub"
    path.write_text(text)

    with pytest.raises(KeyFileError, match=str(path)):
        read_public(path)


def test_a_second_invitation_says_where_the_first_one_runs(tmp_path: Path) -> None:
    """For the same name or on the same port; on another port it works."""
    site = secure_site(tmp_path, "one", "two")
    (port,) = free_ports(1)

    def invite(name: str, at: int) -> Process:
        options = ["--config", str(site.path), "--port", str(at)]
        return camfan("keys", "invite", name, *options)

    with invite("one", port) as first:
        first.wait_for("valid once")
        for name, at, advice in (("one", 0, "Ctrl-C"), ("two", port, "--port 0")):
            with invite(name, at) as second:
                assert second.popen.wait(20) == 69
            assert "an invitation for one is already open on this machine" in second.output
            assert f"process {first.popen.pid}, port {port}, since " in second.output
            assert advice in second.output
        with invite("two", 0) as third:
            third.wait_for("valid once")
    with invite("one", port) as again:
        again.wait_for("valid once")


def test_what_an_invitation_that_was_killed_leaves_means_nothing(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    options = ["--config", str(site.path), "--port", "0"]
    with camfan("keys", "invite", "one", *options) as first:
        first.wait_for("valid once")
        first.popen.kill()
        first.popen.wait()
    assert list((tmp_path / "keys").glob(".invite-*"))
    with camfan("keys", "invite", "one", *options) as second:
        second.wait_for("valid once")


def test_a_loose_umask_opens_no_folder(site: TestSite) -> None:
    before = os.umask(0)
    try:
        assert keys("new", "--config", site.path) == 0
    finally:
        os.umask(before)

    folder = site.path.parent / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in folder.glob("*.pub"))


@pytest.mark.parametrize("place", ["keys", ".", "keys/one.pub"])
def test_keys_that_others_can_replace_are_refused(
    site: TestSite, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that all may write, one above it, or a file; check and list warn of each."""
    keys("new", "--config", site.path)
    loose = (site.path.parent / place).resolve()
    loose.chmod(loose.stat().st_mode | 0o002)
    capsys.readouterr()

    with broker_process(site.path) as broker:
        assert broker.wait(30) == 78
    assert f"chmod o-w '{loose}'" in broker.output
    assert main(["check", str(site.path)]) == 0
    assert str(loose) in "".join(capsys.readouterr().out.split())
    assert keys("list", "--config", site.path) == 0
    assert f"chmod o-w '{loose}'" in capsys.readouterr().err
    if loose.is_dir():
        assert keys("rotate", "one", "--config", site.path) == 78
        assert "chmod o-w" in capsys.readouterr().err


def test_a_sticky_folder_above_the_keys_is_safe(site: TestSite) -> None:
    keys("new", "--config", site.path)
    site.path.parent.chmod(0o1777)

    assert keys("rotate", "broker", "--config", site.path) == 0


def test_a_site_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Nothing is changed by a rotation; the first key stays, and is named."""
    if os.geteuid() or not shutil.which("chattr"):
        pytest.skip("needs root and chattr")
    site = secure_site(tmp_path, "one")
    before = read_pair(tmp_path / "keys/broker.secret")
    if subprocess.run(["chattr", "+i", site.path], check=False).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        with camfan("keys", "rotate", "broker", "--config", str(site.path)) as command:
            assert command.wait(30) == 69
    finally:
        subprocess.run(["chattr", "-i", site.path], check=True)

    assert f"{site.path} cannot be written: permission denied" in command.output
    assert "would not load" not in command.output
    assert read_pair(tmp_path / "keys/broker.secret") == before


def test_no_code_on_standard_input(site: TestSite) -> None:
    with camfan("keys", "join", "-", "--config", str(site.path)) as command:
        assert command.wait(30) == 78
    assert "no code was given" in command.output


def test_a_code_is_read_from_standard_input(tmp_path: Path) -> None:
    hub, pi = tmp_path / "hub", tmp_path / "pi"
    hub.mkdir()
    pi.mkdir()
    site = secure_site(hub, "one")
    (hub / "keys/owner.secret").unlink()
    (pi / "site.yaml").write_text(site.path.read_text())
    with camfan("keys", "invite", "one", "--port", "0", cwd=hub) as inviting:
        code = inviting.wait_for("camfan keys join ").split()[-1]
        command = [sys.executable, "-m", "camfan_nodes", "keys", "join"]
        joined = subprocess.run(
            command, input=f"{code}\n", text=True, capture_output=True, cwd=pi, timeout=60
        )
        assert joined.returncode == 0, joined.stderr
        assert inviting.wait(30) == 0, inviting.output
    assert read_public(hub / "keys/one.pub") == read_pair(pi / "keys/one.secret").public


@pytest.mark.timeout(120)
def test_a_pi_rotates_its_key_in_two_halves(tmp_path: Path) -> None:
    """Its old pair stays in use until the broker takes the next one."""
    hub, pi = tmp_path / "hub", tmp_path / "pi"
    hub.mkdir()
    site = secure_site(hub, "one")
    (pi / "keys").mkdir(parents=True)
    (pi / "site.yaml").write_text(site.path.read_text())
    for suffix in ("secret", "pub"):
        (hub / f"keys/one.{suffix}").rename(pi / f"keys/one.{suffix}")
    old = read_pair(pi / "keys/one.secret")
    shutil.copy(pi / "keys/one.pub", hub / "keys")

    def rotate(code: int) -> str:
        with camfan("keys", "rotate", "one", cwd=pi) as it:
            assert it.wait(30) == code, it.output
        return it.output

    with running_broker(site.path):
        assert "camfan reload" in rotate(0)
        assert "does not know the next key" in rotate(69)
        assert read_pair(pi / "keys/one.secret") == old
        shutil.copy(pi / "keys/one.pub", hub / "keys")
        with camfan("reload", cwd=hub) as reload:
            assert reload.wait(30) == 0
        rotate(0)
    assert read_pair(pi / "keys/one.secret") != old
