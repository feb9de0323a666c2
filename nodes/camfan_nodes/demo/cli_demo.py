"""`camfan demo`: the whole system on this machine. Prints, exits and handles signals."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from camfan_config import CamfanError, Site, load_site
from camfan_config.text.printable import printable
from camfan_config.text.units import short_bytes
from camfan_nodes.demo.bounded import LIMIT_BYTES, bounded
from camfan_nodes.demo.site import check_ports, choose_web_port, demo_site_file
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.shared.command import MissingExtraError, end_with_code
from camfan_nodes.shared.share import NodeProcess, ShareChange, choose_host, page_address, share
from camfan_nodes.up.cli_run import OURS, START_S, run_with_lines, run_with_table
from camfan_nodes.up.journal import Journal

FOLDER = Path(".demo")  # in the current folder: the drawn scene, the recordings, the log
SUMMARY_S = 5.0


class NoFolderError(CamfanError):
    """The demonstration cannot keep its files here."""


def add_demo_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="run the whole system on this machine, without a site file",
        description="Run cameras, broker, recorder and motion detection on this machine, and show "
        f"them, also in a browser. Files are kept in {FOLDER}/. Ctrl-C stops it.",
    )
    parser.add_argument(
        "--video",
        type=Path,
        metavar="FILE",
        help="video to play in a loop (default: a webcam, or else a drawn scene)",
    )
    parser.add_argument("--no-window", action="store_true", help="show only the table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan demo", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    _prepare(arguments.video)
    path = demo_site_file()
    site = load_site(path)
    check_ports(site)
    processes = share(site, path, choose_host(site, None))
    if not arguments.no_window and _has_display():
        processes += (_viewer(path),)
    address = page_address(site, processes) or ""
    with bounded(FOLDER / "recordings"):
        code = _show(site, processes, address)
    sys.stdout.write(
        f"The demonstration has ended. Its recordings ({short_bytes(LIMIT_BYTES)} at most) "
        f"are in {FOLDER}/recordings.\n"
    )
    return code


def _show(site: Site, processes: tuple[NodeProcess, ...], address: str) -> int:
    if sys.stdout.isatty():
        return run_with_table(site, processes, _no_change, FOLDER / "demo.log")
    return run_with_lines(processes, _no_change, lambda *aside: _summarise(site, address, *aside))


def _prepare(video: Path | None) -> None:
    """Choose what is shown, and set the variables that the site file uses."""
    for module, package in (("av", "PyAV"), ("cv2", "OpenCV"), ("aiohttp", "aiohttp")):
        if find_spec(module) is None:
            raise MissingExtraError("the demonstration", package, "all")
    from camfan_nodes.camera.v4l2_device import Linux
    from camfan_nodes.demo.choice import choose

    try:
        choice = choose(video, FOLDER, Linux(), _draw)
        (FOLDER / "recordings").mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise NoFolderError(f"{FOLDER.absolute()} cannot be used: {exc.strerror}") from exc
    os.environ.update(choice.variables)
    os.environ["DEMO_WEB_PORT"] = str(choose_web_port())
    os.environ["DEMO_RECORDINGS"] = str((FOLDER / "recordings").absolute())
    sys.stdout.write(f"Showing {printable(choice.what)}.\n")
    sys.stdout.flush()


def _draw(clip: Path) -> None:
    from camfan_nodes.demo.clip import write_clip

    with Progress(
        TextColumn("Drawing a scene, once"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} frames"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=None)
        write_clip(clip, lambda done, total: progress.update(task, completed=done, total=total))


def _has_display() -> bool:
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) and find_spec("pygame") is not None


def _viewer(path: Path) -> NodeProcess:
    command = (sys.executable, "-m", "camfan_nodes", "view", "--config", str(path))
    return NodeProcess("viewer", "viewer", command, again=False)


def _no_change(_: Journal) -> ShareChange | None:
    return None


def _summarise(site: Site, address: str, journal: Journal, stop: threading.Event) -> None:
    """Print a summary every few seconds, between the lines of the processes."""
    with SiteListener(site, settled_after_s=START_S) as listener:
        while not stop.wait(SUMMARY_S):
            journal.say(OURS, f"{listener.facts().summary} Open {address}")
