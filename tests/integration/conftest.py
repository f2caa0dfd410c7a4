"""Fixtures of the integration tests: a Go version, a built target, a running target.

``GOSNAP_GO_VERSIONS=1.26.6,1.27.3`` limits a run to these versions.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gotool

_CHOSEN = os.environ.get("GOSNAP_GO_VERSIONS", "").replace(",", " ").split()


@pytest.fixture(scope="session", params=_CHOSEN or gotool.GO_VERSIONS)
def go_version(request: pytest.FixtureRequest) -> str:
    """Every Go version in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def gobuild() -> Callable[..., Path]:
    """``gobuild(target, version, *, flags=(), env=None) -> Path``: see ``gotool.gobuild``."""
    return gotool.gobuild


@pytest.fixture
def running() -> Iterator[Callable[..., gotool.Running]]:
    """``running(binary, *args, env=None, timeout=120) -> Running``; all are killed when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(binary: Path, *args: str, **options: object) -> gotool.Running:
            return stack.enter_context(gotool.running(binary, *args, **options))  # type: ignore[arg-type]

        yield start
