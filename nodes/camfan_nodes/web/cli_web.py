"""`camfan web`, the node of the web pages."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from camfan_config import Site
from camfan_nodes.shared import service
from camfan_nodes.shared.command import (
    ConfigurationError,
    MissingExtraError,
    add_key_argument,
    end_with_code,
    log_to_stderr,
)
from camfan_nodes.shared.opening import opened_site
from camfan_nodes.shared.site_file import add_config_argument
from camfan_wire.open_files import raise_open_files

if TYPE_CHECKING:
    from camfan_nodes.web.server import WebServer

log = logging.getLogger(__name__)

BEAT_S = 1.0


def add_web_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "web",
        help="run the web pages",
        description="Serve the cameras of a site to browsers and other software, as configured in "
        "its web section. Ctrl-C or SIGTERM stops it.",
    )
    add_config_argument(parser, alone=True)
    add_key_argument(parser)
    parser.set_defaults(run=run_web)


def run_web(args: argparse.Namespace) -> int:
    log_to_stderr(verbose=args.verbose)
    return end_with_code("camfan web", lambda: _run(args.config, args.key))


def _run(config: Path | None, key: Path | None) -> int:
    with opened_site(config) as loaded:
        return _show(loaded.site, key)


def _show(site: Site, key: Path | None) -> int:
    if site.web is None:
        raise ConfigurationError("the site file has no web section; write 'web: {}'")
    if find_spec("aiohttp") is None:
        raise MissingExtraError("the web server", "aiohttp", "web")
    raise_open_files()
    asyncio.run(_serve(site, key))
    service.notify_stopping()
    return 0


async def _serve(site: Site, key: Path | None) -> None:
    from camfan_nodes.web.server import WebServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = WebServer(site, key)
    async with server.running() as address:
        warning = (
            "; there are no users: every client that reaches it sees all"
            if server.access.open
            else ""
        )
        log.info("open %s%s", address, warning)
        service.notify_ready()
        await _until(stop, server)


async def _until(stop: asyncio.Event, server: WebServer) -> None:
    """Until `stop` is set. Raises what a background task has failed with."""
    while not stop.is_set():
        failure = server.failure()
        if failure is not None:
            raise failure
        service.notify_watchdog()
        try:
            async with asyncio.timeout(BEAT_S):
                await stop.wait()
        except TimeoutError:
            continue
