"""What a type of `types.py` asks of a value, in a form that can be walked and put into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from msgspec import inspect

from camfan_config.text.units import format_bytes, format_duration


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A type without its wrapping."""

    type: inspect.Type
    unit: str | None = None  # how a text of the file is read; see `units`
    words: str = ""  # what it is, for messages
    secret: bool = False
    short: str = ""  # of a mapping: one value alone stands for this key of it
    nullable: bool = False


def kind_of(info: inspect.Type) -> ValueKind:
    """Unwraps constraints and `| None`."""
    if isinstance(info, inspect.Metadata):
        inner, extra = kind_of(info.type), info.extra or {}
        return ValueKind(
            inner.type,
            extra.get("unit", inner.unit),
            extra.get("words", inner.words),
            extra.get("secret", inner.secret),
            extra.get("short", inner.short),
            inner.nullable,
        )
    if isinstance(info, inspect.UnionType):
        others = tuple(kind for kind in info.types if not isinstance(kind, inspect.NoneType))
        nullable = len(others) < len(info.types)
        if len(others) > 1:
            return ValueKind(inspect.UnionType(others), nullable=nullable)
        only = kind_of(others[0])
        return ValueKind(only.type, only.unit, only.words, only.secret, only.short, nullable)
    return ValueKind(info)


def is_free_text(kind: ValueKind) -> bool:
    """A path, a device, a URL: what may hold anything."""
    text = isinstance(kind.type, inspect.StrType) and kind.type.pattern is None
    return text and kind.unit in (None, "path")


def is_tagged(info: inspect.Type) -> TypeGuard[inspect.UnionType]:
    """True for a choice between mappings, made by one of their keys."""
    return isinstance(info, inspect.UnionType) and all(
        isinstance(each, inspect.StructType) and each.tag_field for each in info.types
    )


def limits(kind: ValueKind) -> str:
    """`frames per second, above 0, at most 120`; empty when there is nothing to say."""
    parts = [kind.words] if kind.words else []
    info = kind.type
    if isinstance(info, inspect.IntType | inspect.FloatType):
        for bound, words in ((info.gt, "above"), (info.ge, "at least")):
            if bound is not None:
                parts.append(f"{words} {_limit(bound, kind.unit)}")
        for bound, words in ((info.lt, "below"), (info.le, "at most")):
            if bound is not None:
                parts.append(f"{words} {_limit(bound, kind.unit)}")
    return ", ".join(parts)


def within(kind: ValueKind, value: float) -> bool:
    """True when a number keeps its type's bounds."""
    info = kind.type
    if not isinstance(info, inspect.IntType | inspect.FloatType):
        return True
    return (
        (info.gt is None or value > info.gt)
        and (info.ge is None or value >= info.ge)
        and (info.lt is None or value < info.lt)
        and (info.le is None or value <= info.le)
    )


def _limit(bound: float, unit: str | None) -> str:
    if unit == "duration":
        return format_duration(float(bound))
    if unit == "bytes":
        return format_bytes(int(bound))
    return f"{bound:g}"
