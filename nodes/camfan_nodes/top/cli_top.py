"""`camfan top`: the site as a table. Prints, exits and handles signals."""

from __future__ import annotations

import argparse
import threading
import time

from rich.console import Console

from camfan import CamfanError
from camfan_config import Site, brokers, load_site
from camfan_nodes.monitor.screen import show
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.monitor.table import SiteTable
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.service import stop_on_signals
from camfan_nodes.shared.site_file import add_config_argument, find_site_file
from camfan_nodes.shared.terminal import Printable

ANSWER_S = 5.0  # that --once waits for the broker
STATUSES_S = (
    0.5  # the statuses of the nodes come together with the broker's; a little later at most
)
_TURN_S = 0.05


class SilentBrokerError(CamfanError):
    """The broker of the site does not answer."""


def add_top_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "top",
        help="show the whole site as a table",
        description="Show the whole site as a table, trouble first. Arrows, PgUp and PgDn scroll;"
        " q or Ctrl-C ends.",
    )
    add_config_argument(parser, alone=True)
    add_key_argument(parser)
    parser.add_argument("--once", action="store_true", help="print the table once and exit")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan top", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    site = load_site(find_site_file(arguments.config))
    stop = stop_on_signals()
    console = Console()
    with SiteListener(site, key=arguments.key) as listener:
        if arguments.once or not console.is_terminal:
            return _print_once(listener, console, stop)
        show(listener, console, stop, quits=True)
    return 0


def _print_once(listener: SiteListener, console: Console, stop: threading.Event) -> int:
    deadline = time.monotonic() + ANSWER_S
    while not listener.complete:
        if stop.wait(_TURN_S):
            return 0
        listener.facts()
        if listener.trouble is not None and not listener.connected:
            raise SilentBrokerError(listener.trouble)
        if time.monotonic() > deadline:
            if listener.connected:
                break  # one of several does: what it knows is shown
            raise SilentBrokerError(_silence(listener.site))
    listener.facts()  # from now on each status is known by when it came
    stop.wait(STATUSES_S)
    console.print(Printable(SiteTable(listener.facts(), listener.site_ns())))
    return 0


def _silence(site: Site) -> str:
    hosts = ", ".join(broker.host for broker in brokers(site).values())
    return (
        f"the broker of {site.site} at {hosts} does not answer; is it running? "
        "`camfan up` starts what belongs on this machine"
    )
