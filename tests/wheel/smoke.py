"""Build the wheel, put it into an empty environment with its locked dependencies, and use it from outside the tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ROUND_TRIP: Final = """
import duckdb, headrace

info = headrace.run([{"id": 1, "tags": ["a", "b"]}, {"id": 2}], table_name="items", destination="duckdb:///items.duckdb",
                    dataset_name="shop")
print(info)
with duckdb.connect("items.duckdb", read_only=True) as tables:
    assert tables.execute("select id from shop.items order by id").fetchall() == [(1,), (2,)]
    assert tables.execute("select value from shop.items__tags order by value").fetchall() == [("a",), ("b",)]
"""


def main() -> None:
    """Exit with an error at the first thing that does not work."""
    with tempfile.TemporaryDirectory(prefix="headrace-wheel-") as folder:
        away = Path(folder)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
        run(*build, str(ROOT), cwd=away, stdout=subprocess.DEVNULL)
        (wheel,) = away.glob("*.whl")
        scripts = away / "env" / "bin"
        venv.create(away / "env", with_pip=True)
        pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "runtime.lock"), cwd=away)
        run(*pip, "--no-deps", str(wheel), cwd=away)
        run(str(scripts / "headrace"), "--version", cwd=away)
        run(str(scripts / "python"), "-c", ROUND_TRIP, cwd=away)
    print("the wheel works")


def run(*command: str, cwd: Path, stdout: int | None = None) -> None:
    """Run a command without anything of this tree or this environment in reach."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    subprocess.run(command, cwd=cwd, env={**env, "HOME": str(cwd)}, stdout=stdout, check=True)


if __name__ == "__main__":
    main()
