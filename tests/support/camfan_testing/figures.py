"""Figures of any struct, made from its fields."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from msgspec import Struct, inspect

S = TypeVar("S", bound=Struct)

_NAMES = st.sampled_from(("a", "front-door", "z" * 64))
_RUNS = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


def any_figures(struct: type[S]) -> st.SearchStrategy[S]:
    """Structs of this type whose every field is somewhere in its range."""
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    return st.builds(struct, **{field.name: _values(field.type) for field in found.fields})


def _values(kind: inspect.Type) -> st.SearchStrategy[object]:
    match kind:
        case inspect.Metadata(type=inner):
            return _values(inner)
        case inspect.UnionType(types=types):
            return st.one_of(*map(_values, types))
        case inspect.StructType(cls=struct):
            return any_figures(struct)
        case inspect.DictType(value_type=value):
            return st.dictionaries(_NAMES, _values(value), max_size=2)
        case inspect.IntType(ge=least, le=most):
            return st.integers(least, most)
        case inspect.StrType(pattern=pattern):
            return _RUNS if pattern else st.text(st.characters(codec="utf-8"), max_size=20)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise AssertionError(f"a figure of {kind}")


def full_figures(struct: type[S]) -> S:
    """A struct whose every field is known."""
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    return struct(**{field.name: _example(field.type) for field in found.fields})


def _example(kind: inspect.Type) -> object:
    match kind:
        case inspect.Metadata(type=inner):
            return _example(inner)
        case inspect.UnionType(types=types):
            return _example(types[0])
        case inspect.StructType(cls=struct):
            return full_figures(struct)
        case inspect.DictType(value_type=value):
            return {"one": _example(value)}
        case inspect.StrType(pattern=pattern):
            return "0123456789abcdef" if pattern else "live"
        case inspect.FloatType():
            return 1.5
        case inspect.BoolType():
            return True
    return 3
