"""Processes are started, read, started again and ended together."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from camfan_nodes.shared.share import NodeProcess, ShareChange
from camfan_nodes.up.child import ending
from camfan_nodes.up.supervisor import Supervisor
from camfan_testing.live import wait_until
from camfan_testing.processes import Process

STARTED = "import os; print('pid', os.getpid(), flush=True); print('started', flush=True)"
FOREVER = f"import signal; {STARTED}; signal.pause()"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    f"{STARTED}\nwhile True: time.sleep(60)"
)
HEARS_HUP = (
    "import signal; signal.signal(signal.SIGHUP, lambda *_: print('got SIGHUP', flush=True));"
    f"{STARTED}\nwhile True: signal.pause()"
)


def work(name: str, code: str, kind: str = "camera") -> NodeProcess:
    return NodeProcess(name, kind, (sys.executable, "-c", code))


class Heard:
    """The lines of the processes, what to do at each, and the pid that each process names."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.pids: dict[str, int] = {}
        self.when: dict[tuple[str, str, int], Callable[[], None]] = {}

    def say(self, name: str, line: str) -> None:
        if line.startswith("pid "):
            self.pids[name] = int(line.removeprefix("pid "))
            return
        self.lines.append((name, line))
        count = sum(said == (name, line) for said in self.lines)
        self.when.get((name, line, count), lambda: None)()

    def of(self, name: str) -> list[str]:
        return [line for said, line in self.lines if said == name]


def test_what_dies_is_started_again_with_growing_pauses() -> None:
    """Each death is said, with how it came and when the next start is."""
    heard = Heard()
    supervisor = Supervisor([work("one", "print('hello')")], heard.say, pauses_s=(0.01, 0.02))
    heard.when["one", "hello", 4] = supervisor.stop

    assert supervisor.run() == 0

    said = [line for line in heard.of("one") if line != "hello"]
    assert said[:3] == [
        "ended with exit code 0; restarting in 0.01 s",
        "ended with exit code 0; restarting in 0.02 s",
        "ended with exit code 0; restarting in 0.02 s",
    ]


def test_the_others_go_on_while_one_is_started_again() -> None:
    """The other processes keep running."""
    heard = Heard()
    works = [work("good", FOREVER), work("bad", "raise SystemExit(1)")]
    supervisor = Supervisor(works, heard.say, pauses_s=(0.01,))
    heard.when["bad", "ended with exit code 1; restarting in 0.01 s", 3] = supervisor.stop

    supervisor.run()

    assert heard.of("good").count("started") <= 1


def test_a_wrong_configuration_is_not_started_again() -> None:
    """Exit code 78 would come again; it is said loudly, and with nothing left the end is 78."""
    heard = Heard()
    supervisor = Supervisor([work("one", "raise SystemExit(78)")], heard.say)

    assert supervisor.run() == 78
    assert any("CANNOT RUN AS CONFIGURED" in line for line in heard.of("one"))


def test_a_closed_window_stays_closed() -> None:
    """What is not wanted again ends quietly, and does not end the others."""
    heard = Heard()
    window = NodeProcess("window", "viewer", (sys.executable, "-c", ""), again=False)
    supervisor = Supervisor([work("one", FOREVER), window], heard.say)
    heard.when["window", "ended with exit code 0", 1] = supervisor.stop

    assert supervisor.run() == 0


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """SIGTERM, two seconds, SIGKILL: a process ends whatever it does."""
    heard = Heard()
    supervisor = Supervisor([work("one", STUBBORN), work("two", FOREVER)], heard.say)
    for name in ("one", "two"):
        heard.when[name, "started", 1] = lambda: supervisor.stop() if len(heard.pids) == 2 else None

    assert supervisor.run() == 0

    assert len(heard.pids) == 2
    assert not any(is_running(pid) for pid in heard.pids.values())


def test_what_a_process_started_ends_with_it() -> None:
    """A grandchild that ignores everything is not left behind either."""
    heard = Heard()
    code = (
        "import subprocess, sys, signal;"
        f"p = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.PIPE);"
        "p.stdout.readline(); print(p.pid, flush=True); print('ready', flush=True); signal.pause()"
    )
    supervisor = Supervisor([work("one", code)], heard.say)
    heard.when["one", "ready", 1] = supervisor.stop

    supervisor.run()

    wait_until(lambda: not is_running(int(heard.of("one")[0])))


def test_lines_are_whole_whatever_is_written() -> None:
    """Half lines wait, endless ones are cut, what commands a terminal is not passed on."""
    heard = Heard()
    code = (
        "import sys; o = sys.stdout.buffer\n"
        "for part in (b'ha', b'lf\\n', b'bad \\xff\\n', b'red \\x1b[31m\\n',"
        " b'x' * 30000 + b'\\n', b'last'):\n"
        "  o.write(part); o.flush()\n"
    )
    supervisor = Supervisor([work("one", code)], heard.say, pauses_s=(5,))
    heard.when["one", "ended with exit code 0; restarting in 5 s", 1] = supervisor.stop

    supervisor.run()

    said = heard.of("one")
    assert said[:3] == ["half", "bad \ufffd", "red \ufffd[31m"]
    assert "".join(said[3:-2]) == "x" * 30000
    assert said[-2] == "last"


