"""The README's walk, run as it is printed."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.server import Server, serving, temporary_folder

README = Path(__file__).parent.parent / "README.md"
PRINTED_ADDRESS = "http://127.0.0.1:8000"

pytestmark = pytest.mark.processes


@pytest.fixture
def server() -> Iterator[Server]:
    """A fresh sandbox server on a port of its own."""
    with temporary_folder() as folder, serving(folder) as running:
        yield running


def blocks(language: str) -> list[str]:
    """The fenced blocks of the walk in one language, in order."""
    walk = README.read_text().partition("\n## A walk\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", walk, re.MULTILINE | re.DOTALL)


def test_the_walk_works_as_printed(server: Server, tmp_path: Path) -> None:
    script = "".join(blocks("sh"))
    assert len(re.findall(r"\bcurl ", script)) == 22
    assert script.count(PRINTED_ADDRESS) == 1

    done = subprocess.run(
        ["/bin/sh", "-eu"],
        check=False,
        cwd=tmp_path,
        input=script.replace(PRINTED_ADDRESS, server.url),
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    for promised, printed in zip(blocks("json"), documents(done.stdout), strict=True):
        assert_among(json.loads(promised), printed)


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that follow each other in a text."""
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:].lstrip()


def assert_among(part: Any, whole: Any) -> None:
    """All of `part` is in `whole`, whose objects may say more."""
    if isinstance(part, dict):
        for name, value in part.items():
            assert_among(value, whole[name])
    elif isinstance(part, list):
        for inner, printed in zip(part, whole, strict=True):
            assert_among(inner, printed)
    else:
        assert whole == part
