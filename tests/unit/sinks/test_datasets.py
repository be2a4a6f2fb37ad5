"""What a dataset is called where its name is taken or too long."""

import pytest

from sinks import Capabilities, SinkError, fit_dataset

LIMITS = Capabilities(
    "tiny", max_identifier_bytes=24, reserved_datasets=frozenset({"temp"}), reserved_dataset_prefix="pg_"
)


@pytest.mark.parametrize("name", ["shop", "Shop of orders", "x" * 24, "é" * 12])
def test_a_name_that_fits_is_kept(name: str) -> None:
    assert fit_dataset(name, LIMITS) == name


@pytest.mark.parametrize("name", ["temp", "TEMP", "pg_shop", "PG_shop", "x" * 25, "é" * 13])
def test_a_name_that_cannot_be_had_gets_another_that_can(name: str) -> None:
    fitted = fit_dataset(name, LIMITS)
    assert fitted != name
    assert fit_dataset(fitted, LIMITS) == fitted


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert fit_dataset("x" * 40 + "a", LIMITS) != fit_dataset("x" * 40 + "b", LIMITS)


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_a_name_that_nobody_can_have_is_refused(name: str) -> None:
    with pytest.raises(SinkError, match="dataset"):
        fit_dataset(name, LIMITS)
