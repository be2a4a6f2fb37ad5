"""URL schemes, the packages that bring them, and what is said when there is none."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sinks import SinkError, SinkOptions
from sinks.memory import MemorySink
from sinks.registry import BUILTIN, EXTRAS, connect, schemes

ROOT = Path(__file__).parents[3]
OPTIONS = SinkOptions("pipeline", "dataset", "owner")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with these entry points, and this module, as pip would."""

    def put(entry_points: dict[str, str], **modules: str) -> None:
        folder = tmp_path / "stranger-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[headrace.sinks]", *lines]))
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return put


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_built_in_sinks_are_those_of_the_project_file():
    assert project()["entry-points"]["headrace.sinks"] == BUILTIN


def test_each_extra_that_is_recommended_exists():
    assert set(EXTRAS.values()) <= set(project()["optional-dependencies"])


def test_schemes_are_listed_in_order():
    assert schemes() == tuple(sorted(BUILTIN))


@pytest.mark.parametrize("url", ["memory://shop", "memory+anything://shop", "MEMORY://shop"])
def test_a_url_finds_its_sink_by_what_stands_before_the_plus(url):
    assert isinstance(connect(url, OPTIONS), MemorySink)


def test_an_unknown_scheme_gets_a_suggestion_and_the_list():
    with pytest.raises(SinkError, match=r"no sink for postgre://; did you mean postgres.*duckdb, memory, postgres"):
        connect("postgre://localhost/db", OPTIONS)


@pytest.mark.parametrize("url", ["oracle://me:s3cret@host/db", "me:s3cret@host/db", "me:s3cret@://", "s3cret", ""])
def test_no_message_shows_a_password(url):
    with pytest.raises(SinkError) as refusal:
        connect(url, OPTIONS)
    assert "s3cret" not in str(refusal.value)


def test_a_stranger_may_bring_a_sink(install):
    install({"lake": "lake_sink:connect"}, lake_sink="def connect(url, options): return url, options")
    assert (connect("lake://x", OPTIONS), "lake" in schemes()) == (("lake://x", OPTIONS), True)


def test_two_sinks_for_one_scheme_are_refused_by_name(install):
    install({"memory": "mine:connect"})
    with pytest.raises(SinkError, match=r"memory://: sinks\.memory:connect and mine:connect"):
        connect("memory://x", OPTIONS)


def test_the_same_sink_registered_twice_is_one(install):
    install({"memory": BUILTIN["memory"]})
    assert isinstance(connect("memory://x", OPTIONS), MemorySink)


def test_a_missing_driver_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sinks.sql.postgres", None)
    with pytest.raises(SinkError, match=r"pip install 'headrace\[postgres\]'"):
        connect("postgresql+psycopg://localhost/db", OPTIONS)


def test_a_strangers_missing_driver_is_named(install):
    install({"lake": "lake_without_driver:connect"}, lake_without_driver="import no_such_driver")
    with pytest.raises(SinkError, match=r"lake:// lacks a package .*no_such_driver.*install what lake_without_driver"):
        connect("lake://x", OPTIONS)


def test_no_driver_is_imported_before_a_url_asks_for_it():
    code = "import sys, sinks.registry as r; r.schemes(); print([m for m in ('duckdb', 'psycopg') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
