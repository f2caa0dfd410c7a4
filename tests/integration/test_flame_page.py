"""The flame graph's page in a browser, and the committed bundle against its sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gosnap.report.html.flame import STATIC

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=FRONTEND,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def node() -> str:
    """node, with the packages of the lockfile beside the sources."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None:
        pytest.skip("there is no node")
    major = int(run(found, "--version").stdout.strip().lstrip("v").split(".")[0])
    if major < 18:
        pytest.skip(f"node {major} is too old, 18 is needed")
    if not (FRONTEND / "node_modules" / "esbuild").is_dir():
        if npm is None:
            pytest.skip("there is no npm to get the packages of frontend/ with")
        got = run(npm, "ci", "--no-audit", "--no-fund")
        if got.returncode:
            pytest.skip(f"npm ci failed: {got.stderr.strip()[-300:]}")
    return found


def test_the_committed_bundle_is_what_the_sources_make(node: str, tmp_path: Path) -> None:
    built = run(node, "build.mjs", str(tmp_path))
    assert built.returncode == 0, built.stderr
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    assert made == committed, "run `npm run build` in frontend/ and commit what it makes"


def test_types(node: str) -> None:
    checked = run(node, "node_modules/typescript/bin/tsc", "--noEmit")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every page that the browser tests look at."""
    directory = tmp_path_factory.mktemp("pages")
    made = run(sys.executable, str(FRONTEND / "test" / "pages.py"), str(directory))
    assert made.returncode == 0, made.stderr
    return directory


def test_in_chromium(node: str, pages: Path) -> None:
    if not os.environ.get("GOSNAP_CHROMIUM") and not any(map(shutil.which, CHROMIUM)):
        pytest.skip("there is no Chromium (apt: chromium; or its path in GOSNAP_CHROMIUM)")
    tested = run(
        node, "--test", "--test-reporter=tap", "test/flame.test.mjs", env={"GOSNAP_PAGES": str(pages)}
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    # a run without tests would pass as well
    assert "# pass 2" in tested.stdout, tested.stdout
