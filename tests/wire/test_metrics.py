"""Metrics follow from the structs of figures: names, units, help, and every field once."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, inspect, structs
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from camfan_testing.figures import any_figures
from camfan_wire import figures as figures_module
from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    MachineFigures,
    PublisherFigures,
    SubscriberFigures,
)
from camfan_wire.metrics import Family, Labels, families, metric_fields

FIGURES = [
    one
    for one in vars(figures_module).values()
    if isinstance(one, type) and one.__module__ == figures_module.__name__
]
WORDS_FOR_PEOPLE = (inspect.StrType, inspect.StructType)


def only(struct: type[Struct], row: Struct) -> dict[str, Family]:
    """The metrics of one row, by name."""
    return {family.name: family for family in families(struct, "x", (), {(): row})}


@pytest.mark.parametrize("struct", FIGURES, ids=lambda one: one.__name__)
def test_every_figure_is_a_metric_or_says_why_not(struct: type[Struct]) -> None:
    """A number without a metric is a rate, which Prometheus works out, or an operator's setting."""
    metrics = {metric.field for metric in metric_fields(struct, "x")}

    for field in structs.fields(struct):
        kind = inspect.type_info(struct)
        assert isinstance(kind, inspect.StructType)
        (described,) = [one.type for one in kind.fields if one.name == field.name]
        if not isinstance(described, inspect.Metadata) or described.extra_json_schema is None:
            assert is_nested(described), f"{field.name} has no description"
            continue
        assert described.extra_json_schema["description"]
        if field.name not in metrics and not is_text(described.type):
            assert re.search(r"fps|_per_s$|^set_|_oldest$", field.name), field.name


def is_nested(kind: inspect.Type) -> bool:
    """Figures inside figures have metrics of their own."""
    inner = kind.value_type if isinstance(kind, inspect.DictType) else kind
    kinds = inner.types if isinstance(inner, inspect.UnionType) else (inner,)
    return isinstance(kinds[0], inspect.StructType)


def is_text(kind: inspect.Type) -> bool:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return any(isinstance(bare(one), WORDS_FOR_PEOPLE) for one in kinds)


def bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def test_no_two_structs_of_a_subject_make_the_same_metric() -> None:
    accounts = {metric.name for metric in metric_fields(AccountFigures, "subscriber")}
    subscribers = {metric.name for metric in metric_fields(SubscriberFigures, "subscriber")}

    assert not accounts & subscribers


@pytest.mark.parametrize("struct", FIGURES, ids=lambda one: one.__name__)
def test_names_have_base_units(struct: type[Struct]) -> None:
    """As Prometheus asks: seconds and bytes, plural, in lower case, the unit at the end."""
    for metric in metric_fields(struct, "camera"):
        assert re.fullmatch(r"camfan_camera(_[a-z0-9]+)+", metric.name)
        assert not re.search(r"_(ms|s|c|ns|total|fps)$", metric.name)
        assert metric.name.endswith(metric.unit)


def test_units_are_converted() -> None:
    row = CameraFigures(age_ms=180.0, since=1_763_800_000_500_000_000, received_bytes=7)
    found = only(CameraFigures, row)

    assert [s.value for s in found["camfan_x_age_seconds"].samples] == [0.18]
    assert [s.value for s in found["camfan_x_since_timestamp_seconds"].samples] == [1763800000.5]
    assert found["camfan_x_received_bytes"].type == "counter"
    assert found["camfan_x_received_bytes"].unit == "bytes"


def test_what_is_unknown_has_no_sample() -> None:
    found = only(MachineFigures, MachineFigures(throttled=False))

    assert found["camfan_x_temperature_celsius"].samples == []
    assert [s.value for s in found["camfan_x_throttled"].samples] == [0.0]


def test_reasons_and_states_are_labels() -> None:
    row = CameraFigures(state="stale", refused={"old": 2, "bad-size": 1})
    found = only(CameraFigures, row)

    refused = {s.labels["reason"]: s.value for s in found["camfan_x_refused_frames"].samples}
    assert refused == {"old": 2, "bad-size": 1}
    states = {s.labels["state"]: s.value for s in found["camfan_x_state"].samples}
    assert states.pop("stale") == 1
    assert set(states.values()) == {0}
    assert len(states) == 6


class Rows(Collector):
    """What a program would register."""

    def __init__(self, struct: type[Struct], row: Struct) -> None:
        self._struct, self._row = struct, row

    def collect(self) -> list[Metric]:
        rows: dict[Labels, Struct] = {('a\n"\\',): self._row}
        return list(families(self._struct, "x", ("node",), rows))


@given(st.data())
@pytest.mark.parametrize("struct", [BrokerFigures, CameraFigures, PublisherFigures])
def test_any_figures_can_be_read_back(struct: type[Struct], data: st.DataObject) -> None:
    """Text that a real parser of the format reads, with each known number in it."""
    row = data.draw(any_figures(struct))
    registry = CollectorRegistry()
    registry.register(Rows(struct, row))
    text = generate_latest(registry).decode()

    found = {family.name: family for family in text_string_to_metric_families(text)}

    for metric in metric_fields(struct, "x"):
        value = getattr(row, metric.field)
        samples = found[metric.name].samples
        assert found[metric.name].documentation == metric.text
        if isinstance(value, int | float):
            assert math.isclose(samples[0].value, value * metric.scale, rel_tol=1e-9)
            assert samples[0].labels["node"] == 'a\n"\\'
        elif isinstance(value, dict):
            assert len(samples) == len(value)
