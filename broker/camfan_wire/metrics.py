"""Metrics in the words of Prometheus, made from the fields of a struct of figures.

A name is `camfan_SUBJECT_FIELD_UNIT`, with `_total` for a counter; units are base units. What is
not known has no sample, rather than a 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from msgspec import Struct, inspect
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from camfan_wire.states import STATES

Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily

# Unit of a field: the ending of its name, that of the metric, the base unit, and how much of it.
_UNITS: Mapping[str, tuple[str, str, str, float]] = {
    "": ("", "", "", 1),
    "ms": ("_ms", "_seconds", "seconds", 1e-3),
    "s": ("_s", "_seconds", "seconds", 1),
    "timestamp": ("_time", "_timestamp_seconds", "seconds", 1e-9),
    "celsius": ("_c", "_celsius", "celsius", 1),
    "dbm": ("_dbm", "_dbm", "dbm", 1),
    "ratio": ("", "_ratio", "ratio", 1),
    "bytes": ("_bytes", "_bytes", "bytes", 1),
    "frames": ("_frames", "_frames", "frames", 1),
    "pixels": ("", "_pixels", "pixels", 1),
}


@dataclass(frozen=True, slots=True)
class MetricField:
    """One field of a struct as a metric."""

    field: str
    name: str  # without `_total`
    kind: str  # counter, gauge or state
    unit: str  # base unit; empty: a plain number
    scale: float  # from the field's unit to the base unit
    text: str  # of its help line
    label: str  # of the rows, where one value has several


@cache
def metric_fields(figures: type[Struct], subject: str) -> tuple[MetricField, ...]:
    """The metrics of a struct, in the order of its fields."""
    found = inspect.type_info(figures)
    assert isinstance(found, inspect.StructType)
    return tuple(
        _metric_field(subject, field.name, field.type)
        for field in found.fields
        if isinstance(field.type, inspect.Metadata) and field.type.extra is not None
    )


def _metric_field(subject: str, field: str, kind: inspect.Metadata) -> MetricField:
    extra, schema = kind.extra or {}, kind.extra_json_schema or {}
    ending, suffix, unit, scale = _UNITS[extra["unit"]]
    stem = f"camfan_{subject}_{field}".removesuffix(ending)
    return MetricField(
        field,
        stem + suffix,
        extra["metric"],
        unit,
        scale,
        schema["description"],
        extra["label"],
    )


def families(
    figures: type[Struct], subject: str, labels: Labels, rows: Mapping[Labels, Struct]
) -> Iterator[Family]:
    """A metric for each field of `figures` that is one, with the samples of all rows.

    Args:
        figures: the struct.
        subject: what it is about, one word: the metrics are `camfan_SUBJECT_…`.
        labels: names of the labels that tell the rows apart.
        rows: the structs, by the values of these labels.
    """
    for metric in metric_fields(figures, subject):
        family = _family(metric, labels)
        for key, row in rows.items():
            for more, value in _samples(metric, getattr(row, metric.field)):
                family.add_metric((*key, *more), value * metric.scale)
        yield family


def _family(metric: MetricField, labels: Labels) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    names = (*labels, metric.label) if metric.label else labels
    return kind(metric.name, metric.text, labels=names, unit=metric.unit)


def _samples(metric: MetricField, value: object) -> Iterator[tuple[Labels, float]]:
    """The values of one field, each with the value of its label if it has one."""
    if metric.kind == "state":
        yield from (((state,), float(state == value)) for state in STATES)
    elif isinstance(value, dict):
        yield from (((label,), float(number)) for label, number in value.items())
    elif isinstance(value, int | float):
        yield (), float(value)
