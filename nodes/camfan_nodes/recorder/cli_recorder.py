"""`camfan recorder NAME`, the node of one recorder."""

from __future__ import annotations

import argparse
import logging
from importlib.util import find_spec
from pathlib import Path

from camfan_config import Loaded
from camfan_config.report.estimate import is_limited
from camfan_nodes.recorder.http_process import HttpProcess
from camfan_nodes.recorder.node import run
from camfan_nodes.shared import service
from camfan_nodes.shared.command import (
    MissingExtraError,
    add_key_argument,
    end_with_code,
    find_node,
    log_to_stderr,
)
from camfan_nodes.shared.opening import opened_site
from camfan_nodes.shared.site_file import add_config_argument

log = logging.getLogger(__name__)


def add_recorder_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "recorder",
        help="run a recorder",
        description="Record every frame of its cameras, untouched, into Matroska files. After a "
        "restart it continues where it stopped. Ctrl-C or SIGTERM stops it.",
    )
    parser.add_argument("name", metavar="NAME", help="the recorder's name in the site file")
    add_config_argument(parser)
    add_key_argument(parser)
    parser.set_defaults(run=run_recorder)


def run_recorder(args: argparse.Namespace) -> int:
    log_to_stderr(verbose=args.verbose)
    return end_with_code("camfan recorder", lambda: _run(args.name, args.config, args.key))


def _run(name: str, config: Path | None, key: Path | None) -> int:
    with opened_site(config) as loaded:
        return _record(name, loaded, key)


def _record(name: str, loaded: Loaded, key: Path | None) -> int:
    site = loaded.site
    recorder = find_node(site.recorders, "recorder", name)
    if recorder.http is not None:
        _check_extra()
    if not is_limited(recorder.keep):
        log.warning("recorder %s: without `keep`, recordings are never deleted", name)
    stop = service.stop_on_signals()
    http = None if recorder.http is None else HttpProcess(name, loaded.path, key)

    def alive() -> None:
        service.notify_watchdog()
        if http is not None:
            http.tick()

    try:
        run(
            site,
            name,
            stop,
            ready=service.notify_ready,
            alive=alive,
            hidden=loaded.hidden,
            key=key,
            started_s=service.started_s(),
        )
    finally:
        if http is not None:
            http.close()
    service.notify_stopping()
    return 0


def _check_extra() -> None:
    """Raises MissingExtraError."""
    for module in ("aiohttp", "nacl"):
        if find_spec(module) is None:
            raise MissingExtraError("`http` of a recorder", module, "web")
