"""GStreamer's RTSP server, run by the system's Python, with pictures that show when they are drawn.

Run as a program with the paths to import from, it prints its port. `find_gstreamer` says whether
the machine has what it needs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly python3-gi"
)
WIDTH, HEIGHT, FPS = 320, 240, 10
FILMS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay",
    "slow-h264": "x264enc bframes=2 key-int-max=10 ! video/x-h264,profile=high ! rtph264pay",
    "mjpeg": "jpegenc ! rtpjpegpay",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=10 ! rtpvp8pay",
}
ROOT = Path(__file__).resolve().parents[3]


def gstreamer_command() -> list[str]:
    import numpy as np

    folders = (ROOT / "nodes", ROOT / "broker", ROOT / "config", Path(np.__file__).parents[1])
    return [PYTHON, __file__, *(str(folder) for folder in folders)]


def find_gstreamer() -> bool:
    """Whether the system's Python can run the server."""
    if not Path(PYTHON).exists():
        return False
    run = subprocess.run([*gstreamer_command(), "--try"], capture_output=True, check=False)
    return run.returncode == 0


def main() -> None:
    trial = sys.argv[-1] == "--try"
    sys.path[:0] = sys.argv[1:]
    import gi
    import numpy as np

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    from camfan_nodes.camera.frame_number_mark import draw_number

    Gst.init(None)
    elements = {
        word for film in FILMS.values() for word in film.split() if word[-3:] in ("enc", "pay")
    }
    if missing := [name for name in sorted(elements) if Gst.ElementFactory.find(name) is None]:
        sys.exit(f"GStreamer lacks {', '.join(missing)}")
    if trial:
        return

    class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # untyped
        def __init__(self, film: str) -> None:
            super().__init__()
            self.film = film

        def do_create_element(self, _: object) -> object:
            return Gst.parse_launch(
                "( appsrc name=drawn is-live=true format=time do-timestamp=true"
                f" caps=video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate={FPS}/1"
                f" ! videoconvert ! video/x-raw,format=I420 ! {self.film} name=pay0 )"
            )

        def do_configure(self, media: object) -> None:
            drawn = media.get_element().get_by_name_recurse_up("drawn")  # type: ignore[attr-defined]

            def draw() -> bool:
                grey = np.full((HEIGHT, WIDTH), 60, np.uint8)
                draw_number(grey, time.time_ns() // 1_000_000)
                flow = drawn.emit("push-buffer", Gst.Buffer.new_wrapped(grey.tobytes()))
                return bool(flow == Gst.FlowReturn.OK)

            GLib.timeout_add(1000 // FPS, draw)

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for name, film in FILMS.items():
        server.get_mount_points().add_factory(f"/{name}", Factory(film))
    server.attach(None)
    print(f"port {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
