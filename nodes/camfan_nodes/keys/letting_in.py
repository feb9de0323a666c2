"""The two ends of an enrolment as commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from camfan import CamfanError, Site, load_site
from camfan.identity import BROKER, server_key_of
from camfan_config import is_loopback
from camfan_nodes.command import ConfigurationError
from camfan_nodes.keys import enrolment
from camfan_nodes.keys.enrolment import MAX_PORT, Invitation, Welcome, read_code
from camfan_nodes.keys.folder import DEFAULT, check_name, folder_of, purposes
from camfan_nodes.keys.invitations import announced, check_free
from camfan_nodes.keys.making import retire, say, tell_broker
from camfan_nodes.service import stop_on_signals
from camfan_nodes.viewer.site_file import NoSiteError, find_site_file
from camfan_wire.keys import PUBLIC, SECRET, fingerprint, new_pair, to_hex, write_pair, write_public

MAX_MINUTES = 60.0


class NobodyCameError(CamfanError):
    """The code was not used in its time."""


def invite(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    folder, name = folder_of(site), check_name(args.name)
    _check_invited(site, name, args.minutes)
    if not 0 <= args.port <= MAX_PORT:
        raise ConfigurationError(f"--port is 0 to {MAX_PORT}; 0: any that is free")
    stop = stop_on_signals()
    host = site.broker.host
    listen = host if is_loopback(host) else "*"
    server_key_of(site)  # which the new machine is given
    check_free(folder, name, args.port)
    asked = Invitation(name, host, f"[{listen}]" if ":" in listen else listen, args.port)
    try:
        with announced(folder, name, asked.code.port, args.minutes * 60):
            say("on the new machine, beside its copy of the site file:")
            say(f"    camfan keys join {asked.code}")
            say(f"valid once, for {args.minutes:g} minutes; waiting. Ctrl-C takes it back.")
            came = asked.wait(
                args.minutes * 60, lambda public: _take(site, folder, name, public), stop.is_set
            )
    finally:
        asked.close()
    if stop.is_set():
        return 0
    if not came:
        raise NobodyCameError(f"nobody came with the code for {name}; it is void")
    tell_broker(site, folder)
    return 0


def _check_invited(site: Site, name: str, minutes: float) -> None:
    if name == BROKER:
        raise ConfigurationError("the broker's key is made where the broker runs")
    if name not in purposes(site):
        raise ConfigurationError(
            f"'{name}' is neither a node of site '{site.site}' nor in its security.access"
        )
    if not 0 < minutes <= MAX_MINUTES:
        raise ConfigurationError(f"--minutes is above 0 and at most {MAX_MINUTES:g}")


def _take(site: Site, folder: Path, name: str, public: bytes) -> Welcome:
    if (folder / (name + PUBLIC)).exists():
        retire(folder, name)
        say(f"the key that {name} had is revoked")
    write_public(folder, name, public)
    say(f"{name} has come; its key is {fingerprint(public)}")
    return Welcome(site.site, to_hex(server_key_of(site)))


def join(args: argparse.Namespace) -> int:
    code = read_code(args.code)
    site = _site(args.config)
    folder = Path(site.security.keys) if site and site.security.keys else Path(DEFAULT)
    pair, secret = new_pair(), folder / (code.name + SECRET)
    welcome = enrolment.join(code, pair.public)
    if site is not None and site.security.server_key not in (None, welcome.server_key):
        raise ConfigurationError(
            "the site file here pins another broker than the one that invites; copy it anew"
        )
    _make_way(folder, code.name)
    write_pair(folder, code.name, pair)
    say(f"made {secret}, for this machine alone; its key is {fingerprint(pair.public)}")
    if site is None:
        say(f"site '{welcome.site}': its broker has the key {welcome.server_key}")
    say(f"{code.name} may come in now")
    return 0


def _site(config: Path | None) -> Site | None:
    try:
        return load_site(find_site_file(config))
    except NoSiteError:
        return None


def _make_way(folder: Path, name: str) -> None:
    """What this machine had before opens nothing any more: the other end has a new key."""
    for suffix in (SECRET, PUBLIC):
        (folder / (name + suffix)).unlink(missing_ok=True)
