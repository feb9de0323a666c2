"""Which site file a command reads: one rule for all commands.

`--config FILE`; without it the file that $CAMFAN_SITE names; without that `site.yaml` in the
current folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from camfan_config.errors import CamfanError

VARIABLE = "CAMFAN_SITE"
DEFAULT = "site.yaml"


class NoSiteError(CamfanError):
    """No site file was named, and there is none where one is looked for."""


def find_site_file(asked: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The site file to read. Raises NoSiteError."""
    if asked is not None:
        return asked
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    if Path(DEFAULT).is_file():
        return Path(DEFAULT)
    raise NoSiteError(
        f"no site file: there is no {DEFAULT} in this folder; name one with --config FILE or in "
        f"${VARIABLE}, or write a first one with `camfan init`"
    )
