"""One scalar of the file as the value its type asks for, or a sentence why not."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable

from msgspec import inspect

from camfan_config.conversion.kinds import ValueKind, is_tagged, kind_of, limits, within
from camfan_config.conversion.synonyms import source_for
from camfan_config.document.places import quoted
from camfan_config.document.tree import Plain, Scalar, resolve
from camfan_config.text import units
from camfan_config.text.spelling import closest

_PARSERS: dict[str, Callable[[str], object]] = {
    "duration": units.parse_duration,
    "bytes": units.parse_bytes,
    "share": units.parse_share,
    "size": units.parse_size,
    "rate": units.parse_rate,
    "address": units.parse_address,
}
_CURLY = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
_NAMED_SIZES = {
    "vga": "640x480", "480p": "640x480", "svga": "800x600", "hd": "1280x720", "720p": "1280x720",
    "720": "1280x720", "fhd": "1920x1080", "fullhd": "1920x1080", "1080p": "1920x1080",
    "1080": "1920x1080", "4k": "3840x2160", "uhd": "3840x2160", "2160p": "3840x2160",
}  # fmt: skip
_NONE = ("false", "off", "no", "none", "disabled", "-", "0")
_YES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


_DEVICE = "a path such as /dev/video0"
_HOST = "a host name or an IP address"
_VIDEO = re.compile(r"(?i).*\.(mp4|avi|mkv|mov|mjpe?g|ts|webm)$")
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "å": "a", "ł": "l", "đ": "d"}
    | dict.fromkeys("–—‐‑−", "-")
    | dict.fromkeys("’‘'“”", "")
)


class Wrong(Exception):  # noqa: N818 - caught one call up; never an error of the package
    """A value that its type does not allow."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message, self.suggestion = message, suggestion


def read_scalar(kind: ValueKind, scalar: Scalar) -> object:
    """Raises Wrong, whose message never shows a secret."""
    if scalar.plain and scalar.written and scalar.written[0] in _CURLY:
        words = "typographic quotes are part of the text for YAML; use \" or '"
        raise Wrong(f"{subject(kind, scalar)}: {words}")
    try:
        return _read(kind, scalar)
    except Wrong as exc:
        hidden = kind.secret or scalar.interpolated or not scalar.plain
        if "#" in scalar.written and not hidden:
            exc.message += "; a comment needs a space before its '#'"
        raise


def _read(kind: ValueKind, scalar: Scalar) -> object:
    number = kind.unit == "rate" and "/" not in scalar.text
    if kind.unit in _PARSERS and not number:
        return _with_unit(kind, scalar)
    match kind.type:
        case inspect.BoolType():
            return _bool(kind, scalar)
        case inspect.IntType() | inspect.FloatType():
            return _number(kind, scalar)
        case inspect.StrType():
            return _text(kind, scalar)
        case inspect.LiteralType():
            return _literal(kind, scalar)
        case inspect.UnionType() if not is_tagged(kind.type):
            return _one_of(kind.type, scalar)
        case inspect.VarTupleType() | inspect.TupleType():
            words = _in_brackets(kind, scalar)
            if not scalar.plain and scalar.text.startswith("["):
                words = "; write it without quotes"
            raise Wrong(f"{subject(kind, scalar)} is not a list{words}")
    raise Wrong(f"{subject(kind, scalar)} where a mapping (key: value) is expected")


def subject(kind: ValueKind, scalar: Scalar) -> str:
    """The value as it may be shown."""
    return "the value" if kind.secret else quoted(scalar.written)


def _with_unit(kind: ValueKind, scalar: Scalar) -> object:
    assert kind.unit is not None
    value: object = scalar.value
    try:
        if kind.unit != "share" or not isinstance(value, int | float) or isinstance(value, bool):
            value = _PARSERS[kind.unit](scalar.text)
    except ValueError as exc:
        meant = None if scalar.interpolated else _meant(kind.unit, scalar.text)
        none = kind.nullable and kind.unit == "address" and scalar.text.lower() in _NONE
        words = "; write null for none" if none else ""
        raise Wrong(f"{subject(kind, scalar)} {exc}{words}", meant) from None
    if isinstance(value, int | float) and not within(kind, value):
        raise Wrong(f"{subject(kind, scalar)} is out of range ({limits(kind)})")
    return scalar.text if kind.unit == "address" else value


