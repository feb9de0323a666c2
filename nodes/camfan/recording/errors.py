"""What can be wrong with a recorder's folder."""

from camfan_config.errors import CamfanError


class RecordingError(CamfanError):
    """A folder of recordings or its index cannot be used; the message names the path."""


class IndexDamagedError(RecordingError):
    """The index is not a database any more, or one that contradicts itself."""


class FrameLostError(RecordingError):
    """One frame is in the index but cannot be read; the message names the frame and its file.

    Attributes:
        camera: name of the camera.
        run: the run of the camera that made the frame.
        sequence: number of the frame within the run.
        time: when it was taken, ns since 1970 on the broker's clock.
        path: the file that should have the frame.
        reason: why it cannot be read.
    """

    def __init__(
        self, camera: str, run: str, sequence: int, time: int, path: str, reason: str
    ) -> None:
        super().__init__(f"{camera}, frame {sequence} of run {run}, in {path}: {reason}")
        self.camera = camera
        self.run = run
        self.sequence = sequence
        self.time = time
        self.path = path
        self.reason = reason
