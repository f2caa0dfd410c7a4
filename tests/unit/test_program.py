"""Go versions, as the linker writes them."""

import pytest

from gosnap.errors import GosnapError
from gosnap.goruntime.program import minor_version, remark_on


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("go1.26.6", 26),
        ("go1.21", 21),
        ("go1.25.5 X:greenteagc", 25),
        ("go1.26.6-X:nogreenteagc", 26),
        ("go1.27rc1", 27),
        ("devel go1.28-3b1cb8a Tue Nov 3 10:00:00 2026 +0000", 28),
        ("devel +a1b2c3", 0),
        ("", 0),
        ("go1", 0),
    ],
)
def test_minor(version: str, minor: int) -> None:
    assert minor_version(version) == minor


def test_versions_beyond_the_tested_ones_are_tried_and_said() -> None:
    for minor in range(21, 28):
        assert remark_on(f"go1.{minor}.1", "x") == ""
    assert "newer" in remark_on("go1.28.0", "x")
    assert "older" in remark_on("go1.20.14", "x")
    assert "no number" in remark_on("devel", "x")
    with pytest.raises(GosnapError, match=r"srv: built with go1\.19\.8"):
        remark_on("go1.19.8", "srv")
