"""Fields left out, hidden and masked, in both paths of the normalizer and inside of what stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.config.topics import Topic
from stream.errors import ConfigError
from stream.normalize import Names, normalize
from stream.transform import rules_for, transform
from support.relations import columnar, loose

SALT = b"salt"
EVENT = {
    "id": 7,
    "customer": {"email": "ada@example.org", "name": "Ada", "age": 36},
    "items": [{"sku": "a", "note": "for ada@example.org"}, {"sku": "b"}],
    "tags": ["x"],
}


def tables(settings: Topic, event: dict[str, Any] = EVENT, form=columnar, max_nesting: int | None = None):
    flat = normalize([form([event])], names=Names(), load_id="l", max_nesting=lambda topic: max_nesting)
    changed = transform(flat, lambda table: rules_for(settings, SALT))
    return {
        table.name: [
            {k: v for k, v in row.items() if not k.startswith(("_hr_", "_kafka_"))}
            for chunk in table.chunks
            for row in chunk.to_pylist()
        ]
        for table in changed
    }


@pytest.mark.parametrize("form", [columnar, loose])
@pytest.mark.parametrize("path", ["customer.email", "customer__email", "/customer\\.e.*/", "*.email"])
def test_a_hidden_value_is_the_same_hash_however_its_field_is_named(form, path: str) -> None:
    (row,) = tables(Topic(anonymize=(path,)), form=form)["orders"]
    assert row["customer__email"] == "ad922a3632bea6f5f74bdd96981e3c7c"


def test_a_path_stands_for_everything_below_it() -> None:
    (row,) = tables(Topic(mask=("customer",)))["orders"]
    assert row == {"id": 7, "customer__email": "***", "customer__name": "***", "customer__age": "***"}


def test_a_hidden_number_is_the_same_hash_whether_it_is_whole_or_a_double() -> None:
    hidden = Topic(anonymize=("n",))
    assert tables(hidden, {"n": 1})["orders"] == tables(hidden, {"n": 1.0})["orders"]


def test_a_path_goes_through_lists() -> None:
    changed = tables(Topic(drop=("items.note",)))
    assert changed["orders__items"] == [{"sku": "a"}, {"sku": "b"}]


def test_a_list_that_is_left_out_makes_no_table() -> None:
    assert set(tables(Topic(exclude=("items", "tags")))) == {"orders"}


def test_only_included_fields_are_loaded() -> None:
    assert tables(Topic(include=("id", "items.sku"))) == {
        "orders": [{"id": 7}],
        "orders__items": [{"sku": "a"}, {"sku": "b"}],
    }


def test_fields_inside_of_json_are_hidden_too() -> None:
    (row,) = tables(Topic(mask=("customer.email",), drop=("items.note",)), max_nesting=0)["orders"]
    assert json.loads(row["customer"]) == {"age": 36, "email": "***", "name": "Ada"}
    assert json.loads(row["items"]) == [{"sku": "a"}, {"sku": "b"}]


def test_only_included_fields_of_json_are_loaded() -> None:
    (row,) = tables(Topic(include=("customer.name",)), max_nesting=0)["orders"]
    assert row == {"customer": '{"name":"Ada"}'}


def test_another_salt_gives_another_hash() -> None:
    flat = normalize([columnar([EVENT])], names=Names(), load_id="l")
    hidden = Topic(anonymize=("id",))
    hashes = {transform(flat, lambda t, s=s: rules_for(hidden, s))[0].chunks[0]["id"][0].as_py() for s in (b"a", b"b")}
    assert len(hashes) == 2


@pytest.mark.parametrize("path", ["", "a..b", "/(/"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="path"):
        rules_for(Topic(mask=(path,)), SALT)
