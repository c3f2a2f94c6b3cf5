"""Mapping files -> `Mapping`, and samples in Prometheus' text form with what they would become."""

from collections.abc import Mapping as Labels
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from upheld.measurements.mapping import Mapping
from upheld.readers.faults import Fault, InputError
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text


def parse_mapping(text: str, name: str) -> Mapping:
    """The text of a mapping file -> the mapping. Raises InputError with every fault, under the file's `name`."""
    return validate(Mapping, parse_yaml(text, name))


def read_mapping(path: Path) -> Mapping:
    """As `parse_mapping`, from a file."""
    return parse_mapping(read_text(path), str(path))


def read_samples(path: Path) -> list[tuple[Labels[str, str], float]]:
    """A file in Prometheus' text form, as a `/metrics` page shows it -> the labels and the value of each sample; the
    metric's name is the label `__name__`. Raises InputError."""
    try:
        families = list(text_string_to_metric_families(read_text(path)))
    except (ValueError, IndexError) as error:
        raise InputError([Fault(str(path), None, "", f"is not in Prometheus' text form: {error}")]) from None
    return [({"__name__": s.name, **s.labels}, float(s.value)) for family in families for s in family.samples]
