"""Secrets that were read from a file, and are read again when they are needed: mounted secrets are rotated."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr


class FileSecret(SecretStr):
    """A secret as its file had it when the configuration was loaded."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.path = path


def newest(secret: SecretStr) -> str:
    """Return a secret in the clear, as its file has it now; as it was where there is no file, or none to be read."""
    if isinstance(secret, FileSecret):
        try:
            return secret.path.read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            pass  # in the middle of its rotation: the next time it is there
    return secret.get_secret_value()
