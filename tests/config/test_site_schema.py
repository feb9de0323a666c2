"""The JSON Schema that editors check and complete site files with."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml

from camfan_config.report.schema import schema_text, site_schema

CONFIG = Path(__file__).parents[2] / "config"
SITES = sorted(path for path in (CONFIG / "sites").glob("*.yaml") if path.name != "secrets.yaml")
FARM = yaml.safe_load((CONFIG / "sites/farm.yaml").read_text())
CHECK = jsonschema.Draft7Validator(site_schema())


def test_the_committed_schema_is_current() -> None:
    """`camfan schema > config/site.schema.json` after every change of the types."""
    assert (CONFIG / "site.schema.json").read_text() == schema_text()


def test_it_is_draft_07() -> None:
    """The newest that editors' YAML servers read."""
    schema = json.loads(schema_text())
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.name)
def test_it_accepts_what_we_ship(path: Path) -> None:
    """And each of our files names it for the editor."""
    text = path.read_text()
    CHECK.validate(yaml.safe_load(text))
    assert text.startswith("# yaml-language-server: $schema=../site.schema.json\n")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nonsense",), 1),
        (("version",), 2),
        (("cameras",), {}),
        (("cameras", "driveway", "nonsense"), 1),
        (("cameras", "driveway", "source"), "webcam"),
        (("cameras", "driveway", "source"), "file"),
        (("cameras", "driveway", "fps"), "fast"),
        (("cameras", "driveway", "fps"), 0),
        (("cameras", "driveway", "stall_after"), 5),
        (("cameras", "driveway", "stall_after"), "5 s"),
        (("cameras", "driveway", "size"), "1280*720"),
        (("cameras", "driveway", "zones", "drive"), [[0, 0], [1, 1]]),
        (("cameras", "Front Door"), {"source": "test"}),
        (("cameras", "gate", "path"), "x"),
        (("broker", "memory"), "512"),
        (("motion", "yard", "min_area"), 3),
        (("recorders", "archive", "cameras"), "driveway"),
        (("web", "listen"), "8080"),
    ],
)
def test_it_refuses_what_we_refuse(path: tuple[str, ...], value: object) -> None:
    """One wrong value in a good file."""
    site = copy.deepcopy(FARM)
    section: Any = site
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    assert not CHECK.is_valid(site)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("x-anything",), [1]),
        (("cameras", "driveway", "fps"), "${FPS:-10}"),
        (("cameras", "driveway", "stall_after"), "${STALL}"),
        (("cameras", "driveway", "source"), "${SOURCE:-v4l2}"),
        (("broker", "http"), None),
        (("web",), None),
        (("recorders", "archive", "cameras"), "*"),
        (("recorders", "archive", "cameras"), ["front-*"]),
        (("motion", "yard", "min_area"), 0.003),
    ],
)
def test_it_accepts_what_we_accept(path: tuple[str, ...], value: object) -> None:
    """Also `${NAME}` wherever a value may stand."""
    site = copy.deepcopy(FARM)
    section: Any = site
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    CHECK.validate(site)


def test_a_mistake_is_blamed_on_the_right_source() -> None:
    """An editor says what is wrong with this camera, not with eight kinds of camera."""
    site = {"version": 1, "site": "s", "cameras": {"a": {"source": "v4l2", "devise": "x"}}}
    (error,) = CHECK.iter_errors(site)
    assert error.message == "Additional properties are not allowed ('devise' was unexpected)"


def keys(schema: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of a mapping that is described, with what is said of it."""
    for key, value in schema.get("properties", {}).items():
        yield f"{name}.{key}", value


def test_every_key_is_explained() -> None:
    """An editor shows what a key means."""
    schema = site_schema()
    found = list(keys(schema, "Site"))
    for name, definition in schema["definitions"].items():
        found += keys(definition, name)
    silent = [key for key, value in found if "const" not in value and not value.get("description")]
    assert silent == []
