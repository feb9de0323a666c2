"""What can be wrong with a recorder's folder."""

from camfan_config.errors import CamfanError


class RecordingError(CamfanError):
    """The recorder cannot use its folder or its index; the sentence names the path."""


class IndexDamagedError(RecordingError):
    """The index is no database any more, or one that contradicts itself."""
