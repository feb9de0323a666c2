"""Words that people try, and what they are called in a site file.

Asked before the spelling is compared: `rate` is `fps`, and not a badly written `rotate`.
"""

from __future__ import annotations

from collections.abc import Collection

_KEYS: dict[str, tuple[str, ...]] = {
    "size": (
        "resolution", "res", "dimensions", "dimension", "geometry", "picturesize", "imagesize",
        "framesize", "width", "height", "pixels",
    ),
    "fps": (
        "framerate", "rate", "maxfps", "frames", "frequency", "hz", "framespersecond", "interval",
    ),
    "quality": ("jpegquality", "compression", "jpeg", "q"),
    "source": ("type", "kind", "driver", "backend", "protocol", "input"),
    "device": ("dev", "usb", "webcam", "devicename", "node"),
    "url": (
        "ip", "address", "stream", "uri", "link", "rtsp", "http", "rtspurl", "streamurl",
        "sourceurl", "ipaddress", "hostname", "addr", "mjpeg", "port",
    ),
    "path": (
        "file", "filename", "video", "folder", "directory", "dir", "location", "output", "target",
        "destination", "storage", "filepath",
    ),
    "rotate": ("rotation", "angle", "orientation", "turn"),
    "flip": ("mirror", "hflip", "vflip", "flipped", "mirrored"),
    "title": ("label", "description", "displayname", "caption", "friendlyname"),
    "privacy": ("privacymask", "blackout", "censor"),
    "masks": ("mask", "ignore", "exclude"),
    "zones": ("zone", "regions", "region", "roi", "areas"),
    "keep": ("retention", "retain", "maxage", "days", "expire", "cleanup"),
    "segment": ("chunk", "segmentlength", "split", "filelength"),
    "cameras": ("cam", "cams", "camera", "camaras", "kameras", "sources", "streams", "devices"),
    "recorders": ("recorder", "record", "recording", "recordings", "nvr", "archive"),
    "motion": ("detectors", "detector", "detection", "motiondetection", "motiondetectors"),
    "web": ("website", "server", "ui", "webserver", "gui", "dashboard"),
    "site": ("name", "sitename", "title"),
    "host": ("machine", "computer", "pi", "hub", "server", "address", "ip"),
    "ports": ("port",),
    "listen": ("port", "bind", "address", "http", "addr"),
    "users": ("user", "logins", "accounts"),
    "min_area": ("sensitivity", "minsize", "area", "minarea"),
    "age": ("days", "maxage", "time", "duration"),
    "min_free": ("free", "reserve", "minfree"),
    "stall_after": ("timeout", "stall", "stalltimeout"),
    "format": ("codec", "pixelformat", "fourcc", "encoding"),
    "verify": ("insecure", "verifyssl", "verifytls", "sslverify", "tlsverify", "skipverify"),
    "certificate": ("cert", "crt", "certfile", "pem"),
    "tls": ("ssl", "https", "certificate", "cert"),
    "server_key": ("publickey", "pubkey"),
}  # fmt: skip
_SOURCES: dict[str, tuple[str, ...]] = {
    "v4l2": (
        "usb", "webcam", "uvc", "v4l", "usbcam", "usbcamera", "video4linux", "camera", "local",
    ),
    "picamera2": (
        "picamera", "picam", "pi", "raspi", "raspberry", "raspberrypi", "csi", "libcamera",
    ),
    "rtsp": ("ip", "ipcam", "ipcamera", "onvif", "rtp", "network", "stream"),
    "http": ("https", "mjpeg", "mjpg", "snapshot", "url", "web", "jpegurl"),
    "file": ("video", "movie", "mp4", "avi", "mkv"),
    "images": ("folder", "jpeg", "jpg", "directory", "pictures", "photos", "image"),
    "test": ("dummy", "fake", "demo", "testsrc", "pattern", "simulated", "none"),
    "custom": ("code", "python", "external", "publisher"),
}  # fmt: skip


def key_for(word: str, known: Collection[str]) -> str | None:
    """Which of the known keys a word means."""
    return _find(_KEYS, word, known)


def source_for(word: str) -> str | None:
    """Which source a word means."""
    return _find(_SOURCES, word, _SOURCES)


def _find(table: dict[str, tuple[str, ...]], word: str, known: Collection[str]) -> str | None:
    bare = word.lower().replace("_", "").replace("-", "").replace(" ", "")
    words = (right for right, wrong in table.items() if right in known and bare in wrong)
    return next(words, None)
