"""The site file of a node; values from outside the file appear in no log and no error."""

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
    """Meanwhile the log shows `${NAME}` as the file does; so does an error that ends this."""
    loaded = read_site(find_site_file(config))
    for handler in logging.getLogger().handlers:
        handler.setFormatter(HidingFormatter(LAYOUT, loaded.hidden))
    with hiding_errors(loaded.hidden):
        yield loaded
