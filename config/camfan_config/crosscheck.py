"""What no single value shows: whether the parts of a site fit together.

Every check runs on a site that may still hold stand-ins for values already complained about, so
it asks `places.sound` before it blames one value for another. Nothing here looks at the machine.
"""

from __future__ import annotations

from camfan_config import (
    check_brokers,
    check_cameras,
    check_motion,
    check_names,
    check_network,
    check_recording,
    check_upstream,
    check_web,
)
from camfan_config.places import Places
from camfan_config.types import Site


def crosscheck(site: Site, places: Places) -> None:
    """Complains in `places` about everything that does not fit."""
    check_names.check(site, places)
    check_brokers.check(site, places)
    check_upstream.check(site, places)
    check_cameras.check(site, places)
    check_motion.check(site, places)
    check_recording.check(site, places)
    check_network.check(site, places)
    check_web.check(site, places)
