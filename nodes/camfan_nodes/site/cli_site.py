"""`camfan check|show|graph|schema|diff`: read a site file, and start nothing.

Exit code 78 for a file that cannot be used; `diff` ends with 0 for equal and 1 for different sites.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType

from camfan_config import (
    EXIT_CONFIG,
    Loaded,
    SiteError,
    did_you_mean,
    diff_files,
    host_label,
    hosts,
    load_site,
    read_site,
)
from camfan_config.report.disk import check_disks, disk_warnings
from camfan_config.report.estimate import warnings
from camfan_config.report.graph import mermaid
from camfan_config.report.render import show
from camfan_config.report.schema import schema_text
from camfan_config.report.terminal import diff_text, picture, problems_text, summary
from camfan_config.text.printable import printable
from camfan_nodes.keys.folder import key_warnings
from camfan_nodes.shared.site_file import NoSiteError, add_config_argument, find_site_file
from camfan_nodes.shared.terminal import Printable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DIFFERENT = 1


def add_check_command(commands: Commands) -> None:
    parser = _add(commands, "check", "validate a site file; estimate bandwidth and disk use")
    add_config_argument(parser, alone=True)
    parser.set_defaults(run=lambda args: _ends(lambda a: _check(find_site_file(a.config)), args))


def add_show_command(commands: Commands) -> None:
    parser = _add(
        commands, "show", "print the site file with defaults filled in and secrets masked"
    )
    add_config_argument(parser, alone=True)
    parser.add_argument("--host", help="only what runs on this host")
    parser.set_defaults(run=lambda args: _ends(_show, args))


def add_graph_command(commands: Commands) -> None:
    parser = _add(commands, "graph", "draw a chart of the site: cameras, broker, readers")
    add_config_argument(parser, alone=True)
    parser.add_argument("--mermaid", action="store_true", help="as text for Mermaid")
    parser.set_defaults(run=lambda args: _ends(_graph, args))


def add_schema_command(commands: Commands) -> None:
    parser = _add(commands, "schema", "print the JSON Schema of site files, for editors")
    parser.set_defaults(run=_schema)


def add_diff_command(commands: Commands) -> None:
    parser = _add(commands, "diff", "compare two site files: what changes, and for which nodes")
    parser.add_argument("old", type=Path, metavar="OLD", help="the site file before the change")
    add_config_argument(parser, alone=True)
    parser.set_defaults(run=lambda args: _ends(_diff, args))


def _add(commands: Commands, name: str, words: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")


def _ends(work: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return work(args)
    except SiteError as exc:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        console.print(Printable(problems_text(exc)))
        return EXIT_CONFIG
    except NoSiteError as exc:
        sys.stderr.write(f"camfan {args.command}: {printable(str(exc))}\n")
        return EXIT_CONFIG


def check_file(path: Path) -> int:
    """Print what a site file costs, or all that is wrong with it; the exit code."""
    return _ends(lambda _: _check(path), argparse.Namespace())


def _check(path: Path) -> int:
    loaded = read_site(path)
    check_disks(loaded)
    site = loaded.site
    found = (
        *loaded.hints,
        *warnings(site),
        *disk_warnings(site),
        *_here(loaded),
        *key_warnings(site, path),
    )
    _print(summary(site, found))
    return 0


def _here(loaded: Loaded) -> tuple[str, ...]:
    """What this machine lacks, with secrets masked."""
    from camfan_nodes.site.this_machine import machine_warnings  # its imports are not for `show`

    return tuple(loaded.hidden.cover(words) for words in machine_warnings(loaded.site))


def _show(args: argparse.Namespace) -> int:
    loaded = read_site(find_site_file(args.config))
    known = hosts(loaded.site)
    host = None if args.host is None else host_label(args.host)
    if host is not None and host not in known:
        sys.stderr.write(f"camfan show: no host {args.host!r}; {did_you_mean(args.host, known)}\n")
        return EXIT_CONFIG
    sys.stdout.write(show(loaded, host))
    return 0


def _graph(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    if args.mermaid:
        sys.stdout.write(mermaid(site))
    else:
        _print(picture(site))
    return 0


def _schema(_args: argparse.Namespace) -> int:
    sys.stdout.write(schema_text())
    return 0


def _diff(args: argparse.Namespace) -> int:
    diff = diff_files(read_site(args.old), read_site(find_site_file(args.config)))
    _print(diff_text(diff))
    return DIFFERENT if diff.changes else 0


def _print(what: RenderableType) -> None:
    Console(highlight=False).print(Printable(what))
