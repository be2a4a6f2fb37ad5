"""No secret survives `redact`, whatever it is made of and wherever it stands."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import assume, given
from hypothesis import strategies as st

from stream.config.redaction import redact

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=4, max_size=30)
raw_passwords = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(words, secrets, words)
def test_a_secret_known_by_value_never_survives(before: str, secret: str, after: str) -> None:
    assume(set(secret) != {"*"} and secret not in "url://user:***@")
    assert secret not in redact(f"{before}{secret}{after}", [secret]).replace("***", "\0")


@given(raw_passwords)
def test_a_password_in_a_url_is_masked_whatever_printable_characters_it_has(password: str) -> None:
    text = f"cannot reach postgresql://reader:{password}@db.example/shop today"
    assert redact(text) == "cannot reach postgresql://reader:***@db.example/shop today"


@given(secrets)
def test_a_percent_encoded_secret_is_masked_too(secret: str) -> None:
    assert redact(f"x {quote(secret, safe='')} y", [secret]) == "x *** y"


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=30))
def test_a_password_in_a_connection_string_is_masked(password: str) -> None:
    assert redact(f"host=db password={password} user=me") == "host=db password=*** user=me"


@given(words)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_text_without_secrets_stays_as_it_is() -> None:
    assert redact("no broker answers at localhost:9092, kafka://one:9092") == (
        "no broker answers at localhost:9092, kafka://one:9092"
    )
