"""Whether recordings fit the disk of this machine; the one check that looks beyond the file."""

from __future__ import annotations

import shutil
from pathlib import Path

from camfan_config.load import Loaded
from camfan_config.problems import SiteError
from camfan_config.units import short_bytes


def check_disks(loaded: Loaded) -> None:
    """Raises SiteError when a recorder's folder is on this machine and its disk is too small."""
    for name, recorder in loaded.site.recorders.items():
        needed = (recorder.keep.size or 0) + (recorder.keep.min_free or 0)
        if not Path(recorder.path).is_dir():
            continue
        try:
            total = shutil.disk_usage(recorder.path).total
        except OSError:
            continue  # unmounted this moment: its recorder will say so
        if needed > total:
            key = "size" if recorder.keep.size else "min_free"
            words = f"size and min_free are {short_bytes(needed)}, the disk is {short_bytes(total)}"
            loaded.places.complain(("recorders", name, "keep", key), words)
    if loaded.places.problems:
        raise SiteError(loaded.places.problems)
