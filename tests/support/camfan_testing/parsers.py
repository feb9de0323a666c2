"""The parsers that read what strangers send, each as one function of bytes that may only be good.

`tests/fuzz/fuzz.py` feeds them with atheris, `test_corpus.py` with what that has found. Each
returns for bytes that are refused as promised; anything else that is raised is a bug.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from camfan_config import SiteError, load_site
from camfan_testing.frames import read_frame
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.header import decode_header, encode_header
from camfan_wire.jpeg import MAX_PIXELS, picture_size

ENVIRONMENT = {"SECRET": "s3cret", "EMPTY": ""}


def frame(data: bytes) -> None:
    """Topic, header and JPEG, parted by line ends; what passes comes back from its own bytes."""
    parts = data.split(b"\n", 2)
    with suppress(WireError):
        header = read_frame(parts)
        assert decode_header(encode_header(header)) == header
        assert header.topic == parts[0]
    for part in parts[1:]:
        with suppress(WireError):
            decode_header(part)
        with suppress(WireError):
            width, height = picture_size(part)
            assert 0 < width * height <= MAX_PIXELS


def control(data: bytes) -> None:
    """One message to or from the broker, an event, a status."""
    for decode in (
        messages.decode_to_broker,
        messages.decode_from_broker,
        messages.decode_event,
        messages.decode_status,
    ):
        with suppress(WireError):
            message = decode(data)
            assert decode(messages.encode(message)) == message


def site(data: bytes) -> None:
    """A whole site file."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".yaml") as file:
        Path(file.name).write_bytes(data)
        try:
            load_site(file.name, environment=ENVIRONMENT)
            return
        except SiteError as exc:
            shown = str(exc)
        assert shown
        assert "s3cret" not in shown or b"s3cret" in data


PARSERS: Mapping[str, Callable[[bytes], None]] = {"frame": frame, "control": control, "site": site}
