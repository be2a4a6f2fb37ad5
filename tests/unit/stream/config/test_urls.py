"""A password in a URL: found, masked, and refused where it cannot be told where it ends."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from stream.api.destinations import redacted
from stream.config.models import Destination
from stream.config.redaction import redact
from stream.config.urls import check_password, masked, passwords

AMBIGUOUS = [
    "postgresql://u:s3cr/tpw@127.0.0.1:1/db",
    "postgresql://u:s3cret@pw@127.0.0.1:1/db",
    "postgresql://u:s3cr?tpw@127.0.0.1:1/db",
    "postgresql://u:s3cr#tpw@127.0.0.1:1/db",
    "postgresql://u:s3cr tpw@127.0.0.1:1/db",
    "postgresql://u@corp:s3cr/tpw@127.0.0.1:1/db",
    "postgresql:///u:s3crtpw@127.0.0.1:1/db",
]
PLAIN = [
    "postgresql://u:s3cr%2Ft%40pw@127.0.0.1:1/db",
    "postgresql://u@db/shop?application_name=a@b",
    "postgresql://db:5432/shop",
    "duckdb:////home/me@work/orders.duckdb",
    "memory://shop",
]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_a_url_whose_password_has_no_clear_end_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError, match="percent-encode it") as caught:
        Destination(url=SecretStr(url))
    assert not any(part in str(caught.value) for part in ("s3cr", "tpw"))


@pytest.mark.parametrize("url", PLAIN)
def test_a_url_that_can_be_read_in_one_way_is_taken(url: str) -> None:
    assert check_password(url) == url


@pytest.mark.parametrize("shown", [masked, lambda url: redacted(SecretStr(url))], ids=["masked", "redacted"])
@pytest.mark.parametrize("url", AMBIGUOUS + PLAIN[:1])
def test_no_part_of_a_password_is_shown_however_it_is_written(url: str, shown) -> None:
    assert not any(part in shown(url) for part in ("s3cr", "tpw"))


@pytest.mark.parametrize("url", [url for url in AMBIGUOUS if " " not in url])
def test_no_part_of_a_password_is_left_in_a_text(url: str) -> None:
    assert not any(part in redact(f"{url} cannot be reached") for part in ("s3cr", "tpw"))


def test_a_text_that_is_no_url_is_not_shown_at_all() -> None:
    assert redacted(SecretStr("host=db password=hidden")) == "***"


def test_passwords_are_found_before_the_host_and_in_the_query() -> None:
    assert set(passwords("postgresql://u:a%20b@db/shop?password=c")) == {"a%20b", "a b", "c"}
