"""The relay's page: systemd takes its unit, its container starts what is there, its codes are all."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dotbase.relay import sending
from tests.docs.pages import blocks, pages
from tests.harness.server import ROOT

PAGE = "docs/relay.md"
CODE = re.compile(r"""UnsendableError\("(\w+)"\)|error="(\w+)"|unusable\(|__init__\("(\w+)"\)""")


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze")
    [unit] = blocks(PAGE, "ini")
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert program is not None
    file = tmp_path / "dotbase-relay.service"
    # Whether the program is there is asked as well.
    file.write_text(unit.replace(program[1], str(Path(sys.executable).with_name("dotbase"))))
    verify = ["systemd-analyze", "verify", "--man=no", str(file)]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "dotbase-relay" in line]
    assert said == []


def test_the_container_installs_and_starts_what_is_there() -> None:
    [block] = blocks(PAGE, "dockerfile")
    lines = dict(line.split(" ", 1) for line in block.splitlines())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [extra] = re.findall(r"/src\[(\w+)\]", lines["RUN"])
    assert extra in extras
    for word in shlex.split(lines["RUN"]):
        if word.startswith("/src/"):
            assert (ROOT / word.removeprefix("/src/")).exists()
    program, *arguments = json.loads(lines["ENTRYPOINT"])
    start = [str(Path(sys.executable).with_name(program)), *arguments, "--help"]
    assert subprocess.run(start, capture_output=True, timeout=60).returncode == 0


def test_the_page_tells_every_code() -> None:
    codes = {code for _, code, _ in sending.ERRORS}
    for path in (ROOT / "generator" / "dotbase" / "relay").glob("*.py"):
        codes |= {code for found in CODE.findall(path.read_text()) for code in found if code}
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*$", pages()[PAGE], re.MULTILINE))))
    assert {"host_refused", "token_failed", "relay_failed"} <= codes
    assert codes - told == set()
