"""A site as the file would say it: defaults applied, units written out, secrets masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import yaml
from msgspec import inspect

from camfan_config.conversion.kinds import ValueKind, is_tagged, kind_of
from camfan_config.document.places import KeyPath
from camfan_config.document.tree import resolve
from camfan_config.load import Loaded
from camfan_config.names import BROKER
from camfan_config.site.inherit import without_effect
from camfan_config.site.node_kinds import NODE_KINDS
from camfan_config.site.topology import nodes
from camfan_config.text.units import format_bytes, format_duration, format_rate, format_share
from camfan_config.types import CameraBase, Site

MASK = "***"

Cover = Callable[[ValueKind, KeyPath, object], object]  # a value to what may be shown of it

_FORMATS: dict[str, Callable[[Any], object]] = {
    "duration": format_duration,
    "bytes": format_bytes,
    "share": format_share,
    "size": str,
    "rate": format_rate,
}


def plain(site: Site, cover: Cover | None = None) -> dict[str, Any]:
    """The site as mappings, lists and scalars of a file; secrets masked."""
    whole = _plain(inspect.type_info(Site), site, (), cover or _mask)
    assert isinstance(whole, dict)
    del whole["broker" if site.brokers else "brokers"]
    return whole


def as_written(loaded: Loaded) -> Cover:
    """What came from elsewhere, as the `${NAME}` of the file; secrets masked."""

    def cover(kind: ValueKind, path: KeyPath, value: object) -> object:
        if not kind.secret and path in loaded.places and loaded.places[path].foreign:
            return loaded.places[path].written
        return _mask(kind, path, value)

    return cover


def show(loaded: Loaded, host: str | None = None) -> str:
    """The resolved site as YAML; with a host, only what runs there and what it must know.

    A value out of the environment or a secrets file appears as the `${NAME}` of the file.
    """

    whole = plain(loaded.site, as_written(loaded))
    if host is not None:
        _keep_host(loaded.site, whole, host)
    return yaml.dump(
        whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def mask_url(url: str) -> str:
    """Scheme, host and port; all else can hold a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return MASK
    if not parts.scheme or not host:
        return MASK
    host = f"[{host}]" if ":" in host else host
    user = f"{MASK}@" if "@" in parts.netloc else ""
    rest = f"/{MASK}" if parts.path not in ("", "/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{user}{host}{f':{port}' if port else ''}{rest}"


def _mask(kind: ValueKind, path: KeyPath, value: object) -> object:
    if not kind.secret:
        return _escape(value) if isinstance(value, str) else value
    return mask_url(str(value)) if path[-1] == "url" else MASK


def _escape(text: str) -> str:
    """As the file has to say it: there, `$$` is one `$` and `${` begins a name."""
    return text.replace("$", "$$") if "$$" in text or "${" in text else text


def _keep_host(site: Site, whole: dict[str, Any], host: str) -> None:
    here = {(node.kind, node.name) for node in nodes(site) if node.host == host}
    for kind in NODE_KINDS.values():
        if kind.name == BROKER:  # everyone dials it
            continue
        if kind.named:
            shown = whole[kind.section].items()
            whole[kind.section] = {n: one for n, one in shown if (kind.name, n) in here}
        elif (kind.name, kind.name) not in here:
            whole[kind.section] = None


def _plain(info: inspect.Type, value: Any, path: KeyPath, cover: Cover) -> Any:
    kind = kind_of(info)
    if value is None:
        return None
    shown = cover(kind, path, value)
    return _unfold(kind, value, path, cover) if shown is value else shown


def _unfold(kind: ValueKind, value: Any, path: KeyPath, cover: Cover) -> Any:
    if kind.unit in _FORMATS:
        return _FORMATS[kind.unit](value)
    if is_tagged(kind.type):
        return _mapping(inspect.type_info(type(value)), value, path, cover)
    match kind.type:
        case inspect.StructType():
            return _mapping(kind.type, value, path, cover)
        case inspect.DictType(value_type=each):
            return {name: _plain(each, item, (*path, name), cover) for name, item in value.items()}
    return _sequence(kind.type, value, path, cover)


def _sequence(info: inspect.Type, value: Any, path: KeyPath, cover: Cover) -> Any:
    """A list, or what needs no unfolding."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, tuple):
        return value
    any_type = inspect.AnyType()
    each = info.item_type if isinstance(info, inspect.VarTupleType) else any_type
    return [_plain(each, item, (*path, index), cover) for index, item in enumerate(value)]


def _mapping(info: inspect.Type, value: Any, path: KeyPath, cover: Cover) -> dict[str, Any]:
    assert isinstance(info, inspect.StructType)
    shown: dict[str, Any] = {info.tag_field: info.tag} if info.tag_field else {}
    values = {field.name: getattr(value, field.name) for field in info.fields}
    hidden = without_effect(type(value), values) if isinstance(value, CameraBase) else ()
    for field in info.fields:
        child, own = (*path, field.encode_name), values[field.name]
        usual = not own or own == field.default
        if usual and field.name in hidden:
            continue
        shown[field.encode_name] = _plain(field.type, own, child, cover)
    return shown


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.2 would not read as text; writes no aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(resolve(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
