"""The Dockerfile, and its steps rehearsed without Docker: no engine runs here, so the image itself was not built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.missing import ServerMissing
from support import events

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
JOINED = re.sub(r"\\\n", " ", TEXT)
INTO_BUILD = re.findall(r"^COPY (?!--from)(.+) (\S+)$", JOINED, re.MULTILINE)

# The image is made once, in a folder of the checkout: by one worker, in two minutes.
slow = [pytest.mark.slow, pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

# A root that is read-only but for /tmp, a user without rights: what the chart and compose.yaml run it in. Here the
# interpreter of the machine stands in for the base image's, and is made visible where only root may look.
SANDBOX = """
set -e
mount --make-rprivate /
home=$1 top=/$(echo "$1" | cut -d/ -f2)
shift
if [ "$(stat -c %a "$top")" = 700 ]; then
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/python
  mount --bind "$home" /mnt/python
  mount -t tmpfs -o mode=755 tmpfs "$top"
  mkdir -p "$home"
  mount --bind /mnt/python "$home"
fi
mount -o bind,remount,ro /
mount -t tmpfs -o size=256m,mode=1777 tmpfs /tmp
cd /tmp
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
"""


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for sources, _ in INTO_BUILD for source in sources.split()}
    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)


def test_everything_comes_with_its_hash() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", JOINED)
    assert installs
    assert all("--require-hashes" in arguments or "--no-index" in arguments for arguments in installs)


def test_the_base_has_a_version_and_is_named_once() -> None:
    assert re.search(r"^ARG PYTHON=python:3\.\d+\.\d+-\S+$", TEXT, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) == {"${PYTHON}", "build", "scratch"}


def test_it_runs_as_nobody_special_and_without_a_shell() -> None:
    runtime = TEXT[TEXT.index(" AS runtime") :]
    assert "USER 10001:10001" in runtime
    assert "\nRUN " not in runtime
    for instruction in ("CMD", "ENTRYPOINT"):
        assert all(rest.startswith("[") for rest in re.findall(rf"^\s*{instruction} (.*)$", runtime, re.MULTILINE))


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The folder /opt/headrace as the steps of the Dockerfile make it, and the bill of materials beside it."""
    if os.geteuid() != 0:
        raise ServerMissing("mount namespaces want root")
    place = ROOT / ".cache" / "image"
    shutil.rmtree(place, ignore_errors=True)
    (place / "src").mkdir(parents=True)
    for sources, target in INTO_BUILD:
        for source in sources.split():
            _copy(ROOT / source, place / "src" / target / (Path(source).name if target[-1] == "/" else ""))
    for step in re.findall(r"^RUN (.*)$", JOINED, re.MULTILINE):
        _run(step, place)
    yield place
    shutil.rmtree(place)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(step: str, place: Path) -> None:
    here = step.replace("python -m venv", f"{sys.executable} -m venv")
    for path in ("/opt/headrace", "/opt/tools", "/dist", "/sbom.cdx.json"):
        here = here.replace(path, f"{place}{path}")
    done = subprocess.run(here, shell=True, cwd=place / "src", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


def sandboxed(image: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the image as its user, in a root that is read-only but for /tmp."""
    env = (f"PATH={image}/opt/headrace/bin", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1")
    words = ["unshare", "--mount", "/bin/sh", "-c", SANDBOX, "sandbox", sys.base_prefix, "env", "-i", *env, *command]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


class TestTheRehearsedImage:
    """What the steps make, in a root that is read-only but for /tmp."""

    pytestmark = slow

    def test_the_image_loads_a_topic_with_nothing_writable_but_tmp(
        self, image: Path, kafka, topic: Callable[..., str]
    ) -> None:
        name = topic("orders")
        events.produce(kafka.bootstrap, name, events.orders(30, seed=1))
        where = ("--brokers", kafka.bootstrap, "--topic", name, "--to", "duckdb:////tmp/orders.duckdb")
        done = sandboxed(image, "headrace", "run", *where, "--until", "latest", "--log-format", "console")
        assert done.returncode == 0, done.stderr
        assert "30 rows" in done.stdout

    def test_the_root_is_really_read_only_and_the_user_has_no_rights(self, image: Path) -> None:
        code = "import os; print(os.getuid(), os.getgid(), os.access('/', os.W_OK), os.access('/tmp', os.W_OK))"
        assert sandboxed(image, "python", "-c", code).stdout.split() == ["10001", "10001", "False", "True"]

    def test_the_bill_of_materials_names_what_is_locked(self, image: Path) -> None:
        locked = re.findall(r"^(\S+)==", (ROOT / "requirements" / "runtime.lock").read_text(), re.MULTILINE)
        bill = (image / "sbom.cdx.json").read_text()
        assert '"bomFormat": "CycloneDX"' in bill
        missing = [name for name in locked if f'"{name}"' not in bill.lower().replace("_", "-")]
        assert set(missing) <= {"colorama", "tzdata", "exceptiongroup"}  # for other systems and older Pythons
