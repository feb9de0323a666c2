"""`camfan record start CAMERA` and `camfan record stop CAMERA`."""

from __future__ import annotations

import argparse
import sys

from camfan import load_site
from camfan.address import camera_patterns
from camfan_config import as_seen_by, broker_of
from camfan_config.text.units import format_duration, parse_duration
from camfan_nodes.shared.asking import ask
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.site_file import add_config_argument, find_site_file
from camfan_wire.messages import Record, RecordReceipt

LONGEST_S = 604_800  # a week
LONGEST_NAME = 60


def add_record_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "record",
        help="start or stop a recording by hand",
        description="Start or stop a recording of one camera by hand, in any mode. It becomes a "
        "clip with a name, and begins earlier by the same time as other clips. It ends when the "
        "recorder stops. With keys, the key needs the right to control.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="start|stop")
    start = verbs.add_parser(
        "start",
        help="start a recording",
        description="Start a recording of one camera; one that is already running ends.",
    )
    start.add_argument("camera", metavar="CAMERA", help="its name in the site file")
    start.add_argument(
        "--for",
        dest="duration",
        type=_duration,
        metavar="DURATION",
        help="duration, such as 5m; default: until `camfan record stop`",
    )
    start.add_argument(
        "--name", type=_name, metavar="TEXT", help="name of the recording, at most 60 characters"
    )
    stop = verbs.add_parser(
        "stop", help="stop a recording", description="Stop the recording of one camera."
    )
    stop.add_argument("camera", metavar="CAMERA", help="its name in the site file")
    for verb in (start, stop):
        add_config_argument(verb)
        add_key_argument(verb)
        verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan record", lambda: _record(arguments))


def _record(arguments: argparse.Namespace) -> int:
    site = load_site(find_site_file(arguments.config))
    camera = arguments.camera
    camera_patterns(site, [camera])
    starts = arguments.verb == "start"
    duration = arguments.duration if starts else None
    name = arguments.name if starts else None
    wish = Record(camera=camera, on=starts, name=name, seconds=duration)
    seen = as_seen_by(site, broker_of(site, camera))
    answer = ask(seen, wish, RecordReceipt, name="record", key=arguments.key)
    recorders = " and ".join(answer.recorders)
    if not starts:
        sys.stdout.write(f"{camera}: stopped by {recorders}\n")
    elif duration is None:
        until = f"until `camfan record stop {camera}`"
        sys.stdout.write(f"{camera}: recorded by {recorders} {until}\n")
    else:
        sys.stdout.write(f"{camera}: recorded by {recorders} for {format_duration(duration)}\n")
    return 0


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} {exc}") from exc
    if not 0 < seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1s and 7d")
    return seconds


def _name(text: str) -> str:
    shown = text.strip()
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        raise argparse.ArgumentTypeError("a name has 1 to 60 characters that can be printed")
    return shown
