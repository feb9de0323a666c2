"""`camfan keys rotate`: replaces a key pair of this machine; at each moment a pair is valid.

`changing` describes the steps. A command that was killed can be repeated, and then finishes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from camfan import Site, load_site
from camfan_config import BROKER, broker_host
from camfan_nodes.keys.changing import changing, finish
from camfan_nodes.keys.folder import check_name, folder_of
from camfan_nodes.keys.output import announce, is_there, say, tell_broker
from camfan_nodes.keys.pinning import check_can_pin, pin
from camfan_nodes.keys.probing import check_brokers_take
from camfan_nodes.shared.command import ConfigurationError
from camfan_nodes.shared.site_file import find_site_file
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    Pair,
    new_pair,
    read_pairs,
    read_publics,
    store_pairs,
    store_publics,
    to_hex,
)


def rotate(args: argparse.Namespace) -> int:
    path = find_site_file(args.config)
    site = load_site(path)
    folder, name = folder_of(site), check_name(args.name)
    if not is_there(folder, name):
        raise ConfigurationError(
            f"the secret of {name} is not on this machine. Rotate it on its own machine, or let "
            f"that machine make a new one: run camfan keys invite {name} here, and camfan keys "
            "join there"
        )
    with changing(folder):
        if name == BROKER:
            _rotate_broker(path, site, folder)
        elif is_there(folder, BROKER):
            _rotate_here(site, folder, name, args.key)
        else:
            _rotate_elsewhere(site, folder, name)
    return 0


def _rotate_broker(path: Path, site: Site, folder: Path) -> None:
    check_can_pin(path)
    new = _last_step(folder, BROKER) or _prepare(folder, BROKER)
    if site.security.server_key != to_hex(new.public):
        site = pin(path, to_hex(new.public))
    finish(folder, BROKER, new)
    announce(site, folder, BROKER)
    others = f", {BROKER}{SECRET} to that of each other broker," if site.brokers else ""
    say(f"copy {path} to each machine of the site{others} and restart everything")


def _rotate_here(site: Site, folder: Path, name: str, key: Path | None) -> None:
    new = _last_step(folder, name)
    if new is None:
        new = _prepare(folder, name)
        tell_broker(site, folder, key)  # from now on it accepts both
    finish(folder, name, new)
    announce(site, folder, name)
    tell_broker(site, folder, key)
    say(f"now restart {name}")


def _rotate_elsewhere(site: Site, folder: Path, name: str) -> None:
    """In two halves: the broker has to know the new key before the old one is dropped."""
    new = _last_step(folder, name)
    if new is None:
        begun = len(read_pairs(folder / (name + SECRET))) > 1
        new = _prepare(folder, name)
        host, public = broker_host(site), folder / (name + PUBLIC)
        if not begun:
            say(f"made the next key of {name}; the old one stays in use until the broker knows it:")
            say(f"1. copy {public} to the broker's machine, {host}, into its folder of keys")
            say("2. run there: camfan reload")
            say(f"3. run here again: camfan keys rotate {name}")
            say("(camfan keys invite does all of this)")
            return
        check_brokers_take(site, name, new, public)
    finish(folder, name, new)
    announce(site, folder, name)
    say(f"restart {name}; then copy {name}{PUBLIC} to the broker's machine once more, and run")
    say("camfan reload there. Until then the old key is valid as well")


def _last_step(folder: Path, name: str) -> Pair | None:
    """The new pair, if only its public file still has the old key beside it."""
    pairs, publics = read_pairs(folder / (name + SECRET)), _publics(folder, name)
    if len(pairs) > 1 or len(publics) == 1:
        return None
    if publics[-1] != pairs[0].public:
        raise ConfigurationError(
            f"another machine was invited as {name} and has not confirmed its key; to end that, "
            f"run camfan keys invite {name} again"
        )
    say(f"the key of {name} was being replaced; finishing that now")
    return pairs[0]


def _prepare(folder: Path, name: str) -> Pair:
    """The first step: the next pair is stored beside the one in use."""
    pairs, publics = read_pairs(folder / (name + SECRET)), _publics(folder, name)
    old = pairs[0]
    if publics[0] != old.public:
        raise ConfigurationError(
            f"{folder / name}{SECRET} is not the secret of the key in {name}{PUBLIC}: the key in "
            f"use is another machine's. Rotate it there, or: camfan keys invite {name}"
        )
    if len(pairs) > 1:
        say(f"the key of {name} was being replaced; continuing that now")
        new = pairs[-1]
    else:
        new = new_pair()
        store_pairs(folder, name, old, new)
    if new.public not in publics:
        store_publics(folder, name, old.public, new.public)
    return new


def _publics(folder: Path, name: str) -> tuple[bytes, ...]:
    public = folder / (name + PUBLIC)
    if not public.exists():
        raise ConfigurationError(f"{name} has no key: {public} is not there")
    return read_publics(public)
