"""The part of Linux's `videodev2.h` that a webcam needs: structs, numbers, names.

Layouts are those of 64-bit Linux, the same on x86-64 and aarch64; the request numbers carry the
sizes of the structs, so a wrong layout is refused by the kernel. Nothing here makes a call.
"""

from __future__ import annotations

import ctypes as c

CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
MMAP = 1  # V4L2_MEMORY_MMAP
ANY_FIELD = 0

CAP_VIDEO_CAPTURE = 0x1
CAP_VIDEO_CAPTURE_MPLANE = 0x1000
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000

FLAG_ERROR = 0x40
FLAG_TIMESTAMP_MASK = 0xE000
FLAG_TIMESTAMP_MONOTONIC = 0x2000

COLORSPACE_REC709, COLORSPACE_JPEG = 3, 7
QUANTIZATION_FULL, QUANTIZATION_LIMITED = 1, 2
YCBCR_ENC_709 = 2

SIZE_DISCRETE = 1
INTERVAL_DISCRETE = 1


def fourcc(code: str) -> int:
    return int.from_bytes(code.encode("ascii"), "little")


def fourcc_text(number: int) -> str:
    """As v4l2-ctl writes it; the highest bit says big-endian."""
    text = (number & 0x7FFF_FFFF).to_bytes(4, "little").decode("latin-1").strip()
    return f"{text}-BE" if number >> 31 else text


MJPG, YUYV = fourcc("MJPG"), fourcc("YUYV")


class Capability(c.Structure):
    _fields_ = (
        ("driver", c.c_char * 16),
        ("card", c.c_char * 32),
        ("bus_info", c.c_char * 32),
        ("version", c.c_uint32),
        ("capabilities", c.c_uint32),
        ("device_caps", c.c_uint32),
        ("reserved", c.c_uint32 * 3),
    )


class FormatDescription(c.Structure):
    _fields_ = (
        ("index", c.c_uint32),
        ("type", c.c_uint32),
        ("flags", c.c_uint32),
        ("description", c.c_char * 32),
        ("pixelformat", c.c_uint32),
        ("mbus_code", c.c_uint32),
        ("reserved", c.c_uint32 * 3),
    )


class _Discrete(c.Structure):
    _fields_ = (("width", c.c_uint32), ("height", c.c_uint32))


class _Stepwise(c.Structure):
    _fields_ = (
        ("min_width", c.c_uint32),
        ("max_width", c.c_uint32),
        ("step_width", c.c_uint32),
        ("min_height", c.c_uint32),
        ("max_height", c.c_uint32),
        ("step_height", c.c_uint32),
    )


class _Sizes(c.Union):
    _fields_ = (("discrete", _Discrete), ("stepwise", _Stepwise))


class FrameSize(c.Structure):
    _anonymous_ = ("sizes",)
    _fields_ = (
        ("index", c.c_uint32),
        ("pixel_format", c.c_uint32),
        ("type", c.c_uint32),
        ("sizes", _Sizes),
        ("reserved", c.c_uint32 * 2),
    )


class Fraction(c.Structure):
    _fields_ = (("numerator", c.c_uint32), ("denominator", c.c_uint32))


class _StepwiseInterval(c.Structure):
    _fields_ = (("min", Fraction), ("max", Fraction), ("step", Fraction))


class _IntervalUnion(c.Union):
    _fields_ = (("discrete", Fraction), ("stepwise", _StepwiseInterval))


class FrameInterval(c.Structure):
    _anonymous_ = ("intervals",)
    _fields_ = (
        ("index", c.c_uint32),
        ("pixel_format", c.c_uint32),
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("type", c.c_uint32),
        ("intervals", _IntervalUnion),
        ("reserved", c.c_uint32 * 2),
    )


