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
    """The code was not used in time."""


def invite(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    folder, name = folder_of(site), check_name(args.name)
    _check_invited(site, name, args.minutes)
    if not 0 <= args.port <= MAX_PORT:
        raise ConfigurationError(f"--port is 0 to {MAX_PORT}; 0: any that is free")
    stop = stop_on_signals()
    host = site.broker.host
    listen = host if is_loopback(host) else "*"
    server_key_of(site)  # raises, before the code is shown
    check_free(folder, name, args.port)
    asked = Invitation(name, host, f"[{listen}]" if ":" in listen else listen, args.port)
    try:
        with announced(folder, name, asked.code.port, args.minutes * 60):
            say("on the new machine, beside its copy of the site file:")
            say("    camfan keys join")
            say("and enter this code there:")
            say(f"    {asked.code}")
            say("or in one line, if no other user of that machine can list its processes:")
            say(f"    camfan keys join {asked.code}")
            say(f"valid once, for {args.minutes:g} minutes; waiting. Ctrl-C revokes it.")
            came = asked.wait(
                args.minutes * 60, _KeyReceiver(site, folder, name, args.key), stop.is_set
            )
    finally:
        asked.close()
    if stop.is_set():
        return 0
    if not came:
        raise UnusedInvitationError(
            f"the code for {name} was not used in time; it is no longer valid"
        )
    return 0


def _check_invited(site: Site, name: str, minutes: float) -> None:
    if name == BROKER:
        raise ConfigurationError("the broker's key is made on the broker's machine")
    if name not in purposes(site):
        raise ConfigurationError(
            f"'{name}' is neither a node of site '{site.site}' nor in its security.access"
        )
    if not 0 < minutes <= MAX_MINUTES:
        raise ConfigurationError(f"--minutes is above 0 and at most {MAX_MINUTES:g}")


@dataclass(frozen=True, slots=True)
class _KeyReceiver:
    """Puts the key of the new machine into the folder of keys, and makes a broker reload."""

    site: Site
    folder: Path
    name: str
    key: Path | None  # used to make the broker reload

    def take(self, public: bytes) -> InvitationReply:
        reply = InvitationReply(self.site.site, to_hex(server_key_of(self.site)))
        with changing(self.folder):
            path = self.folder / (self.name + PUBLIC)
            had = [key for key in read_publics(path) if key != public] if path.exists() else []
            store_publics(self.folder, self.name, *had, public)
        say(f"{self.name} has connected; its key is {fingerprint(public)}")
        tell_broker(self.site, self.folder, self.key)
        return reply

    def confirm(self, public: bytes) -> None:
        with changing(self.folder):
            revoked = settle(self.folder, self.name, public)
        say(f"{self.name} has stored its key")
        if revoked:
            say(f"the earlier key of {self.name} is revoked")
            tell_broker(self.site, self.folder, self.key)


def join(args: argparse.Namespace) -> int:
    code = read_code(_asked_code() if args.code in (None, "-") else args.code)
    site = _site(args.config)
    folder = Path(site.security.keys) if site and site.security.keys else Path(DEFAULT)
    check_not_exposed(folder)
    pair = new_pair()
    heard = enrolment.deliver_key(
        code, pair.public, lambda reply: _keep(site, folder, code, pair, reply)
    )
    say(f"{code.name} can connect now")
    if not heard:
        say(f"{code.host} has not confirmed that the key is stored; until it has, the old key of")
        say(f"{code.name} is valid as well. To see it, run there: camfan keys list")
    return 0


def _asked_code() -> str:
    """The code from standard input; other users could see an argument with `ps`."""
    if sys.stdin.isatty():
        sys.stderr.write("code of camfan keys invite: ")
        sys.stderr.flush()
    try:
        text = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ConfigurationError(
            "no code was given; camfan keys invite prints one on the broker's machine"
        )
    return text


def _keep(site: Site | None, folder: Path, code: Code, pair: Pair, reply: InvitationReply) -> None:
    """Store the pair in place of the earlier one; until then the broker accepts both."""
    if site is not None and site.security.server_key not in (None, reply.server_key):
        raise ConfigurationError(
            "the site file here pins the key of another broker than the one that invites; copy the "
            "site file from there again, then repeat this command with the same code"
        )
    with changing(folder):
        store_pairs(folder, code.name, pair)
        store_publics(folder, code.name, pair.public)
    secret = folder / (code.name + SECRET)
    say(f"made {secret}, for this machine only; its key is {fingerprint(pair.public)}")
    if site is None:
        say(f"the broker of site '{reply.site}' has the key {reply.server_key}")


def _site(config: Path | None) -> Site | None:
    try:
        return load_site(find_site_file(config))
    except NoSiteError:
        return None
