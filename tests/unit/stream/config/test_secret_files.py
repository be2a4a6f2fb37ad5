"""Secrets in files: read when the configuration is loaded, and again whenever they are needed."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from stream.config import loader
from stream.config.secret_files import newest


def test_a_secret_from_a_file_is_read_again_and_never_shown(tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("old\n")
    config = loader.load(None, {"HEADRACE__DESTINATION__PASSWORD_FILE": str(file)}, {})
    file.write_text("new\n")
    assert config.destination.password is not None
    assert (newest(config.destination.password), loader.secrets(config)) == ("new", ("old",))
    assert "old" not in repr(config)


def test_a_file_that_is_gone_leaves_the_secret_as_it_was(tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("old")
    config = loader.load(None, {"HEADRACE__DESTINATION__PASSWORD_FILE": str(file)}, {})
    file.unlink()
    assert config.destination.password is not None
    assert newest(config.destination.password) == "old"


def test_a_secret_without_a_file_stays_as_it_is():
    assert newest(SecretStr("x")) == "x"
