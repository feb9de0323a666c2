"""Keeps processes running: starts them, reads their output, restarts what fails, ends them.

One loop on the main thread, without threads. It never prints: lines of the processes and of its own
go to `say`, a name and a line at a time.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camfan_config import BROKER, EXIT_CONFIG
from camfan_nodes.shared.share import NodeProcess, ShareChange
from camfan_nodes.up.child import Child
from camfan_nodes.up.child import ending as how_it_ended

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # before each restart of a process that keeps failing
GOOD_S = 60.0  # of running, after which the first pause is short again
GRACE_S = 2.0  # from SIGTERM to SIGKILL
FILES_S = 1.0  # between looks at the files, while a child waits for them to change

Say = Callable[[str, str], None]


@dataclass(slots=True)
class _Slot:
    """A process to keep running, and its running child, if any."""

    process: NodeProcess
    child: Child | None = None
    failures: int = 0
    due_s: float | None = 0.0  # when to start; None: not to be started
    asked_to_end: bool = False
    kill_s: float | None = None  # when to kill what was asked to end
    files: object = None  # as they were when it was started last
    unfit: bool = False  # it ended with exit code 78, and waits for the files to change


class Supervisor:
    """`run` belongs to the main thread; `stop` and `reload` to any, and to signal handlers.

    `files` says which version of the configuration files is there: a value that changes with them.
    """

    def __init__(
        self,
        processes: Sequence[NodeProcess],
        say: Say,
        *,
        read_again: Callable[[], ShareChange | None] | None = None,
        files: Callable[[], object] = lambda: None,
        pauses_s: Sequence[float] = PAUSES_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = {process.key: _Slot(process) for process in processes}
        self._leaving: list[_Slot] = []  # no longer wanted, and still ending
        self._say = say
        self._read_again = read_again
        self._files = files
        self._taken = files()  # the version that `processes` was read from
        self._pauses_s = tuple(pauses_s)
        self._clock = clock
        self._stopping = False
        self._reloading = False
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)

    def stop(self) -> None:
        """End all processes, with SIGTERM first."""
        self._stopping = True
        self._wake()

    def reload(self) -> None:
        """Ask `read_again` what is to run, and change only what differs."""
        self._reloading = True
        self._wake()

    def run(self) -> int:
        """Run until `stop` (returns 0), or until no process can run as configured (returns 78)."""
        try:
            while not self._stopping and any(map(self._is_wanted, self._slots.values())):
                self._start_what_is_due()
                self._wait()
                self._look_at_files()
                if self._reloading:
                    self._reload()
            failed = not self._stopping
            self._end_all()
            return EXIT_CONFIG if failed else 0
        finally:
            for slot in self._everyone():
                if slot.child is not None:
                    slot.child.kill()
            self._selector.close()
            os.close(self._wake_out)
            os.close(self._wake_in)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):  # awake already, or ended
            os.write(self._wake_in, b"\0")

    def _everyone(self) -> list[_Slot]:
        return [*self._slots.values(), *self._leaving]

    def _start_what_is_due(self) -> None:
        now_s = self._clock()
        ending = {
            slot.process.key for slot in self._leaving
        }  # of the same name: after it has ended
        for slot in self._slots.values():
            due = slot.child is None and slot.due_s is not None and slot.due_s <= now_s
            if due and slot.process.key not in ending:
                slot.files, slot.unfit = self._files(), False
                slot.child = Child(slot.process.command, now_s)
                self._selector.register(slot.child.output, selectors.EVENT_READ, slot)
                self._selector.register(slot.child.exited, selectors.EVENT_READ, slot)

    def _wait(self) -> None:
        """Wait for output, an exit, a call or the next due time, and handle it."""
        times = [slot.kill_s for slot in self._everyone() if slot.kill_s is not None]
        times += [s.due_s for s in self._slots.values() if s.child is None and s.due_s is not None]
        times += [self._clock() + FILES_S for slot in self._slots.values() if slot.unfit]
        wait_s = max(0.0, min(times) - self._clock()) if times else None
        for key, _ in self._selector.select(wait_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_out, 4096)
            else:
                self._hear(key.data, key.fd)
        for slot in self._everyone():
            if slot.child is not None and slot.kill_s is not None and slot.kill_s <= self._clock():
                slot.child.kill()
                slot.kill_s = None

    def _hear(self, slot: _Slot, descriptor: int) -> None:
        child = slot.child
        if child is None:
            return  # it has ended: its other descriptor was handled before
        if descriptor == child.output:
            for line in child.lines():
                self._say(slot.process.name, line)
            if child.silent:
                self._selector.unregister(child.output)
        else:
            self._ended(slot, child)

    def _ended(self, slot: _Slot, child: Child) -> None:
        if not child.silent:
            self._selector.unregister(child.output)
        self._selector.unregister(child.exited)
        code, last = child.end()
        for line in last:
            self._say(slot.process.name, line)
        asked = slot.asked_to_end
        slot.child, slot.kill_s, slot.asked_to_end = None, None, False
        if slot in self._leaving:
            self._leaving.remove(slot)
        elif not asked:
            self._plan_restart(slot, code, self._clock() - child.started_s)

    def _plan_restart(self, slot: _Slot, code: int, lived_s: float) -> None:
        if not slot.process.again:
            slot.due_s = None
            self._say(slot.process.name, how_it_ended(code))
            return
        if code == EXIT_CONFIG:
            slot.due_s, slot.unfit = None, True
            self._say(
                slot.process.name,
                "CANNOT RUN AS CONFIGURED (exit code 78); restarting when the site file changes",
            )
            return
        if lived_s >= GOOD_S:
            slot.failures = 0
        pause_s = self._pauses_s[min(slot.failures, len(self._pauses_s) - 1)]
        slot.failures += 1
        slot.due_s = self._clock() + pause_s
        self._say(slot.process.name, f"{how_it_ended(code)}; restarting in {pause_s:g} s")

    def _look_at_files(self) -> None:
        """Restart what could not run as configured when the files have changed."""
        unfit = [slot for slot in self._slots.values() if slot.unfit]
        now = self._files() if unfit else None
        for slot in unfit:
            if slot.files != now:
                self._say(slot.process.name, "the site file has changed; restarting")
                slot.due_s, slot.unfit, slot.failures = self._clock(), False, 0

    def _is_wanted(self, slot: _Slot) -> bool:
        """True if it runs or will run, also after a file that was broken for a time."""
        spoiled = slot.unfit and slot.files != self._taken
        return slot.child is not None or slot.due_s is not None or spoiled

    def _end(self, slot: _Slot) -> None:
        if slot.child is not None and not slot.asked_to_end:
            slot.child.send(signal.SIGTERM)
            slot.asked_to_end = True
            slot.kill_s = self._clock() + GRACE_S

    def _end_all(self) -> None:
        self._stopping = True
        for slot in self._everyone():
            self._end(slot)
            slot.due_s = None
        while any(slot.child is not None for slot in self._everyone()):
            self._wait()

    def _reload(self) -> None:
        self._reloading = False
        files = self._files()
        change = self._read_again() if self._read_again is not None else None
        if change is None:
            return
        self._taken = files
        wanted = {process.key: process for process in change.processes}
        for key in [key for key in self._slots if key not in wanted]:
            self._say(key[1], "is no longer in the site file; stopping it")
            self._leave(self._slots.pop(key))
        for key, process in wanted.items():
            self._take_over(key, process, restart=process.name in change.restart)
        self._slots = {key: self._slots[key] for key in wanted}  # in the order of the file

    def _take_over(self, key: tuple[str, str], process: NodeProcess, *, restart: bool) -> None:
        slot = self._slots.get(key)
        if slot is None:
            self._say(process.name, "is new in the site file; starting it")
            self._slots[key] = _Slot(process)
        elif restart:
            self._say(process.name, "has changed in the site file; restarting it")
            slot.process, slot.due_s, slot.failures, slot.unfit = process, self._clock(), 0, False
            self._end(slot)
        elif slot.child is None:
            # The change may have repaired it.
            slot.due_s, slot.failures, slot.unfit = self._clock(), 0, False
        elif process.kind == BROKER:
            slot.child.send(signal.SIGHUP)

    def _leave(self, slot: _Slot) -> None:
        if slot.child is not None:
            self._leaving.append(slot)
            self._end(slot)
