"""`gosnap list`: where sources are found, and that a sample counts once."""

import os
from pathlib import Path

import pytest

from gosnap.cli import main
from gosnap.profile import sources
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.encode import to_gzip
from gosnap.profile.sources import Module, Sources, escape


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's Go is seen."""
    for name in ("GOROOT", "GOPATH", "GOMODCACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sources, "SHORT_OF_GO", ())
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def put(path: Path, text: str = "package p\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def found(name: str, source_path: str = "", trim: str = "") -> str | None:
    source = Sources(source_path, trim).find(name.encode())
    return source and source.path


def test_where_pprof_looks(tmp_path: Path) -> None:
    path = put(tmp_path / "a" / "b.go")
    assert found(path) == path
    # below the working directory and its parents
    assert found("a/b.go") == path
    assert found("b.go", f"{tmp_path}/none:{tmp_path}/a") == path
    # what the profile calls by another place
    assert found("/build/a/b.go", trim="/build") == path
    # the name of a searched directory in the path stands for that directory
    assert found("/elsewhere/a/b.go", f"{tmp_path}/a") == path


def test_the_module_cache_spells_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert escape("github.com/BurntSushi/toml@v1.0.0-RC1") == "github.com/!burnt!sushi/toml@v1.0.0-!r!c1"
    path = put(tmp_path / "home/go/pkg/mod/github.com/!burnt!sushi/toml@v1.0.0/sub/A.go")
    # -trimpath has the module's own spelling, other builds that of a cache elsewhere
    assert found("github.com/BurntSushi/toml@v1.0.0/sub/A.go") == path
    assert found("/elsewhere/go/pkg/mod/github.com/!burnt!sushi/toml@v1.0.0/sub/A.go") == path
    other = put(tmp_path / "cache/x.y/z@v1.0.0/a.go")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    assert found("x.y/z@v1.0.0/a.go") == other


def test_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "goroot/src/runtime/malloc.go")
    assert found("runtime/malloc.go") is None
    monkeypatch.setenv("GOROOT", str(tmp_path / "goroot"))
    assert found("runtime/malloc.go") == path
    assert found("/opt/hostedtoolcache/go/1.26.6/x64/src/runtime/malloc.go") == path


def test_go_on_the_path_and_toolchains_of_the_cache(tmp_path: Path) -> None:
    put(tmp_path / "sdk/bin/go")
    (tmp_path / "sdk/bin/go").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/go").symlink_to(tmp_path / "sdk/bin/go")
    toolchain = "home/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64"
    newer = put(tmp_path / toolchain / "src/weak/pointer.go")
    older = put(tmp_path / "sdk/src/fmt/print.go")
    assert found("fmt/print.go") == older
    assert found("weak/pointer.go") == newer


def test_the_module_that_one_stands_in(tmp_path: Path) -> None:
    put(
        tmp_path / "work/go.mod",
        'module example.com/shop // the shop\n\nreplace (\n\t"example.com/lib" v1.2.0 => ../lib\n)\n'
        "replace example.com/other => example.com/fork v1.0.0\nrequire (\n\tx.y/z v1.0.0\n)\n",
    )
    main_ = put(tmp_path / "work/internal/cart.go")
    assert found("example.com/shop/internal/cart.go") == main_
    lib = put(tmp_path / "lib/sub/l.go")
    assert found("example.com/lib@v1.2.0/sub/l.go") == lib
    vendored = put(tmp_path / "work/vendor/x.y/z/z.go")
    assert found("x.y/z@v1.0.0/z.go") == vendored
    assert found("/home/ci/shop/vendor/x.y/z/z.go") == vendored
    module = Module(
        "/m", [b"module a.b/c", b"replace a.b/c/d => ./d", b"replace ( // none", b")", b"replace"]
    )
    assert module.places == [("a.b/c/d", "/m/d"), ("a.b/c", "/m")]


def test_the_end_of_a_path(tmp_path: Path) -> None:
    path = put(tmp_path / "work/pkg/a.go")
    source = Sources("", "").find(b"/home/ci/build/shop/pkg/a.go")
    assert source is not None and source.path == path and source.guessed
    put(tmp_path / "work/main.go")
    # a name alone would match anywhere, unless it was said where to look
    assert found("/home/ci/build/shop/main.go") is None
    assert found("/home/ci/build/shop/main.go", str(tmp_path / "work")) == str(tmp_path / "work/main.go")


def test_what_is_no_regular_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo.go")
    assert found(str(tmp_path / "fifo.go")) is None
    assert found("/dev/zero") is None
    assert found(str(tmp_path)) is None
    assert found("a\0b.go") is None
    monkeypatch.setattr(sources, "LARGEST", 10)
    assert found(put(tmp_path / "large.go", "x" * 11)) is None


def test_lines_end_as_in_go(tmp_path: Path) -> None:
    path = tmp_path / "a.go"
    path.write_bytes(b"one\r\ntwo\n\nfour")
    source = Sources("", "").find(os.fsencode(path))
    assert source is not None and source.lines == [b"one", b"two", b"", b"four"]
    assert source.line(4) == b"four" and source.line(5) is None and source.line(0) is None


def recursive(path: Path, file: str) -> str:
    """fib calls itself on two lines; a sample of 5 passes them 4 times."""
    b = ProfileBuilder([("space", "bytes")])
    main_, fib = b.function("main.main", file, 1), b.function("main.fib", file, 3)
    root = b.location(1, [(main_, 1)])
    first, second, leaf = b.location(2, [(fib, 4)]), b.location(3, [(fib, 5)]), b.location(4, [(fib, 6)])
    b.sample([leaf, first, second, first, second, root], [5])
    b.sample([leaf, root], [2])
    path.write_bytes(to_gzip(b.build()))
    return str(path)


def test_a_sample_counts_once(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    file = put(tmp_path / "fib.go", "m\n\nfib\nfirst\nsecond\nleaf\n")
    assert main(["list", "fib", recursive(tmp_path / "p", file)]) == 0
    assert capsysbinary.readouterr().out.decode().splitlines() == [
        "Total: 7B",
        f"ROUTINE ======================== main.fib in {file}",
        "        7B         7B (flat, cum)   100% of Total",
        "         .          .      3:fib",
        "         .         5B      4:first",
        "         .         5B      5:second",
        "        7B         7B      6:leaf",
    ]


def test_a_missing_source_is_a_table_of_lines(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["list", "fib", recursive(tmp_path / "p", "/none/of/fib.go")]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[3:5] == [" No source found; looked at:", "   /none/of/fib.go"]
    assert f"   {tmp_path}/work/of/fib.go" in lines
    assert lines[-3:] == [
        "         .         5B      4:",
        "         .         5B      5:",
        "        7B         7B      6:",
    ]


def test_another_version_is_told(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    put(tmp_path / "work/of/fib.go", "x\n" * 9)
    assert main(["list", "fib", recursive(tmp_path / "p", "/none/of/fib.go")]) == 0
    assert b"may be another version" in capsysbinary.readouterr().err
