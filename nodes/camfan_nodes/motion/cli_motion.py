"""`camfan motion NAME`, a motion node of the site, and `camfan motion try VIDEO`, for tuning it."""

from __future__ import annotations

import argparse
from pathlib import Path

from camfan_config import Site
from camfan_nodes.motion.cli_try import add_try_arguments, check_try_arguments, run_try
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

TRY = "try"  # instead of a name
USAGE = """camfan motion NAME [--config FILE] [--verbose]
       camfan motion try VIDEO [--set KEY=VALUE] [--picture FILE]
           [--camera CAMERA [--config FILE]]"""


def add_motion_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "motion",
        help="run a motion node, or try motion on a video",
        usage=USAGE,
        description="Detect motion in a node's cameras and publish events."
        " `camfan motion try VIDEO` shows what would be detected in a recording or another video.",
    )
    parser.add_argument("name", metavar="NAME", help="the node's name in the site file, or: try")
    parser.add_argument(
        "video", metavar="VIDEO", nargs="?", type=Path, help="video or recording to analyse"
    )
    add_config_argument(parser)
    add_key_argument(parser)
    add_try_arguments(parser)
    parser.set_defaults(run=lambda args: _run(parser, args))


def _run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.name == TRY:
        check_try_arguments(parser, args)
        return run_try(args)
    if args.video is not None:
        parser.error(f"to try motion on a video: camfan motion try {args.video}")
    if args.camera or args.set or args.picture:
        parser.error("--camera, --set and --picture belong to: camfan motion try VIDEO")
    log_to_stderr(verbose=args.verbose)
    return end_with_code("camfan motion", lambda: _run_node(args.name, args.config, args.key))


def _run_node(name: str, config: Path | None, key: Path | None) -> int:
    with opened_site(config) as loaded:
        return _watch(name, loaded.site, key)


def _watch(name: str, site: Site, key: Path | None) -> int:
    find_node(site.motion, "motion node", name)
    try:
        from camfan_nodes.motion.node import run
    except ImportError as exc:
        raise MissingExtraError("motion", exc.name or "OpenCV", "motion") from exc
    stop = service.stop_on_signals()
    run(site, name, stop, ready=service.notify_ready, alive=service.notify_watchdog, key=key)
    service.notify_stopping()
    return 0
