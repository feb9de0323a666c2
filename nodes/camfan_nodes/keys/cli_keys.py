"""`camfan keys new|list|show|revoke|rotate|invite|join`. Prints, exits and handles signals."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from camfan import load_site
from camfan_config.text.printable import printable_lines
from camfan_nodes.keys import making, revoking, rotating
from camfan_nodes.keys.enrolment import PORT
from camfan_nodes.keys.folder import check_name, entries, folder_of, key_warnings, purposes
from camfan_nodes.keys.invite import invite, join
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.site_file import add_config_argument, find_site_file
from camfan_nodes.shared.terminal import Printable
from camfan_wire.keys import PUBLIC, fingerprint, read_publics, to_hex

Commands = argparse._SubParsersAction
Work = Callable[[argparse.Namespace], int]


def add_keys_command(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "keys",
        help="make, list and revoke the keys of a site",
        description="A site with keys is encrypted, and rejects connections without a key. A "
        "secret key is made on the machine that uses it, and never leaves it.",
        epilog="For a new site run 'camfan keys new' on the broker's machine; then, for each other "
        "machine, 'camfan keys invite NAME' on the broker's machine and 'camfan keys join' on the "
        "other one, which asks for the code.",
    )
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    new = _task(tasks, "new", "make the keys of this machine", making.new)
    new.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a node, or another name; none: everything that runs here",
    )
    new.add_argument("--host", help="which host of the site file this machine is")
    _task(tasks, "list", "list names and the state of their keys", _list)
    show = _task(tasks, "show", "show the public key of a name", _show)
    show.add_argument("name", metavar="NAME", help="a node, or another name that has a key")
    revoke = _task(tasks, "revoke", "revoke a key; its connections end at once", revoking.revoke)
    revoke.add_argument("name", metavar="NAME", help="a node, or another name that has a key")
    rotate = _task(tasks, "rotate", "replace a key pair of this machine", rotating.rotate)
    rotate.add_argument(
        "name", metavar="NAME", help="a node of this machine, or another name whose secret is here"
    )
    asked = _task(
        tasks, "invite", "add a new machine: print a code and wait for that machine", invite
    )
    asked.add_argument("name", metavar="NAME", help="a node, or a name in security.access")
    asked.add_argument(
        "--minutes", type=float, default=10.0, help="how long the code is valid (default: 10)"
    )
    asked.add_argument(
        "--port",
        type=int,
        default=PORT,
        help=f"port to listen on; 0: any free port (default: {PORT})",
    )
    for parser in (new, revoke, rotate, asked):
        add_key_argument(parser)  # to make the broker reload
    joins = _task(
        tasks, "join", "create this machine's key and send the public half to the broker", join
    )
    joins.add_argument(
        "code",
        metavar="CODE",
        nargs="?",
        help="the code that 'camfan keys invite' prints; without it, or as '-', it is read from "
        "standard input, where no other user of this machine can see it",
    )


def _task(
    tasks: Commands[argparse.ArgumentParser], name: str, words: str, work: Work
) -> argparse.ArgumentParser:
    parser = tasks.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    add_config_argument(parser)
    program = f"camfan keys {name}"
    parser.set_defaults(run=lambda args: end_with_code(program, lambda: work(args)))
    return parser


def _list(args: argparse.Namespace) -> int:
    path = find_site_file(args.config)
    site = load_site(path)
    table = Table("name", "key", "state", "what it is", box=None, pad_edge=False)
    for entry in entries(site):
        table.add_row(entry.name, entry.fingerprint or "-", entry.state, entry.purpose)
    Console(highlight=False).print(Printable(table))
    for warning in key_warnings(site, path):
        sys.stderr.write(f"{printable_lines(warning)}\n")
    return 0


def _show(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    name = check_name(args.name)
    public, *others = read_publics(folder_of(site) / f"{name}{PUBLIC}")
    purpose = purposes(site).get(name, "unknown: neither a node nor in security.access")
    sys.stdout.write(
        f"name         {name}\nis           {purpose}\nfingerprint  {fingerprint(public)}\n"
        f"public key   {public.decode()}\nin hex       {to_hex(public)}\n"
    )
    for other in others:
        sys.stdout.write(f"replaced by  {fingerprint(other)}, in hex {to_hex(other)}\n")
    return 0
