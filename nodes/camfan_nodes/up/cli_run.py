"""Runs processes in the foreground of a terminal: lines or the table, and the signals.

Shared by `camfan up` and `camfan demo`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from camfan_config import Site
from camfan_nodes.monitor.screen import show
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.shared.share import NodeProcess, ShareChange, page_address
from camfan_nodes.up.journal import FileJournal, Journal, TerminalJournal
from camfan_nodes.up.supervisor import Supervisor
from camfan_wire.terminal import Terminal, forget_output

Read = Callable[[Journal], ShareChange | None]
Aside = Callable[[Journal, threading.Event], None]  # runs on a thread until the event is set
Files = Callable[[], object]  # a value that changes with the configuration files

OURS = "camfan"  # the name before our own lines
START_S = 10.0  # in which no node is reported as missing


def _no_files() -> None:
    """Of a site that is not read from a file."""


def run_with_lines(
    processes: Sequence[NodeProcess],
    read_again: Read,
    aside: Aside | None = None,
    files: Files = _no_files,
) -> int:
    """Every line of every process on the terminal, until a signal. The exit code."""
    journal = TerminalJournal([OURS, *(process.name for process in processes)])
    with _running(aside, journal):
        return _supervise(processes, journal, read_again, files)


def run_with_table(
    site: Site,
    processes: Sequence[NodeProcess],
    read_again: Read,
    log: Path,
    files: Files = _no_files,
    *,
    key: Path | None = None,
) -> int:
    """The table on the terminal and the lines in a file, until a signal. Raises OSError."""
    journal = FileJournal(log)
    try:
        with SiteListener(site, settled_after_s=START_S, key=key) as listener:

            def table(_: Journal, stop: threading.Event) -> None:
                address = page_address(site, processes)
                page = f"Open {address}    " if address else ""
                show(listener, Console(), stop, f"{page}Log: {log}    Ctrl-C ends it")

            with _running(table, journal):
                return _supervise(processes, journal, read_again, files)
    finally:
        journal.close()


def _supervise(
    processes: Sequence[NodeProcess], journal: Journal, read_again: Read, files: Files
) -> int:
    terminal = Terminal()

    def say(name: str, line: str) -> None:
        try:
            journal.say(name, line)
        except OSError:  # standard output was closed, as by `camfan up | head`
            forget_output()
            supervisor.stop()

    def hang_up(*_: object) -> None:
        if terminal.gone():
            forget_output()
            supervisor.stop()
        else:
            supervisor.reload()

    supervisor = Supervisor(processes, say, read_again=lambda: read_again(journal), files=files)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.stop())
    signal.signal(signal.SIGHUP, hang_up)
    return supervisor.run()


@contextlib.contextmanager
def _running(aside: Aside | None, journal: Journal) -> Iterator[None]:
    """`aside` runs on a thread of its own meanwhile."""
    if aside is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=aside, args=(journal, stop), name="aside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def log_folder() -> Path:
    """Where programs keep what is worth keeping but not worth a backup."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "camfan"