def _meant(unit: str, text: str) -> str | None:
    """The nearest text that does parse: `5 sec` is `5s`, `200gb` is `200GB`."""
    if unit == "size":
        named = _NAMED_SIZES.get(text.lower().replace(" ", ""))
        if named:
            return named
        text = re.sub(r"(?i)\s*(px|pixels?)\b", "", text)
        text = re.sub(r"\s*(?:[*,/×X:]|by)\s*", "x", text)
    if unit == "address":
        text = re.sub(r"^[a-z]+://|/$", "", text)
        if re.fullmatch(r":?[0-9]{1,5}", text):
            text = f"127.0.0.1:{text.removeprefix(':')}"
        elif re.fullmatch(r"[0-9.]+|localhost|[A-Za-z0-9-]+\.local", text):
            text = f"{text}:8080"
        text = re.sub(r"^\*(?=:)", "0.0.0.0", text)  # noqa: S104 - text
    if unit == "rate":
        text = re.sub(r"(?i)\s*(fps|hz|frames?.*|/s(ec)?)$", "", text)
        text = re.sub(r"^([0-9.]+/[0-9.]+)$", r"\1s", text)
    elif re.fullmatch(r"[0-9.]*", text):
        return None  # any unit would be a guess
    if unit == "duration":
        text = _in_one_unit(text)
    bare = text.strip().replace(" ", "").replace(",", ".").replace("×", "x")
    short = re.sub(r"(?i)(sec|min|hour|hr|day)(ond|ute)?s?$", lambda m: m[0][0].lower(), bare)
    for candidate in (bare, short, bare.lower(), bare.upper(), f"{bare.upper()}B"):
        try:
            _PARSERS[unit](candidate)
        except ValueError:
            continue
        return candidate
    return None


def _in_one_unit(text: str) -> str:
    """`90m` for `1h30m` and `7d` for `1w`; other texts as they are."""
    weeks = re.fullmatch(r"([0-9]+) ?w(eeks?)?", text)
    if weeks:
        return f"{int(weeks[1]) * 7}d"
    parts = re.findall(r"([0-9]+) ?([dhms])", text)
    if len(parts) < 2 or "".join(map("".join, parts)) != text.replace(" ", ""):
        return text
    return units.format_duration(sum(units.parse_duration("".join(part)) for part in parts))


def _bool(kind: ValueKind, scalar: Scalar) -> bool:
    value = scalar.value
    if isinstance(value, bool):
        return value
    meant = _YES.get(scalar.written.lower(), resolve(scalar.written))
    suggestion = str(meant).lower() if meant in ("true", "false", True, False) else None
    unquoted = " (without quotes)" if isinstance(resolve(scalar.written), bool) else ""
    raise Wrong(f"{subject(kind, scalar)} is not true or false{unquoted}", suggestion)


def _number(kind: ValueKind, scalar: Scalar) -> int | float:
    value: Plain = scalar.value
    whole = isinstance(kind.type, inspect.IntType)
    sort = "whole number" if whole else "number"
    words = limits(kind)
    about = f" ({words})" if words else ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        if not scalar.plain and isinstance(resolve(scalar.written), int | float):
            raise Wrong(f"{subject(kind, scalar)} is text; write it without quotes")
        raise Wrong(f"{subject(kind, scalar)} is not a {sort}{about}", _bare_number(kind, scalar))
    if whole and value != int(value):
        percent = f"{value * 100:.0f}" if within(kind, 100) and 0 < value < 1 else None
        raise Wrong(f"{subject(kind, scalar)} is not a {sort}{about}", percent)
    if not within(kind, value):
        raise Wrong(f"{subject(kind, scalar)} is out of range{about}")
    return int(value) if whole else float(value)


def _bare_number(kind: ValueKind, scalar: Scalar) -> str | None:
    """`80` for `80%`, `7.5` for `7,5`."""
    match = re.fullmatch(r"([0-9]+)(?:[.,]([0-9]+))?\s*(?:[%°a-zA-Z].{0,12}|[;,])?", scalar.written)
    if match is None or scalar.interpolated or kind.secret or " per " in scalar.written:
        return None
    found = f"{match[1]}.{match[2]}" if match[2] else match[1]
    if "%" in scalar.written and not within(kind, float(found)):
        found = f"{float(found) / 100:g}"
    return found if within(kind, float(found)) else None


def _text(kind: ValueKind, scalar: Scalar) -> str:
    info = kind.type
    assert isinstance(info, inspect.StrType)
    if not isinstance(scalar.value, str) and not scalar.interpolated:
        if kind.words == _DEVICE and re.fullmatch(r"[0-9]{1,3}", scalar.written):
            raise Wrong(f"{subject(kind, scalar)} is not a device", f"/dev/video{scalar.written}")
        if isinstance(scalar.value, bool) and kind.unit == "path":
            raise Wrong(f"{subject(kind, scalar)} is not a path")
        raise Wrong(f"{subject(kind, scalar)} is not text; put it in quotes")
    text = scalar.text
    if any(
        ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in text
    ):
        raise Wrong(f"{subject(kind, scalar)} contains a line break or another control character")
    if len(text) < (info.min_length or 0):
        raise Wrong("must not be empty")
    if info.max_length is not None and len(text) > info.max_length:
        raise Wrong(f"{subject(kind, scalar)} is longer than {info.max_length} characters")
    if info.pattern is not None and not re.search(info.pattern, text):
        about = f" ({kind.words})" if kind.words else ""
        suggestion = None if scalar.interpolated or kind.secret else slug(info.pattern, text)
        if kind.words == _HOST:
            suggestion = _host_of(scalar)
        raise Wrong(f"{subject(kind, scalar)} is not allowed{about}", suggestion)
    if kind.words == _DEVICE and not text.startswith("/") and not scalar.interpolated:
        meant = f"/dev/{text}" if re.fullmatch(r"video[0-9]{1,3}", text) else None
        raise Wrong(f"{subject(kind, scalar)} is not {_DEVICE}; see `camfan cameras`", meant)
    if kind.unit == "path" and text.startswith("~"):
        raise Wrong(f"{subject(kind, scalar)}: '~' is not expanded; write the whole path")
    if kind.unit == "path" and re.match(r"[a-z]+://", text) and not scalar.foreign:
        meant = text.removeprefix("file://") if text.startswith("file:///") else None
        raise Wrong(f"{subject(kind, scalar)} is an address; a path is expected", meant)
    return text


