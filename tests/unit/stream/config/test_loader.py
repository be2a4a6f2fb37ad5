"""From files, environment and flags to one configuration, or to an error that helps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stream.config import fields
from stream.config import loader as settings
from stream.config.models import Config
from stream.errors import ConfigError

SECRET = "correct-horse-battery"

TOML = """
pipeline = "shop"
[kafka]
brokers = "one:9092"
topics = ["orders", "payments"]
[kafka.security]
tls = true
[batching]
max_rows = 7
"""

YAML = """
pipeline: shop
kafka:
  brokers: one:9092
  topics: [orders, payments]
  security:
    tls: true
batching:
  max_rows: 7
"""


def load(
    path: Path | None = None, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    return settings.load(path, environ or {}, overrides or {})


def refusal(
    path: Path | None = None, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environ, overrides)
    return str(caught.value)


def written(folder: Path, text: str, name: str = "headrace.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_at_all_gives_the_defaults() -> None:
    assert load() == Config()


def test_toml_and_yaml_give_the_same_configuration(tmp_path: Path) -> None:
    from_toml = load(written(tmp_path, TOML))
    assert from_toml == load(written(tmp_path, YAML, "headrace.yaml"))
    assert (from_toml.kafka.topics, from_toml.kafka.security.tls) == (("orders", "payments"), True)


@pytest.mark.parametrize(("text", "name"), [(TOML, "headrace.toml"), (YAML, "headrace.yaml")])
def test_a_byte_order_mark_at_the_beginning_means_nothing(tmp_path: Path, text: str, name: str) -> None:
    assert load(written(tmp_path, f"\ufeff{text}", name)) == load(written(tmp_path, text, name))


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing yet\n", "headrace.yml")) == Config()


def test_environment_wins_over_file_and_command_line_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    environ = {"HEADRACE__KAFKA__BROKERS": "two:9092", "HEADRACE__BATCHING__MAX_ROWS": "8"}
    config = load(path, environ, {"kafka.brokers": "three:9092", "kafka.group": None})
    assert (config.pipeline, config.batching.max_rows, config.kafka.brokers) == ("shop", 8, "three:9092")


def test_a_list_that_may_be_unset_is_written_in_the_environment_too() -> None:
    assert load(environ={"HEADRACE__TABLES__PRIMARY_KEY": "shop,id"}).tables.primary_key == ("shop", "id")


@pytest.mark.parametrize("text", ["orders,payments", " orders , payments ", '["orders", "payments"]'])
def test_a_list_in_the_environment_is_written_with_commas_or_as_json(text: str) -> None:
    assert load(environ={"HEADRACE__KAFKA__TOPICS": text}).kafka.topics == ("orders", "payments")


def test_an_empty_variable_is_not_set() -> None:
    assert load(environ={"HEADRACE__KAFKA__GROUP": ""}).kafka.group is None


def test_variables_of_others_are_left_alone() -> None:
    assert load(environ={"HEADRACE_FAILPOINTS": "x", "KAFKA__BROKERS": "x", "PATH": "x"}) == Config()


@pytest.mark.parametrize("path", fields.leaves(), ids=fields.dotted)
def test_every_setting_has_a_variable(path: fields.Path) -> None:
    assert fields.path_of(fields.variable(path)) == path


def test_a_secret_comes_from_a_file_that_a_variable_names(tmp_path: Path) -> None:
    path = written(tmp_path, f"{SECRET}\n", "password")
    config = load(environ={"HEADRACE__DESTINATION__PASSWORD_FILE": str(path)})
    assert config.destination.password is not None
    assert config.destination.password.get_secret_value() == SECRET


def test_a_secret_comes_from_a_file_that_the_configuration_names(tmp_path: Path) -> None:
    url = written(tmp_path, f"postgresql://me:{SECRET}@db/shop", "url")
    config = load(written(tmp_path, f'[destination]\nurl_file = "{url}"\n'))
    assert config.destination.url is not None
    assert SECRET in config.destination.url.get_secret_value()


def test_a_secret_by_value_and_by_file_in_one_place_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, SECRET, "password")
    environ = {"HEADRACE__DESTINATION__PASSWORD": "x", "HEADRACE__DESTINATION__PASSWORD_FILE": str(path)}
    assert refusal(environ=environ) == (
        "HEADRACE__DESTINATION__PASSWORD_FILE is given twice, by value and by file: keep one"
    )


def test_a_missing_secret_file_is_named() -> None:
    text = refusal(environ={"HEADRACE__DESTINATION__PASSWORD_FILE": "/nowhere/pw"})
    assert text == (
        "cannot read the file for HEADRACE__DESTINATION__PASSWORD_FILE, /nowhere/pw: No such file or directory"
    )


def test_only_secrets_come_from_files() -> None:
    assert "is not a setting" in refusal(environ={"HEADRACE__KAFKA__BROKERS_FILE": "/nowhere"})


def test_an_unknown_key_of_a_file_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    path = written(tmp_path, '[kafka]\nborkers = "x"\n')
    assert refusal(path) == f"{path}: kafka.borkers is not a setting; did you mean kafka.brokers?"


def test_an_unknown_section_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    path = written(tmp_path, '[kafak]\nbrokers = "x"\n')
    assert refusal(path) == f"{path}: kafak is not a setting; did you mean kafka?"


def test_a_setting_in_the_wrong_section_is_refused_with_the_right_one(tmp_path: Path) -> None:
    path = written(tmp_path, 'brokers = "x"\n')
    assert refusal(path) == f"{path}: brokers is not a setting; did you mean kafka.brokers?"


def test_an_unknown_variable_is_refused_with_a_suggestion() -> None:
    assert refusal(environ={"HEADRACE__KAFKA__BORKERS": "x"}) == (
        "HEADRACE__KAFKA__BORKERS is not a setting; did you mean HEADRACE__KAFKA__BROKERS?"
    )


def test_a_value_in_the_place_of_a_section_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "kafka = 5\n")
    assert refusal(path) == f"{path}: kafka is a section: put settings into it"


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("BATCHING__MAX_ROWS", "many", "a valid integer, not 'many'"),
        ("BATCHING__MAX_AGE_SECONDS", "0", "greater than 0, not '0'"),
        ("SERVICE__LOG_FORMAT", "xml", "'auto', 'console' or 'json', not 'xml'"),
        ("KAFKA__START", "erliest", "'earliest' or 'latest' or a valid datetime, not 'erliest'"),
        ("TABLES__METADATA", "topc", "'topic', 'key' or 'headers', not ['topc']"),
        ("KAFKA__SECURITY__TLS", "maybe", "a valid boolean, not 'maybe'"),
        ("KAFKA__SESSION_TIMEOUT_SECONDS", "inf", "a finite number, not 'inf'"),
        ("KAFKA__SESSION_TIMEOUT_SECONDS", "1e300", "less than or equal to 2147483, not '1e300'"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(key: str, value: str, wanted: str) -> None:
    assert refusal(environ={f"HEADRACE__{key}": value}) == f"HEADRACE__{key} must be {wanted}"


NUMBERS = [path for path in fields.leaves() if "float" in str(fields.leaves()[path].annotation)]


@pytest.mark.parametrize("path", NUMBERS, ids=fields.dotted)
def test_every_number_is_finite(path: fields.Path) -> None:
    assert "must be a finite number" in refusal(environ={fields.variable(path): "nan"})


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("KAFKA__PATTERN", "[", "'[' is no regular expression: unterminated character set at position 0"),
        ("KAFKA__BROKERS", "localhost:abc", "'localhost:abc' is no address of a broker: write host:port"),
        ("KAFKA__BROKERS", "one:9092,,two:9092", "'' is no address of a broker"),
        ("KAFKA__BROKERS", "one:99999", "'one:99999' is no address of a broker"),
        ("TABLES__NAME_TEMPLATE", "{foo}", "'{foo}' has a placeholder that nothing fills: {topic} is the only one"),
        ("TABLES__NAME_TEMPLATE", "{", "'{' is no template: "),
        ("DESTINATION__URL", "postgresql://me:a/b@db/shop", "the URL has a raw '/', '@', '?', '#' or space"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_the_reason(key: str, value: str, reason: str) -> None:
    assert refusal(environ={f"HEADRACE__{key}": value}).startswith(f"HEADRACE__{key}: {reason}")


@pytest.mark.parametrize("brokers", ["one", "one:9092, two:9093", "127.0.0.1:1", "[::1]:9092", "::1"])
def test_brokers_may_be_written_in_many_ways(brokers: str) -> None:
    assert load(environ={"HEADRACE__KAFKA__BROKERS": brokers}).kafka.brokers == brokers


@pytest.mark.parametrize("written", ["2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05+02:00"])
def test_a_start_without_a_zone_is_utc(written: str) -> None:
    start = load(environ={"HEADRACE__KAFKA__START": written}).kafka.start
    assert isinstance(start, datetime)
    assert start.timestamp() == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def test_all_wrong_values_are_told_at_once() -> None:
    text = refusal(environ={"HEADRACE__BATCHING__MAX_ROWS": "x", "HEADRACE__LIMITS__MAX_DEPTH": "y"})
    assert len(text.splitlines()) == 2


def test_the_value_of_a_secret_is_never_in_an_error(tmp_path: Path) -> None:
    text = refusal(written(tmp_path, f'[destination]\npassword = ["{SECRET}"]\n'))
    assert SECRET not in text
    assert "destination.password must be a valid string" in text


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.toml", f'[destination]\npassword = "{SECRET}'), ("a.yaml", f"destination:\n  password: '{SECRET}\n x: [")],
)
def test_a_file_that_does_not_parse_is_refused_without_its_content(tmp_path: Path, name: str, content: str) -> None:
    text = refusal(written(tmp_path, content, name))
    assert SECRET not in text
    assert "is not TOML" in text or "is not YAML: look at line" in text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.ini", "", "ends in .toml, .yaml or .yml, not '.ini'"),
        ("a.yaml", "- a\n- b\n", "holds sections with settings, not a list"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: str, reason: str) -> None:
    assert reason in refusal(written(tmp_path, content, name))


@pytest.mark.parametrize(("name", "content"), [("a.toml", "[kafka]\n[kafka]\n"), ("a.yaml", "kafka:\nkafka:\n")])
def test_a_key_that_is_given_twice_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert "line 2" in refusal(written(tmp_path, content, name))


def test_yaml_may_share_settings(tmp_path: Path) -> None:
    path = written(tmp_path, "retry: {<<: {start_seconds: 1, max_wait_seconds: 1}, max_wait_seconds: 2}\n", "a.yaml")
    assert (load(path).retry.start_seconds, load(path).retry.max_wait_seconds) == (1, 2)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "none.toml")


def test_the_public_form_shows_no_secret() -> None:
    config = load(
        overrides={
            "destination.url": f"postgresql://me:{SECRET}@db/shop",
            "destination.password": SECRET,
            "kafka.security.password": SECRET,
        }
    )
    shown = settings.public(config)
    assert SECRET not in json.dumps(shown)
    assert shown["destination"]["url"] == "postgresql://me:***@db/shop"


def test_secrets_are_known_by_value_also_inside_a_url() -> None:
    config = load(
        overrides={"destination.url": "postgresql://me:p%40ss-word@db/shop", "kafka.security.password": SECRET}
    )
    assert set(settings.secrets(config)) == {"p%40ss-word", "p@ss-word", SECRET}
