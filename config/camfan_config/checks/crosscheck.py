"""What no single value shows: whether the parts of a site fit together.

Every check runs on a site that may still hold stand-ins for values already complained about, so
it asks `places.sound` before it blames one value for another. Nothing here looks at the machine.
"""

from __future__ import annotations

from camfan_config.checks import (
    brokers,
    cameras,
    motion,
    names,
    network,
    recording,
    upstream,
    web,
)
from camfan_config.document.places import Places
from camfan_config.types import Site


def crosscheck(site: Site, places: Places) -> None:
    """Complains in `places` about everything that does not fit."""
    names.check(site, places)
    brokers.check(site, places)
    upstream.check(site, places)
    cameras.check(site, places)
    motion.check(site, places)
    recording.check(site, places)
    network.check(site, places)
    web.check(site, places)
