"""Runs the capturing thread, and notices when it hangs in a call that cannot be interrupted.

The caller's thread stays free: it handles signals, and ends the node within seconds even while the
capturing thread is stuck in a driver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from camfan_config.errors import CamfanError
from camfan_nodes.camera.hang_detector import HangDetector

LOOK_S = 1.0  # between looks
CAPTURE = "camfan-capture"  # the thread's name
GRACE_S = 1.5  # from the stop to the end of the thread; then the process leaves without it


class HungError(CamfanError):
    """The capturing thread hangs in a call that cannot be ended; only a new process helps."""


class StopHungError(HungError):
    """The same, noticed while stopping: no frame is lost."""


def supervise(work: Callable[[], None], hangs: HangDetector, stop: threading.Event) -> None:
    """Do the work on a thread of its own. Raises what it raised, or HungError.

    `stop` is set when the work ends, whatever ended it.
    """
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - raised again below, on the caller's thread
            failures.append(exc)

        finally:
            stop.set()

    thread = threading.Thread(target=guarded, name=CAPTURE, daemon=True)
    thread.start()
    while not stop.wait(LOOK_S):
        if what := hangs.overdue():
            raise HungError(f"{what} hangs; this process ends, so that a new one can try")
    thread.join(GRACE_S)
    if thread.is_alive():
        raise StopHungError("the source was not closed in time")
    if failures:
        raise failures[0]
