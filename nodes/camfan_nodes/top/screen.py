"""The table on a terminal, drawn anew each second until told to stop."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.live import Live

from camfan_nodes.top.listener import Listener
from camfan_nodes.top.table import SiteTable

RENEW_S = 0.5


def show(listener: Listener, console: Console, stop: threading.Event, footer: str = "") -> None:
    """Fill the terminal with the table until `stop` is set; the terminal is then as it was."""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(SiteTable(listener.facts(), listener.site_ns(), footer), refresh=True)
            if stop.wait(RENEW_S):
                return
