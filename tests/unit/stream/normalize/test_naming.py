from __future__ import annotations

import pytest

from sinks import Column, Schema, Table
from sinks.schema import BIGINT, TEXT
from stream.model.identifiers import shorten
from stream.normalize import Names, normalize_key

LONG = "a_very_long_identifier_name_that_does_not_fit"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("getHTTPResponseCode", "get_http_response_code"),
        ("userIDs", "user_i_ds"),
        ("aBC", "a_bc"),
        ("1st", "_1st"),
        ("(a)", "_ax"),
        ("123BaNaNa", "_123_ba_na_na"),
        ("a+b*c-d@e|f", "axbxc_daelf"),
        ("parentKey__childKey", "parent_key__child_key"),
        ("", "_empty"),
        ("  ", "_empty"),
        ("____", "_empty"),
        ("名前", "ming_qian"),
        ("Имя", "imya"),
        ("Größe", "grosse"),
        ("🦔", "_hedgehogx"),
        ("\ue000", "x"),
    ],
)
def test_a_key_becomes_snake_case(key: str, name: str) -> None:
    assert normalize_key(key) == name


@pytest.mark.parametrize(
    ("key", "name"),
    [("名前", "名前"), ("ИмяКлиента", "имяклиента"), ("Größe (cm)", "größe_cmx"), ("é", "é"), ("userId", "user_id")],
)
def test_a_key_in_another_script_may_be_kept(key: str, name: str) -> None:
    assert Names(script="unicode").columns("t").column((key,)) == name


def test_a_name_that_the_destination_keeps_for_itself_gets_a_tag() -> None:
    columns = Names(reserved=frozenset({"xmin"})).columns("t")
    assert columns.column(("xmin",)).startswith("xmin_")
    assert columns.column(("x_min",)) == "x_min"


def test_a_name_too_long_keeps_its_ends_around_a_tag() -> None:
    assert shorten(LONG, LONG, 24) == "a_very_lo5h3rkgs_not_fit"


def test_a_name_is_cut_between_characters() -> None:
    cut = shorten("é" * 40, "é" * 40, 31)
    assert cut.encode().decode() == cut
    assert len(cut.encode()) <= 31


def test_two_keys_that_give_one_name_are_told_apart_by_a_tag() -> None:
    columns = Names().columns("t")
    assert columns.column(("userId",)) == "user_id"
    assert columns.column(("user_id",)).startswith("user_id_")
    assert columns.column(("user", "id")) == "user__id"


def test_a_stored_name_wins_over_the_order_of_appearance() -> None:
    columns = {"user_id": Column("user_id", BIGINT, source=("user_id",))}
    stored = Names(Schema(1, {"t": Table("t", columns, source=("t",))}))
    assert stored.columns("t").column(("userId",)) != "user_id"
    assert stored.columns("t").column(("user_id",)) == "user_id"


def test_the_name_of_a_variant_is_taken() -> None:
    columns = {"x__v_text": Column("x__v_text", TEXT, source=("x",), variant_of="x")}
    stored = Names(Schema(1, {"t": Table("t", columns, source=("t",))}))
    assert stored.columns("t").column(("x__v_text",)) != "x__v_text"


@pytest.mark.parametrize("key", ["_hr_id", "_kafka_offset", "_HR_id"])
def test_a_key_never_takes_a_system_name(key: str) -> None:
    assert Names().columns("t").column((key,)).startswith("x_")
