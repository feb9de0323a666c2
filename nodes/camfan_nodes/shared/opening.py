"""The site file of a node, and the care that nothing it got from elsewhere is said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camfan_config import HidingFormatter, Loaded, hiding_errors, read_site
from camfan_nodes.shared.command import LAYOUT
from camfan_nodes.shared.site_file import find_site_file


@contextmanager
def opened_site(config: Path | None) -> Iterator[Loaded]:
    """From here on the log, and the error that this ends with, say `${NAME}` as the file does."""
    loaded = read_site(find_site_file(config))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(HidingFormatter(LAYOUT, loaded.hidden))
    with hiding_errors(loaded.hidden):
        yield loaded
