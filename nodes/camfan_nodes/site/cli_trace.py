"""`camfan trace CAMERA SEQUENCE`: what became of one frame, place by place."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from camfan import load_site
from camfan.address import camera_patterns
from camfan_config import as_seen_by, broker_of
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.sheet import Column, plain_text, sheet
from camfan_nodes.shared.asking import ask
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.site_file import add_config_argument, find_site_file
from camfan_nodes.shared.terminal import Printable
from camfan_wire.messages import Hop, Trace, Traced

UNKNOWN = "—"
WIDE = 4096  # columns
_STYLES = {
    "lost": tokens.css(tokens.BAD),
    "skipped": tokens.css(tokens.QUIET),
    "held": tokens.css(tokens.WARN),
    "unknown": tokens.css(tokens.QUIET),
}


def add_trace_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "trace",
        help="what became of one frame",
        description="Ask the camera, the broker and all readers of the camera what became of one "
        "frame. Ends with 1 if it was lost on the way to one of them.",
    )
    parser.add_argument("camera", metavar="CAMERA", help="its name in the site file")
    parser.add_argument(
        "sequence", metavar="SEQUENCE", type=_sequence, help="the number of the frame"
    )
    parser.add_argument(
        "--run",
        dest="of_run",
        type=_run_id,
        metavar="RUN",
        help="which run of the camera numbered it; without it the present one",
    )
    add_config_argument(parser)
    add_key_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan trace", lambda: _trace(arguments))


def _trace(arguments: argparse.Namespace) -> int:
    site = load_site(find_site_file(arguments.config))
    camera_patterns(site, [arguments.camera])
    question = Trace(
        id="cli", camera=arguments.camera, sequence=arguments.sequence, run=arguments.of_run
    )
    seen = as_seen_by(site, broker_of(site, arguments.camera))
    answer = ask(seen, question, Traced, name="trace", key=arguments.key)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)  # a pipe gets whole lines
    console.print(Printable(TraceTable(answer)))
    return 1 if any(hop.outcome == "lost" for hop in answer.hops) else 0


@dataclass(frozen=True, slots=True)
class TraceTable:
    """One line a place, in the order in which a frame passes them. Rich draws it."""

    answer: Traced

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        answer = self.answer
        hops = sorted(answer.hops, key=lambda hop: _order(hop, answer.camera))
        when = [("", UNKNOWN) if hop.time is None else utc(hop.time) for hop in hops]
        yield plain_text(f"{answer.camera} {answer.sequence}, run {answer.run or 'unknown'}")
        yield from sheet(
            Column("place", [plain_text(hop.node) for hop in hops]),
            [
                Column("outcome", [_outcome(hop) for hop in hops]),
                Column("date", [Text(date) for date, _ in when], shed=1),
                Column("time (UTC)", [Text(time) for _, time in when]),
            ],
            Column("why", [plain_text(hop.reason or "") for hop in hops]),
            options.max_width,
        )


def _outcome(hop: Hop) -> Text:
    return plain_text(hop.outcome, _STYLES.get(hop.outcome, ""))


def utc(site_ns: int) -> tuple[str, str]:
    """`2026-11-22` and `14:03:22.512`."""
    seconds, rest_ns = divmod(site_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}.{rest_ns // 1_000_000:03d}"


def _order(hop: Hop, camera: str) -> tuple[int, str, bool]:
    place = 0 if hop.node == camera else 1 if hop.node == "broker" else 2
    return place, hop.node, hop.outcome == "recorded"


def _sequence(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError(text)
    return number


def _run_id(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 16 digits of lower-case hex")
    return text
