"""`camfan keys revoke`. A command that was killed can be repeated, and then finishes."""

from __future__ import annotations

import argparse
from pathlib import Path

from camfan import load_site
from camfan_config import BROKER
from camfan_nodes.keys.changing import changing, is_revoked, remove_secret, retire
from camfan_nodes.keys.folder import check_name, folder_of
from camfan_nodes.keys.output import is_there, say, say_what_then
from camfan_nodes.shared.command import ConfigurationError
from camfan_nodes.shared.site_file import find_site_file
from camfan_wire.keys import PUBLIC, SECRET, read_pair


def revoke(args: argparse.Namespace) -> int:
    site = load_site(find_site_file(args.config))
    folder, name = folder_of(site), check_name(args.name)
    if name == BROKER:
        raise ConfigurationError(
            "all machines trust the broker's key; to replace it, run camfan keys rotate broker"
        )
    with changing(folder):
        if not _is_half_revoked(folder, name):
            retire(folder, name)
        say(f"{name} is revoked")
        say_what_then(site, folder, args.key)  # it may need the owner's secret
        remove_secret(folder, name)
    return 0


def _is_half_revoked(folder: Path, name: str) -> bool:
    """True if a killed command has left the secret behind."""
    if (folder / (name + PUBLIC)).exists() or not is_there(folder, name):
        return False
    return is_revoked(folder, name, read_pair(folder / (name + SECRET)).public)