class PixFormat(c.Structure):
    _fields_ = (
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("pixelformat", c.c_uint32),
        ("field", c.c_uint32),
        ("bytesperline", c.c_uint32),
        ("sizeimage", c.c_uint32),
        ("colorspace", c.c_uint32),
        ("priv", c.c_uint32),
        ("flags", c.c_uint32),
        ("ycbcr_enc", c.c_uint32),
        ("quantization", c.c_uint32),
        ("xfer_func", c.c_uint32),
    )


class _FormatUnion(c.Union):
    _fields_ = (("pix", PixFormat), ("raw", c.c_uint8 * 200), ("aligned", c.c_void_p))


class Format(c.Structure):
    _anonymous_ = ("fmt",)
    _fields_ = (("type", c.c_uint32), ("fmt", _FormatUnion))


class _CaptureParameters(c.Structure):
    _fields_ = (
        ("capability", c.c_uint32),
        ("capturemode", c.c_uint32),
        ("timeperframe", Fraction),
        ("extendedmode", c.c_uint32),
        ("readbuffers", c.c_uint32),
        ("reserved", c.c_uint32 * 4),
    )


class _ParametersUnion(c.Union):
    _fields_ = (("capture", _CaptureParameters), ("raw", c.c_uint8 * 200))


class StreamParameters(c.Structure):
    _anonymous_ = ("parm",)
    _fields_ = (("type", c.c_uint32), ("parm", _ParametersUnion))


class RequestBuffers(c.Structure):
    _fields_ = (
        ("count", c.c_uint32),
        ("type", c.c_uint32),
        ("memory", c.c_uint32),
        ("capabilities", c.c_uint32),
        ("flags", c.c_uint8),
        ("reserved", c.c_uint8 * 3),
    )


class _Timeval(c.Structure):
    _fields_ = (("seconds", c.c_long), ("microseconds", c.c_long))


class _Timecode(c.Structure):
    _fields_ = (
        ("type", c.c_uint32),
        ("flags", c.c_uint32),
        ("time", c.c_uint8 * 4),
        ("userbits", c.c_uint8 * 4),
    )


class _Memory(c.Union):
    _fields_ = (("offset", c.c_uint32), ("userptr", c.c_ulong), ("planes", c.c_void_p))


class Buffer(c.Structure):
    _anonymous_ = ("m",)
    _fields_ = (
        ("index", c.c_uint32),
        ("type", c.c_uint32),
        ("bytesused", c.c_uint32),
        ("flags", c.c_uint32),
        ("field", c.c_uint32),
        ("timestamp", _Timeval),
        ("timecode", _Timecode),
        ("sequence", c.c_uint32),
        ("memory", c.c_uint32),
        ("m", _Memory),
        ("length", c.c_uint32),
        ("reserved2", c.c_uint32),
        ("request_fd", c.c_int32),
    )


_WRITE, _READ = 1, 2


def _request(direction: int, number: int, kind: type[c.Structure] | type[c.c_int]) -> int:
    return direction << 30 | c.sizeof(kind) << 16 | ord("V") << 8 | number


QUERYCAP = _request(_READ, 0, Capability)
ENUM_FMT = _request(_READ | _WRITE, 2, FormatDescription)
G_FMT = _request(_READ | _WRITE, 4, Format)
S_FMT = _request(_READ | _WRITE, 5, Format)
REQBUFS = _request(_READ | _WRITE, 8, RequestBuffers)
QUERYBUF = _request(_READ | _WRITE, 9, Buffer)
QBUF = _request(_READ | _WRITE, 15, Buffer)
DQBUF = _request(_READ | _WRITE, 17, Buffer)
STREAMON = _request(_WRITE, 18, c.c_int)
STREAMOFF = _request(_WRITE, 19, c.c_int)
S_PARM = _request(_READ | _WRITE, 22, StreamParameters)
ENUM_FRAMESIZES = _request(_READ | _WRITE, 74, FrameSize)
ENUM_FRAMEINTERVALS = _request(_READ | _WRITE, 75, FrameInterval)
