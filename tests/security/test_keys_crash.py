"""No moment of a command of keys leaves a machine without a key that works.

Each command is killed before each of its calls that change the disk, and meets a full disk at each
of them. What must hold then: the broker starts with the key that the site file pins, each secret
opens it, and the command run again ends well.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from zmq.utils import z85

from camfan import load_site
from camfan.identity import server_key_of
from camfan_broker.access.roster import ServerAuth, read_server_auth
from camfan_testing.killing import Ended, Runner, output_of
from camfan_testing.live import wait_until
from camfan_testing.processes import running_broker
from camfan_testing.security import secure_site
from camfan_wire.keys import read_pair, read_pairs, read_publics


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as found:
        yield found


def check_works(folder: Path, *, gone: str = "") -> ServerAuth:
    """A broker would start here, and each secret of the folder would open it."""
    site = load_site(folder / "site.yaml")
    locks = read_server_auth(site)
    assert locks is not None
    assert locks.keys.pair.public == server_key_of(site)
    for secret in (folder / "keys").glob("[a-z]*.secret"):
        if secret.stem not in ("broker", gone):
            assert is_let_in(locks, secret), secret.name
    return locks


def is_let_in(locks: ServerAuth, secret: Path) -> bool:
    known = locks.roster.ids.get(z85.decode(read_pair(secret).public), "")
    return known.partition("/")[0] == secret.stem


def check_tidy(folder: Path) -> None:
    """Nothing is left half done."""
    assert not list(folder.glob("**/.*"))
    for secret in (folder / "keys").glob("*.secret"):
        (pair,) = read_pairs(secret)
        assert read_publics(secret.with_suffix(".pub")) == (pair.public,)


def every_end(
    runner: Runner, start: Path, folder: Path, arguments: tuple[str, ...], how: str
) -> Iterator[Ended]:
    """The command ends at its first call, at its second…, each time from the same start."""
    for at in itertools.count(1):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        ended = runner.run(folder, *arguments, at=at, how=how)
        assert "Traceback" not in ended.output, (at, ended.output)
        if not ended.killed and ended.code == 0:
            assert at > 5, ended.output
            return
        yield ended


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["kill", "full"])
@pytest.mark.parametrize("name", [pytest.param("broker", marks=pytest.mark.long), "one"])
def test_rotating_where_the_broker_is(tmp_path: Path, runner: Runner, name: str, how: str) -> None:
    secure_site(tmp_path, "one")
    (tmp_path / "keys/owner.secret").unlink()  # no broker runs, and none is waited for
    start, folder = _moved(tmp_path), tmp_path / "again"
    before = read_pair(start / f"keys/{name}.secret")
    command = ("keys", "rotate", name)
    for ended in every_end(runner, start, folder, command, how):
        check_works(folder)
        assert how == "kill" or "No space left on device" in ended.output

        again = runner.run(folder, *command)

        assert again.code == 0, (ended, again)
        check_works(folder)
        check_tidy(folder)
        assert read_pair(folder / f"keys/{name}.secret") != before


@pytest.mark.long  # a process for each call that changes the disk
@pytest.mark.timeout(300)
def test_rotating_the_owners_key_while_the_broker_runs(tmp_path: Path, runner: Runner) -> None:
    """The broker takes the key that is in the folder, at each moment, without a restart."""
    secure_site(tmp_path, "one")
    with running_broker(tmp_path / "site.yaml"):
        for at in itertools.count(1):
            before = read_pair(tmp_path / "keys/owner.secret")
            ended = runner.run(tmp_path, "keys", "rotate", "owner", at=at)
            check_works(tmp_path)
            assert runner.run(tmp_path, "reload").code == 0
            if not ended.killed:
                assert (ended.code, at > 5) == (0, True), ended
                break
            assert runner.run(tmp_path, "keys", "rotate", "owner").code == 0
            check_tidy(tmp_path)
            assert read_pair(tmp_path / "keys/owner.secret") != before
            assert runner.run(tmp_path, "reload").code == 0


def _moved(folder: Path) -> Path:
    """What was made in a folder, in a folder below it."""
    start = folder / "start"
    start.mkdir()
    for each in ("site.yaml", "keys"):
        shutil.move(folder / each, start / each)
    return start


@pytest.mark.long  # the command run again waits for a broker that does not run
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_the_first_keys(tmp_path: Path, runner: Runner, how: str) -> None:
    start, folder = tmp_path / "start", tmp_path / "again"
    start.mkdir()
    (start / "site.yaml").write_text("version: 1\nsite: home\ncameras: {one: {source: custom}}\n")
    for ended in every_end(runner, start, folder, ("keys", "new"), how):
        assert load_site(folder / "site.yaml").site == "home"

        again = runner.run(folder, "keys", "new")

        assert again.code == 0, (ended, again)
        locks = check_works(folder)
        assert set(locks.roster.names()) == {"owner", "one"}
        check_tidy(folder)
        assert load_site(folder / "site.yaml").security.server_key is not None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_revoking(tmp_path: Path, runner: Runner, how: str) -> None:
    secure_site(tmp_path, "one")
    (tmp_path / "keys/owner.secret").unlink()
    start, folder = _moved(tmp_path), tmp_path / "again"
    for ended in every_end(runner, start, folder, ("keys", "revoke", "lab"), how):
        check_works(folder, gone="lab")

        again = runner.run(folder, "keys", "revoke", "lab")

        assert again.code == 0 or "lab has no key" in again.output, (ended, again)
        assert "lab" not in check_works(folder).roster.names()
        assert not (folder / "keys/lab.secret").exists()
        assert runner.run(folder, "keys", "new", "lab").code == 0


def test_a_revoked_key_is_not_taken_in_again(tmp_path: Path, runner: Runner) -> None:
    """Of a `revoke` that was killed its secret is left; the public file is not made of it again."""
    secure_site(tmp_path, "one")
    (tmp_path / "keys/lab.pub").rename(tmp_path / "keys/lab.0000-0000-0000-0000.revoked")

    ended = runner.run(tmp_path, "keys", "new", "lab")

    assert ended.code == 78
    assert "camfan keys revoke lab" in ended.output
    assert not (tmp_path / "keys/lab.pub").exists()


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Path, Path]:
    """Where a hub and a Pi start from: the Pi has the key of camera `one`, and the hub knows it."""
    start = tmp_path / "start"
    hub, pi = start / "hub", start / "pi"
    hub.mkdir(parents=True)
    secure_site(hub, "one")
    (hub / "keys/owner.secret").unlink()  # no broker runs, and none is waited for
    (pi / "keys").mkdir(parents=True)
    shutil.copy(hub / "site.yaml", pi)
    for suffix in ("secret", "pub"):
        shutil.copy(hub / f"keys/one.{suffix}", pi / "keys")
    (hub / "keys/one.secret").unlink()
    return start, tmp_path / "again"


BEGIN_S = 90.0  # for an interpreter to start on a busy machine, and for the invitation
INVITE = ("keys", "invite", "one", "--port", "0", "--minutes", "2")


def code_of(folder: Path) -> str:
    """What the invitation that runs there has printed."""
    wait_until(lambda: has_begun(folder), BEGIN_S)
    return next(w for w in output_of(folder).read_text().split() if w.startswith("one@"))


def has_begun(folder: Path) -> bool:
    output = output_of(folder)
    return output.exists() and "valid once" in output.read_text()


def check_pi(again: Path) -> None:
    """The Pi is let in by the hub with what it has."""
    assert is_let_in(check_works(again / "hub"), again / "pi/keys/one.secret")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_joining(machines: tuple[Path, Path], runner: Runner, how: str) -> None:
    """The same code is good until the new key is stored."""
    start, again = machines
    old = read_pair(start / "pi/keys/one.secret")
    with Runner() as hub:
        for at in itertools.count(1):
            shutil.rmtree(again, ignore_errors=True)
            shutil.copytree(start, again)
            hub.start(again / "hub", *INVITE)
            join = ("keys", "join", code_of(again / "hub"))
            ended = runner.run(again / "pi", *join, at=at, how=how)
            check_pi(again)
            if ended.code:
                assert "Traceback" not in ended.output
                repeated = runner.run(again / "pi", *join)
                assert repeated.code == 0, (ended, repeated)
            assert hub.wait().code == 0
            check_pi(again)
            check_tidy(again / "pi")
            now = read_pair(again / "pi/keys/one.secret")
            assert now != old
            assert read_publics(again / "hub/keys/one.pub") == (now.public,)
            if not ended.code:
                assert at > 5
                break


@pytest.mark.long  # two interpreters are started for each call
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["kill", "full"])
def test_inviting(machines: tuple[Path, Path], how: str) -> None:
    """The hub dies, and then the machine that joins; whatever each has stored, they fit."""
    start, again = machines
    for at in itertools.count(1):
        shutil.rmtree(again, ignore_errors=True)
        shutil.copytree(start, again)
        with Runner() as hub, Runner() as pi:
            hub.start(again / "hub", *INVITE, at=at, how=how)
            wait_until(lambda: hub.has_ended() or has_begun(again / "hub"), BEGIN_S)
            if not hub.has_ended():
                pi.start(again / "pi", "keys", "join", code_of(again / "hub"))
            ended = hub.wait()
        assert "Traceback" not in ended.output
        check_pi(again)
        with Runner() as hub, Runner() as pi:
            hub.start(again / "hub", *INVITE)
            joined = pi.run(again / "pi", "keys", "join", code_of(again / "hub"))
            assert joined.code == 0, (ended, joined)
            assert hub.wait().code == 0
        check_pi(again)
        check_tidy(again / "pi")
        assert not list((again / "hub/keys").glob(".*"))
        if not ended.code:
            assert at > 5
            break
