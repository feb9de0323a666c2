"""`camfan up`: runs this host's share of a site. Prints, exits and handles signals."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from camfan_config import CamfanError, Site, load_site
from camfan_config.document.interpolate import SECRETS_FILE
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.share import NodeProcess, ShareChange, change, choose_host, share
from camfan_nodes.shared.site_file import add_config_argument, find_site_file
from camfan_nodes.up.cli_run import OURS, log_folder, run_with_lines, run_with_table
from camfan_nodes.up.journal import Journal
from camfan_nodes.up.lock import only_one


def add_up_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "up",
        help="run this machine's share of a site",
        description="Run the nodes that the site file places on this machine, and restart what "
        "fails. Ctrl-C stops all of them; SIGHUP reads the site file again.",
    )
    add_config_argument(parser, alone=True)
    add_key_argument(parser)
    parser.add_argument("--host", help="run the share of this host of the site file")
    parser.add_argument(
        "--top", action="store_true", help="in a terminal: show the table and log to a file"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan up", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    path = find_site_file(arguments.config)
    share_of_site = _Share(path, load_site(path), arguments.host, verbose=arguments.verbose)
    with only_one(path, share_of_site.host):
        if arguments.top and sys.stdout.isatty():
            return _run_with_table(share_of_site, arguments.key)
        return _run_with_lines(share_of_site)


def _run_with_lines(share_of_site: _Share) -> int:
    processes = share_of_site.processes()
    names = ", ".join(process.name for process in processes)
    sys.stdout.write(f"{share_of_site.site.site} on {share_of_site.host}: {names}\n")
    sys.stdout.flush()
    return run_with_lines(processes, share_of_site.read_again, files=share_of_site.files)


def _run_with_table(share_of_site: _Share, key: Path | None) -> int:
    site = share_of_site.site
    log = log_folder() / f"{site.site}.log"
    processes, read_again = share_of_site.processes(), share_of_site.read_again
    return run_with_table(site, processes, read_again, log, share_of_site.files, key=key)


class _Share:
    """What this host runs, by the site file as it was read last."""

    def __init__(self, path: Path, site: Site, host: str | None, *, verbose: bool) -> None:
        self.site = site
        self.host = choose_host(site, host)
        self._path = path
        self._verbose = verbose

    def files(self) -> object:
        """The version of the site file, of the secrets beside it and of the keys."""
        folder, keys = self._path.parent, self.site.security.keys
        found = [self._path, folder / SECRETS_FILE, *([Path(keys)] if keys is not None else [])]
        return tuple(_version(path) for path in found)

    def processes(self) -> tuple[NodeProcess, ...]:
        return share(self.site, self._path, self.host, verbose=self._verbose)

    def read_again(self, journal: Journal) -> ShareChange | None:
        """The share by the site file as it is now; None, and a line, if it cannot be used."""
        try:
            new = load_site(self._path)
        except CamfanError as exc:
            journal.say(OURS, f"the site file has mistakes; nothing changes: {exc}")
            return None
        found = change(self.site, new, self._path, self.host, verbose=self._verbose)
        if not found.processes:
            journal.say(OURS, f"the site file has no nodes for {self.host} now; nothing changes")
            return None
        self.site = new
        return found


def _version(path: Path) -> tuple[int, ...]:
    """A value that changes with a file, or with what is in a folder."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