def _host_of(scalar: Scalar) -> str | None:
    """`hub` for `http://hub:80/`."""
    match = re.match(r"[a-z]+://([A-Za-z0-9.-]+)(?::[0-9]+)?(?:/|$)", scalar.written)
    return match[1] if match and not scalar.interpolated else None


def slug(pattern: str, text: str) -> str | None:
    """The text with what the pattern forbids left out, if that is enough."""
    if re.fullmatch(pattern, "a b") or "@" in text:
        return None  # not the pattern of a name
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    if not plain.isascii():
        return None  # what is left of the name would be another name
    made = re.sub(r"[^a-z0-9_*?-]+", "-", plain).strip("-")[:64]
    return made if made and re.fullmatch(pattern, made) else None


def _literal(kind: ValueKind, scalar: Scalar) -> object:
    info = kind.type
    assert isinstance(info, inspect.LiteralType)
    value = scalar.text if scalar.interpolated and scalar.text in info.values else scalar.value
    for allowed in info.values:
        if type(value) is type(allowed) and value == allowed:
            return allowed
    choices = [str(allowed) for allowed in info.values]
    if len(choices) == 1:
        if str(scalar.value) == choices[0]:
            raise Wrong(f"{subject(kind, scalar)} is text; write it without quotes")
        raise Wrong(f"{subject(kind, scalar)} is not {choices[0]}, the only possible value")
    words = f"{subject(kind, scalar)} is not one of {', '.join(choices)}"
    if scalar.foreign:
        raise Wrong(words)
    if "v4l2" in choices and ("://" in scalar.text or scalar.text.startswith("/dev/")):
        key = "url" if "://" in scalar.text else "device"
        raise Wrong(f"{words}; this belongs to {key!r}, beside 'source'")
    if "v4l2" in choices and _VIDEO.match(scalar.text):
        raise Wrong(f"{words}; this belongs to 'path', beside 'source: file'")
    if "v4l2" in choices and re.fullmatch("[0-9]{1,2}", scalar.text):
        raise Wrong(f"{words}; write 'source: v4l2' and 'device: /dev/video{scalar.text}'")
    raise Wrong(words, _choice_meant(scalar, choices))


def _choice_meant(scalar: Scalar, choices: list[str]) -> str | None:
    value = scalar.value
    digits = re.match(r"[0-9]+", scalar.text)
    if digits and digits[0] in choices:
        return digits[0]  # 90deg
    if isinstance(value, int) and not isinstance(value, bool) and str(value % 360) in choices:
        return str(value % 360)  # -90 degrees are 270
    found = source_for(scalar.text) if "v4l2" in choices else None
    if found:
        return found
    if "horizontal" in choices and isinstance(value, bool):
        return "horizontal" if value else "none"
    return closest(scalar.text, choices)


def _one_of(info: inspect.UnionType, scalar: Scalar) -> object:
    kinds = [kind_of(each) for each in info.types]
    for kind in kinds:
        try:
            return read_scalar(kind, scalar)
        except Wrong:
            continue
    if any(isinstance(kind.type, inspect.LiteralType) for kind in kinds):
        if scalar.text.lower() in ("all", "any", "every", "everything", "each"):
            raise Wrong(f'{subject(kinds[0], scalar)} is neither a list nor "*"; all are "*"')
        inner = ", ".join(re.split(r"[\s,;]+", _inner(kinds[0], scalar).strip()))
        raise Wrong(f'{subject(kinds[0], scalar)} is neither a list nor "*"; write [{inner}]')
    raise Wrong(f"{subject(kinds[0], scalar)} is not allowed here")


def _in_brackets(kind: ValueKind, scalar: Scalar) -> str:
    info = kind.type
    of_texts = isinstance(info, inspect.VarTupleType) and isinstance(
        kind_of(info.item_type).type, inspect.StrType
    )
    return f"; write [{_inner(kind, scalar)}]" if of_texts else ""


def _inner(kind: ValueKind, scalar: Scalar) -> str:
    return "…" if kind.secret or len(scalar.written) > 40 else scalar.written
