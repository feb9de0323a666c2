"""What to write instead: words for mistakes whose remedy is more than another spelling."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import inspect

from camfan_config.conversion.kinds import ValueKind, is_tagged, kind_of
from camfan_config.conversion.scalars import Wrong, read_scalar
from camfan_config.document.tree import Mapping, Scalar, Sequence, YamlNode

_OFF = ("enabled", "disabled", "active", "enable", "disable")
_RECORD = ("record", "recording", "recorder", "recorders", "save", "store")
_LOGIN = ("user", "username", "password", "pass", "login", "passwd", "pwd", "auth", "credentials")
_FEW = 6  # keys that are worth naming
_SHORT_FOR = ("age", "size", "host", "listen", "memory", "path")  # a value that says its key


def missing_words(field: inspect.Field) -> str:
    """For a key that must be there."""
    info = kind_of(field.type).type
    if isinstance(info, inspect.LiteralType) and len(info.values) == 1:
        return f"missing; write '{field.encode_name}: {info.values[0]}'"
    return "missing"


def unknown_words(name: str, known: Collection[str]) -> str | None:
    """For a key that does not exist, where something else does what it was meant for."""
    bare = name.lower()
    if name.startswith(("//", ";", "--")):
        return "unknown key; a comment begins with '#'"
    if re.fullmatch(r"[0-9]+\s*\S{0,3}", name):
        return "unknown key; in a number write '.' and not ','"
    if "source" in known and bare == "name":
        return "unknown key; the name of a camera is the key above these lines"
    if "source" in known and bare in _RECORD:
        return "unknown key; recordings are configured in 'recorders'"
    if "source" not in known and "stall_after" in known and bare == "source":
        return "unknown key; each camera has a source of its own"
    if "recorders" in known and bare in ("viewer", "viewers", "view", "windows"):
        return "unknown key; a viewer needs no entry here, start it with `camfan view`"
    if "source" in known and bare in _OFF:
        return "unknown key; to switch a camera off, put '#' before its lines"
    if "url" in known and bare in _LOGIN:
        return "unknown key; the login is part of the url: //USER:${PASSWORD}@host/..."
    if ":" in name:
        return "unknown key; a space is missing after the ':'"
    if "size" in known and bare in ("width", "height"):
        return "unknown key; width and height are written together, as 'size: 640x480'"
    if "fps" in known and bare == "interval":
        return "unknown key; a picture every 10 seconds is 'fps: 1/10s'"
    return None


def in_place_of_a_list(kind: ValueKind) -> str:
    """For a list where names and their keys belong."""
    if isinstance(kind.type, inspect.DictType):
        return "; write NAME: and its keys indented below it, without '-'"
    return _its_keys(kind)


def in_place_of_a_mapping(kind: ValueKind, scalar: Scalar) -> str | None:
    """For one value where several keys belong: which key it probably is."""
    if kind.secret and isinstance(kind.type, inspect.StructType):
        return _its_keys(kind)
    if isinstance(kind.type, inspect.DictType):
        return "; each of them has a name, with its keys indented below it"
    if kind.secret or scalar.foreign or len(scalar.written) > 60:
        return None
    text = scalar.written
    if is_tagged(kind.type):
        if "://" in text:
            scheme = "rtsp" if text.startswith("rtsp") else "http"
            return f"; write {{source: {scheme}, url: ...}}"
        if text.startswith("/dev/"):
            return f"; write {{source: v4l2, device: {text}}}"
        known = any(
            one.tag == text for one in kind.type.types if isinstance(one, inspect.StructType)
        )
        return f"; write {{source: {text}}}" if known else None
    if not isinstance(kind.type, inspect.StructType) or kind.unit is not None:
        return None
    if text.lower() in ("true", "yes", "on"):
        return "; write {} for one with all defaults"
    if "=" in text:
        return "; write 'key: value', not 'key = value'"
    fields = {field.encode_name: field for field in kind.type.fields}
    for name in _SHORT_FOR:
        meant = _fitting(kind_of(fields[name].type), scalar) if name in fields else None
        if meant is not None:
            return f"; write {{{name}: {meant}}}"
    return _its_keys(kind)


def holds_secret(kind: ValueKind) -> bool:
    """True for a mapping, or named mappings, of which one key is a password or the like."""
    if isinstance(kind.type, inspect.DictType):
        return holds_secret(kind_of(kind.type.value_type))
    if not isinstance(kind.type, inspect.StructType):
        return False
    return any(kind_of(field.type).secret for field in kind.type.fields)


def _its_keys(kind: ValueKind) -> str:
    if not isinstance(kind.type, inspect.StructType) or kind.unit is not None:
        return ""
    names = [field.encode_name for field in kind.type.fields]
    return f"; its keys are {', '.join(names)}" if 1 < len(names) <= _FEW else ""


def of_many(info: inspect.DictType, name: str) -> bool:
    """True for a key that belongs to one of the named sections, and not beside their names."""
    section = kind_of(info.value_type).type
    each = section.types if is_tagged(section) else (section,)
    structs = [one for one in each if isinstance(one, inspect.StructType)]
    keys = {field.encode_name for one in structs for field in one.fields}
    return name in keys | {one.tag_field for one in structs}


def is_polygon(info: inspect.Type) -> bool:
    """True for a list of pairs of numbers up to 1."""
    if not isinstance(info, inspect.VarTupleType):
        return False
    corner = kind_of(info.item_type).type
    return isinstance(corner, inspect.TupleType) and len(corner.item_types) == 2


def corners_are_pixels(corner: YamlNode) -> str | None:
    """For a corner that no picture of size 1 has."""
    if not isinstance(corner, Sequence):
        return None
    numbers = [item.value for item in corner.items if isinstance(item, Scalar)]
    if any(isinstance(number, int | float) and number >= 2 for number in numbers):
        words = "corners are not in pixels but from 0 to 1, from the top left"
        return f"{words}: divide x by the width of the picture and y by its height"
    return None


def corners_are_pairless(corner: YamlNode) -> str | None:
    """For a number or a mapping where a corner belongs."""
    number = isinstance(corner, Scalar) and isinstance(corner.value, int | float)
    if number or isinstance(corner, Mapping):
        return "each corner is a pair, as in [[0, 0], [0.5, 0], [0.5, 1]]"
    return None


def size_of(kind: ValueKind, node: YamlNode) -> str | None:
    """`1280x720` for [1280, 720] and {width: 1280, height: 720}."""
    if kind.unit != "size":
        return None
    if isinstance(node, Mapping):
        sides = {entry.key.text: entry.value for entry in node.entries}
        items = [sides.get("width"), sides.get("height")]
    else:
        items = list(node.items) if isinstance(node, Sequence) else []
    texts = [item.text for item in items if isinstance(item, Scalar)]
    made = Scalar("x".join(texts), True, node.mark, "")
    return made.text if _fits(kind, made) else None


def _fitting(kind: ValueKind, scalar: Scalar) -> str | None:
    """The text as the kind would have it."""
    try:
        read_scalar(kind, scalar)
    except Wrong as exc:
        return exc.suggestion
    return scalar.written


def _fits(kind: ValueKind, scalar: Scalar) -> bool:
    try:
        read_scalar(kind, scalar)
    except Wrong:
        return False
    return True
