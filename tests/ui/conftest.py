"""The Dagster UI as ``make ui`` serves it, on a lakehouse of its own, and a browser that looks at it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccl_assets.doctor import find_browser

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
# Nothing but the page is loaded; as root Chromium has no sandbox.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_S = 240  # the daemon looks at backfills every 30 seconds, and two cores serve everything


@dataclass(frozen=True)
class DagsterUI:
    """A running webserver, with what it serves."""

    url: str
    home: Path
    release: Path


def small_release(folder: Path) -> Path:
    """The packaged Tabular List, two categories of each chapter."""
    from lxml import etree

    from ccl_assets.icd.release.contents import open_release

    root = etree.fromstring(open_release().tabular.content)
    for chapter in root.iterfind("chapter"):
        for diag in chapter.findall("section/diag")[2:]:
            diag.getparent().remove(diag)
    folder.mkdir()
    (folder / "tabular.xml").write_bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    found = os.environ.get("CCL_TEST_CHROMIUM") or find_browser()
    if found is None:
        pytest.skip("no Chromium on the path; install one, or set CCL_TEST_CHROMIUM to it")
    return found


@pytest.fixture(scope="module")
def dagster_ui(tmp_path_factory, chromium, derived_from):
    folder = tmp_path_factory.mktemp("ui")
    home, release = folder / "home", small_release(folder / "release")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
    environment |= {"CCL_HOME": str(home), "CCL_ICD_RELEASE": str(release)}
    assets, partitions = derived_from
    filled = subprocess.run(
        [sys.executable, "-m", "ccl_assets.refresh", "--select", *assets, "--partitions", *partitions],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert filled.returncode == 0, filled.stdout + filled.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = (folder / "server.log").open("w+")
    server = subprocess.Popen(
        [sys.executable, "-m", "ccl_assets.ui", "--port", str(port)],
        env=environment, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url, server), "the webserver does not answer", said)
        yield DagsterUI(url, home, release)
    finally:
        stop(server)
        said.close()


@pytest.fixture(scope="module")
def page(dagster_ui, chromium, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        profile = str(tmp_path_factory.mktemp("chromium"))
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, viewport={"width": 1250, "height": 700}
        )
        shown = browser.pages[0]
        shown.set_default_timeout(90_000)
        elsewhere = []
        shown.on("request", lambda asked: elsewhere.append(asked.url) if is_elsewhere(asked.url) else None)
        yield shown
        browser.close()
    assert elsewhere == [], "the UI asked for something on the network"


@pytest.fixture(scope="module")
def photograph(page):
    """Keeps a picture of the page for the documentation, if ``CCL_TEST_UPDATE_IMAGES=1`` asks for it."""

    def keep(name: str, height: int = 700) -> None:
        if os.environ.get("CCL_TEST_UPDATE_IMAGES"):
            page.wait_for_timeout(1500)  # spinners and fades
            IMAGES.mkdir(exist_ok=True)
            navigation = 240  # left out
            clip = {"x": navigation, "y": 0, "width": 1250 - navigation, "height": height}
            page.screenshot(path=IMAGES / f"{name}.png", clip=clip)

    return keep


@pytest.fixture(scope="module")
def instance(dagster_ui):
    import dagster as dg

    folder = dagster_ui.home / "dagster_home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))  # its dagster.yaml says where the event log is by this
        with dg.DagsterInstance.from_config(str(folder)) as opened:
            yield opened


@pytest.fixture(scope="session")
def eventually():
    """Waits until a condition holds and returns what it said."""
    return wait_for


def wait_for(condition, otherwise, log=None):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > end:
            words = ""
            if log is not None:
                log.seek(0)
                words = log.read()[-3000:]
            raise AssertionError(f"{otherwise} after {PATIENCE_S} s\n{words}")
        time.sleep(0.3)
    return found


def answers(url, server):
    assert server.poll() is None, "make ui ended at once"
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def stop(server):
    """End webserver, daemon and code server; one that was started in the background may ignore a polite word."""
    for number, patience in ((signal.SIGINT, 20), (signal.SIGKILL, 20)):
        try:
            os.killpg(server.pid, number)
            server.wait(patience)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def is_elsewhere(url):
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:", "chrome"))