def test_a_reload_changes_what_has_changed_and_nothing_else() -> None:
    """New ones start, removed ones end, changed ones restart, the broker gets SIGHUP."""
    heard = Heard()
    before = [
        work("broker", HEARS_HUP, "broker"),
        work("stays", FOREVER),
        work("changes", FOREVER),
        work("goes", FOREVER),
    ]
    comes = work("comes", FOREVER)
    pids: dict[str, int] = {}

    def read_again() -> ShareChange:
        pids.update(heard.pids)
        return ShareChange((*before[:3], comes), frozenset({"changes"}))

    supervisor = Supervisor(before, heard.say, read_again=read_again)
    started: list[str] = []

    def count(name: str) -> None:
        started.append(name)
        if len(started) == 4:
            supervisor.reload()
        if len(started) == 6 and ("broker", "got SIGHUP") in heard.lines:
            supervisor.stop()

    for one in (*before, comes):
        heard.when[one.name, "started", 1] = partial(count, one.name)
    heard.when["changes", "started", 2] = partial(count, "changes")
    heard.when["broker", "got SIGHUP", 1] = lambda: supervisor.stop() if len(started) == 6 else None
    supervisor.run()

    after = heard.pids
    assert after["stays"] == pids["stays"]
    assert after["broker"] == pids["broker"]
    assert after["changes"] != pids["changes"]
    assert sorted(started) == sorted([*after, "changes"])
    assert heard.of("goes") == ["started", "is no longer in the site file; stopping it"]
    assert not is_running(pids["goes"])


def test_a_reload_gives_a_wrong_configuration_another_chance() -> None:
    """The change may have been what it needed."""
    heard = Heard()
    works = [work("good", FOREVER), work("bad", "print('tried'); raise SystemExit(78)")]
    supervisor = Supervisor(works, heard.say, read_again=lambda: ShareChange(tuple(works)))
    loud = "CANNOT RUN AS CONFIGURED (exit code 78); restarting when the site file changes"
    heard.when["bad", loud, 1] = supervisor.reload
    heard.when["bad", loud, 2] = supervisor.stop

    assert supervisor.run() == 0
    assert heard.of("bad").count("tried") == 2


def test_files_that_were_broken_while_everything_started_end_nothing(tmp_path: Path) -> None:
    """All processes end with 78, the supervisor waits, and the repaired file starts them again."""
    heard = Heard()
    file = tmp_path / "site.yaml"
    file.write_text("good")
    code = (
        f"import pathlib, sys, time; print(pathlib.Path({str(file)!r}).read_text(), flush=True);"
        f"sys.exit(78 if pathlib.Path({str(file)!r}).read_text() == 'broken' else 1)"
    )
    works = [work("one", code), work("two", code, "recorder")]
    supervisor = Supervisor(works, heard.say, files=file.read_text, pauses_s=(0.05,))

    def spoil() -> None:
        file.write_text("broken")

    heard.when["one", "good", 1] = spoil
    loud = "CANNOT RUN AS CONFIGURED (exit code 78); restarting when the site file changes"

    def repair() -> None:
        if loud in heard.of("one") and loud in heard.of("two"):
            file.write_text("repaired")

    heard.when["one", loud, 1] = heard.when["two", loud, 1] = repair
    done = threading.Event()

    def finish() -> None:
        if "repaired" in heard.of("one") and "repaired" in heard.of("two"):
            done.set()
            supervisor.stop()

    heard.when["one", "repaired", 1] = heard.when["two", "repaired", 1] = finish

    assert supervisor.run() == 0
    assert done.is_set()


def test_a_file_that_cannot_be_read_changes_nothing() -> None:
    """`read_again` answers with nothing, and everything runs as before."""
    heard = Heard()
    asked = threading.Event()

    def read_again() -> None:
        asked.set()
        supervisor.stop()

    supervisor = Supervisor([work("one", FOREVER)], heard.say, read_again=read_again)
    heard.when["one", "started", 1] = supervisor.reload

    assert supervisor.run() == 0
    assert asked.is_set()


def test_killing_the_parent_kills_the_children(tmp_path: Path) -> None:
    """kill -9 leaves nothing running: the kernel sees to it."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from camfan_nodes.shared.share import NodeProcess\n"
        "from camfan_nodes.up.supervisor import Supervisor\n"
        f"works = [NodeProcess(n, 'camera', (sys.executable, '-c', {STUBBORN!r})) for n in 'ab']\n"
        "def say(name, line):\n"
        "    print(line, flush=True)\n"
        "s = Supervisor(works, say)\n"
        "s.run()\n"
    )
    with Process([sys.executable, str(script)]) as parent:
        wait_until(lambda: sum("started" in line for line in parent.lines) == 2)
        pids = [int(line.split()[1]) for line in parent.lines if line.startswith("pid ")]
        assert len(pids) == 2

        parent.send(signal.SIGKILL)
        parent.wait()

        wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_an_orphan_does_not_start() -> None:
    """A command whose parent died before the kernel was asked to tie it ends at once."""
    tied = Path(sys.modules["camfan_nodes.up.child"].__file__ or "").with_name("die_with_parent.py")

    with Process([sys.executable, str(tied), "1", sys.executable, "-c", "print('ran')"]) as orphan:
        assert orphan.wait() == 1
        assert "ran" not in orphan.output


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (69, "ended with exit code 69"),
        (-11, "was killed by SIGSEGV"),
        (-99, "was killed by signal 99"),
    ],
)
def test_how_it_ended_is_said_in_words(code: int, words: str) -> None:
    """A signal by its name."""
    assert ending(code) == words


def is_running(pid: int) -> bool:
    """The process is there and no zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
