"""Making, replacing and revoking keys, and saying what has to be done next."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from camfan import CamfanError, Site, SiteError, load_site
from camfan.identity import BROKER, OWNER
from camfan_config import broker_host, hosts
from camfan_config.printable import printable_lines
from camfan_nodes.cli_reload import ask_reload
from camfan_nodes.command import ConfigurationError
from camfan_nodes.keys.folder import DEFAULT, REVOKED, check_name, folder_of, purposes
from camfan_nodes.keys.pinning import pin
from camfan_nodes.up.share import choose_host
from camfan_nodes.viewer.site_file import find_site_file
from camfan_wire.keys import PUBLIC, SECRET, fingerprint, new_pair, read_public, to_hex, write_pair

RELOAD_S = 3.0


def new(args: argparse.Namespace) -> int:
    path = find_site_file(args.config)
    for name in args.names:
        check_name(name)
    site, first = _site_with_keys(path, args.names)
    folder = folder_of(site)
    host = choose_host(site, args.host) if args.host or not args.names else None
    names = args.names or _of_host(site, host or "")
    made = [BROKER] if first else []
    for name in names:
        if name == BROKER and (first or (not args.names and _is_there(folder, name))):
            continue
        if not args.names and _is_there(folder, name):
            say(f"{folder / name}{SECRET} is there already, and stays")
            continue
        write_pair(folder, name, new_pair())
        if name == BROKER:
            pin(path, to_hex(read_public(folder / (name + PUBLIC))))
        made.append(name)
    for name in made:
        _announce(site, folder, name)
    if first:
        say(f"{path} names them now: copy it to each machine of the site, never a secret")
        say("a broker that runs already has to be started again")
    elif made:
        _then(site, folder)
    return 0


def _site_with_keys(path: Path, names: list[str]) -> tuple[Site, bool]:
    """The site; and whether its first key, the broker's, was made for it just now."""
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
    if not _is_there(folder, BROKER):
        write_pair(folder, BROKER, new_pair())  # it stays, as the error of `pin` names it
    return pin(path, to_hex(read_public(folder / (BROKER + PUBLIC)))), True


def _of_host(site: Site, host: str) -> list[str]:
    """Whoever runs on a host, and with the broker its owner."""
    here = hosts(site)[host]
    names = [node.name for node in here if node.kind != "broker"]
    if len(names) == len(here):
        return names
    if site.brokers and site.security.server_key and not _is_there(folder_of(site), BROKER):
        secret = folder_of(site) / (BROKER + SECRET)
        say(f"{secret} is not here: copy it from the machine of another broker, with all {PUBLIC}")
        return names
    return [BROKER, OWNER, *names]


def revoke(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    folder, name = folder_of(site), check_name(args.name)
    if name == BROKER:
        raise ConfigurationError(
            "the broker's key is what everybody trusts; replace it: camfan keys rotate broker"
        )
    retire(folder, name)
    say(f"{name} is revoked")
    _then(site, folder)  # the owner's is what the broker hears this from
    (folder / (name + SECRET)).unlink(missing_ok=True)
    return 0


def rotate(args: argparse.Namespace) -> int:
    path = find_site_file(args.config)
    site = load_site(path)
    folder, name = folder_of(site), check_name(args.name)
    secret = folder / (name + SECRET)
    if not secret.exists():
        raise ConfigurationError(
            f"the secret of {name} is not on this machine. Rotate it where it is; or let that "
            f"machine make a new one: here camfan keys invite {name}, there camfan keys join CODE"
        )
    retire(folder, name)
    old = secret.rename(folder / f".{name}.old{SECRET}")
    try:
        write_pair(folder, name, new_pair())
        _announce(site, folder, name)
        if name == BROKER:
            pin(path, to_hex(read_public(folder / (name + PUBLIC))))
            say(f"copy {path} to each machine of the site, and start everything again")
            return 0
        _then(site, folder, old if name == OWNER else None)  # the broker knows no other yet
    finally:
        old.unlink()
    say(f"{name} itself has to be started again")
    return 0


def retire(folder: Path, name: str) -> None:
    """The public key of a name is nobody's from now on; it is kept to be looked at.

    Raises ConfigurationError.
    """
    public = folder / (name + PUBLIC)
    if not public.exists():
        raise ConfigurationError(f"{name} has no key: {public} is not there")
    public.rename(folder / f"{name}.{fingerprint(read_public(public))}{REVOKED}")


def say(line: str) -> None:
    sys.stdout.write(f"{printable_lines(line)}\n")
    sys.stdout.flush()


def _is_there(folder: Path, name: str) -> bool:
    return (folder / (name + SECRET)).exists()


def _announce(site: Site, folder: Path, name: str) -> None:
    shown = fingerprint(read_public(folder / (name + PUBLIC)))
    say(f"made {folder / name}{SECRET}, for this machine alone, and {name}{PUBLIC}  {shown}")
    if name not in purposes(site):
        say(f"  {name} may do nothing yet: name it in security.access of the site file")


def _then(site: Site, folder: Path, key: Path | None = None) -> None:
    """What makes a change of the folder take effect."""
    if not _is_there(folder, BROKER):
        say(
            f"now bring the {PUBLIC} file to the broker's machine, {broker_host(site)}, into its "
            "folder of keys, and there: camfan reload. (camfan keys invite does it by itself)"
        )
        return
    tell_broker(site, folder, key)


def tell_broker(site: Site, folder: Path, key: Path | None = None) -> None:
    """Have the broker read its keys again, if it runs and we may; without `key`, as the owner."""
    if not _is_there(folder, OWNER):
        say("it takes effect with: camfan reload")
        return
    try:
        answer = ask_reload(site, key or folder / (OWNER + SECRET), RELOAD_S)
    except CamfanError:
        say("the broker does not answer; it reads the keys when it starts, or at camfan reload")
        return
    for line in [*answer.changed, *answer.problems]:
        say(f"the broker: {line}")
