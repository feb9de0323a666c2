"""`camfan keys new`: makes keys. A command that was killed can be repeated, and then finishes."""

from __future__ import annotations

import argparse
from pathlib import Path

from camfan import Site, SiteError, load_site
from camfan_config import BROKER, OWNER, hosts
from camfan_nodes.keys.changing import changing, is_revoked
from camfan_nodes.keys.folder import DEFAULT, check_name, folder_of
from camfan_nodes.keys.output import announce, is_there, say, say_what_then
from camfan_nodes.keys.pinning import pin
from camfan_nodes.shared.command import ConfigurationError
from camfan_nodes.shared.share import choose_host
from camfan_nodes.shared.site_file import find_site_file
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    new_pair,
    read_pair,
    read_public,
    store_publics,
    to_hex,
    write_pair,
)


def new(args: argparse.Namespace) -> int:
    path = find_site_file(args.config)
    for name in args.names:
        check_name(name)
    site, first = _site_with_keys(path, args.names)
    folder = folder_of(site)
    host = choose_host(site, args.host) if args.host or not args.names else None
    names = [n for n in args.names or _of_host(site, host or "") if not (first and n == BROKER)]
    made = [BROKER] if first else []
    with changing(folder):
        made += [name for name in names if _make(path, site, folder, name, bool(args.names))]
    for name in made:
        announce(site, folder, name)
    if first:
        say(f"{path} has the broker's key now: copy it to each machine of the site, never a secret")
        say("restart a broker that is running")
    elif made:
        say_what_then(site, folder, args.key)
    return 0


def _make(path: Path, site: Site, folder: Path, name: str, asked: bool) -> bool:
    """True if something was made; `asked`: its name was given."""
    made = not is_there(folder, name)
    if made:
        write_pair(folder, name, new_pair())
    else:
        made = _complete(folder, name)
    if name == BROKER and (made or asked or site.security.server_key is None):
        made = _pin_broker(path, site, folder) or made
    if not made and asked:
        write_pair(folder, name, new_pair())  # raises: it is not overwritten
    if not made and name != BROKER:
        say(f"{folder / name}{SECRET} exists already and was not changed")
    return made


def _complete(folder: Path, name: str) -> bool:
    """Write the public file that a killed command has not written; True if it was missing."""
    if (folder / (name + PUBLIC)).exists():
        return False
    public = read_pair(folder / (name + SECRET)).public
    if is_revoked(folder, name, public):
        raise ConfigurationError(
            f"{folder / name}{SECRET} is the secret of a revoked key; remove it with "
            f"camfan keys revoke {name}, then run camfan keys new {name}"
        )
    store_publics(folder, name, public)
    return True


def _pin_broker(path: Path, site: Site, folder: Path) -> bool:
    """True if the site file did not have the broker's key yet."""
    server_key = to_hex(read_public(folder / (BROKER + PUBLIC)))
    if site.security.server_key == server_key:
        return False
    pin(path, server_key)
    return True


def _site_with_keys(path: Path, names: list[str]) -> tuple[Site, bool]:
    """The site; True if its first key, the broker's, was made just now."""
    try:
        site: Site | None = load_site(path)
    except SiteError:
        if names and BROKER not in names:
            raise
        site = None  # it may be that only the keys are missing
    if site is not None and site.security.keys is not None:
        return site, False
    if site is not None and names and BROKER not in names:
        folder_of(site)  # raises
    folder = path.absolute().parent / DEFAULT
    with changing(folder):
        if not is_there(folder, BROKER):
            write_pair(folder, BROKER, new_pair())  # it stays, as the error of `pin` names it
        _complete(folder, BROKER)
        return pin(path, to_hex(read_public(folder / (BROKER + PUBLIC)))), True


def _of_host(site: Site, host: str) -> list[str]:
    """The names of what runs on a host; with the broker also the owner."""
    here = hosts(site)[host]
    names = [node.name for node in here if node.kind != BROKER]
    if len(names) == len(here):
        return names
    if site.brokers and site.security.server_key and not is_there(folder_of(site), BROKER):
        secret = folder_of(site) / (BROKER + SECRET)
        say(f"{secret} is missing: copy it and all {PUBLIC} files from another broker's machine")
        return names
    return [BROKER, OWNER, *names]
