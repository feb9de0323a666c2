"""What the commands of keys print: what was made, and how it takes effect."""

from __future__ import annotations

import sys
from pathlib import Path

from camfan import CamfanError, Site
from camfan_config import BROKER, OWNER, broker_host
from camfan_config.text.printable import printable_lines
from camfan_nodes.keys.folder import purposes
from camfan_nodes.shared.asking import ask_reload
from camfan_wire.keys import PUBLIC, SECRET, fingerprint, read_public

RELOAD_S = 3.0


def say(line: str) -> None:
    sys.stdout.write(f"{printable_lines(line)}\n")
    sys.stdout.flush()


def is_there(folder: Path, name: str) -> bool:
    """True if the secret of a name is on this machine."""
    return (folder / (name + SECRET)).exists()


def announce(site: Site, folder: Path, name: str) -> None:
    shown = fingerprint(read_public(folder / (name + PUBLIC)))
    say(f"made {folder / name}{SECRET}, for this machine only, and {name}{PUBLIC}  {shown}")
    if name not in purposes(site):
        say(f"  {name} has no rights yet: add it to security.access in the site file")


def say_what_then(site: Site, folder: Path, key: Path | None) -> None:
    """Make a change of the folder take effect, or say what does."""
    if not is_there(folder, BROKER):
        say(
            f"now copy the {PUBLIC} file to the broker's machine, {broker_host(site)}, into its "
            "folder of keys, and run camfan reload there (camfan keys invite does both)"
        )
        return
    tell_broker(site, folder, key)


def tell_broker(site: Site, folder: Path, key: Path | None) -> None:
    """Have the broker read its keys again, if it runs; `key`: None: the owner's in the folder."""
    if key is None and not is_there(folder, OWNER):
        say("to make it take effect, run camfan reload")
        return
    try:
        answer = ask_reload(site, key or folder / (OWNER + SECRET), RELOAD_S)
    except CamfanError:
        say("the broker does not answer; it reads the keys at its start, or at camfan reload")
        return
    for line in [*answer.changed, *answer.problems]:
        say(f"the broker: {line}")
