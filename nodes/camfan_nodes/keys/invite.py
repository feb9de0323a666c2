"""The two ends of an enrolment as commands."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from camfan import CamfanError, Site, load_site
from camfan.identity import server_key_of
from camfan_config import BROKER, is_loopback
from camfan_nodes.keys import enrolment
from camfan_nodes.keys.changing import changing, settle
from camfan_nodes.keys.enrolment import MAX_PORT, Code, Invitation, InvitationReply, read_code
from camfan_nodes.keys.folder import DEFAULT, check_name, folder_of, purposes
from camfan_nodes.keys.invitations import announced, check_free
from camfan_nodes.keys.output import say, tell_broker
from camfan_nodes.shared.command import ConfigurationError
from camfan_nodes.shared.service import stop_on_signals
from camfan_nodes.shared.site_file import NoSiteError, find_site_file
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    Pair,
    check_not_exposed,
    fingerprint,
    new_pair,
    read_publics,
    store_pairs,
    store_publics,
    to_hex,
)

MAX_MINUTES = 60.0


class UnusedInvitationError(CamfanError):
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
            say("    camfan keys join")
            say("and there this code:")
            say(f"    {asked.code}")
            say("or in one line, where no other user can list processes, as the code is in it:")
            say(f"    camfan keys join {asked.code}")
            say(f"valid once, for {args.minutes:g} minutes; waiting. Ctrl-C takes it back.")
            came = asked.wait(
                args.minutes * 60, _KeyReceiver(site, folder, name, args.key), stop.is_set
            )
    finally:
        asked.close()
    if stop.is_set():
        return 0
    if not came:
        raise UnusedInvitationError(f"nobody came with the code for {name}; it is void")
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


@dataclass(frozen=True, slots=True)
class _KeyReceiver:
    """The end that invites: the folder of keys, and a broker that may run."""

    site: Site
    folder: Path
    name: str
    key: Path | None  # used to make the broker reload

    def take(self, public: bytes) -> InvitationReply:
        welcome = InvitationReply(self.site.site, to_hex(server_key_of(self.site)))
        with changing(self.folder):
            path = self.folder / (self.name + PUBLIC)
            had = [key for key in read_publics(path) if key != public] if path.exists() else []
            store_publics(self.folder, self.name, *had, public)
        say(f"{self.name} has come; its key is {fingerprint(public)}")
        tell_broker(self.site, self.folder, self.key)
        return welcome

    def confirm(self, public: bytes) -> None:
        with changing(self.folder):
            revoked = settle(self.folder, self.name, public)
        say(f"{self.name} has stored it")
        if revoked:
            say(f"the key that {self.name} had is revoked")
            tell_broker(self.site, self.folder, self.key)


def join(args: argparse.Namespace) -> int:
    code = read_code(_asked_code() if args.code in (None, "-") else args.code)
    site = _site(args.config)
    folder = Path(site.security.keys) if site and site.security.keys else Path(DEFAULT)
    check_not_exposed(folder)
    pair = new_pair()
    heard = enrolment.join(
        code, pair.public, lambda welcome: _keep(site, folder, code, pair, welcome)
    )
    say(f"{code.name} may come in now")
    if not heard:
        say(f"{code.host} did not hear that the key is stored; until then the old key of")
        say(f"{code.name} is valid, too. There: camfan keys list")
    return 0


def _asked_code() -> str:
    """The code from standard input: in the list of processes other users would see it."""
    if sys.stdin.isatty():
        sys.stderr.write("the code of camfan keys invite: ")
        sys.stderr.flush()
    try:
        text = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ConfigurationError(
            "no code was given: enter what camfan keys invite has printed on the broker's machine"
        )
    return text


def _keep(
    site: Site | None, folder: Path, code: Code, pair: Pair, welcome: InvitationReply
) -> None:
    """Put the pair in the place of what this machine had; the other end takes both until then."""
    if site is not None and site.security.server_key not in (None, welcome.server_key):
        raise ConfigurationError(
            "the site file here pins another broker than the one that invites; copy it again from "
            "there, then run this again with the same code"
        )
    with changing(folder):
        store_pairs(folder, code.name, pair)
        store_publics(folder, code.name, pair.public)
    secret = folder / (code.name + SECRET)
    say(f"made {secret}, for this machine alone; its key is {fingerprint(pair.public)}")
    if site is None:
        say(f"site '{welcome.site}': its broker has the key {welcome.server_key}")


def _site(config: Path | None) -> Site | None:
    try:
        return load_site(find_site_file(config))
    except NoSiteError:
        return None
