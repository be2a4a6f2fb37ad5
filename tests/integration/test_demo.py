"""`headrace demo` as a user runs it, with fewer events."""

from support.service import headrace


def test_the_demo_survives_two_deaths_and_proves_it(tmp_path):
    ended = headrace("demo", "--events", "20000", "--folder", str(tmp_path), seconds=150)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("killed with SIGKILL in mid-commit") == 2
    assert "0 missing, 0 twice, 0 altered" in ended.stdout
