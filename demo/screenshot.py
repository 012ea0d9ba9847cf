"""Looks at report.html as a person would: headless Chromium, `python -m demo.screenshot`.

Fails when the page says anything on the console or asks the network for anything; else it leaves a
picture of the whole page.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from dotbase.errors import DotbaseError

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 1160
LARGEST = 600_000  # bytes
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "report.html")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "demo" / "report.png"
)
@click.option("--dark", is_flag=True, help="As somebody sees it who prefers a dark screen.")
def command(report: Path, picture: Path, dark: bool) -> None:
    """Open the report in Chromium, check that it is quiet, take its picture."""
    if not report.is_file():
        raise DotbaseError(f"there is no {report}", "run `make demo` first")
    with tempfile.TemporaryDirectory(prefix="dotbase-screenshot-") as profile:
        browser = _browser(Path(profile))
        try:
            said, asked, image = _visit(browser, report.resolve().as_uri(), dark)
        finally:
            browser.quit()
    for line in said:
        click.echo(f"console: {line}", err=True)
    for line in asked:
        click.echo(f"network: {line}", err=True)
    if said or asked:
        raise DotbaseError(
            f"the page made {len(said)} console messages and {len(asked)} requests", "make it self-contained"
        )
    if len(image) > LARGEST:
        raise DotbaseError(f"the picture has {len(image):,} bytes", f"keep it below {LARGEST:,}")
    picture.write_bytes(image)
    click.echo(f"{picture.name}: {len(image):,} bytes; no console message, no network request.")


def _browser(profile: Path) -> webdriver.Chrome:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise DotbaseError(
            "chromium or chromedriver is missing", "run `apt-get install chromium chromium-driver`"
        )
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        return webdriver.Chrome(options=options, service=Service(driver))
    except WebDriverException as error:
        raise DotbaseError(
            f"Chromium does not start: {(error.msg or '').splitlines()[0]}", "try `chromium --headless=new`"
        ) from error


def _visit(browser: webdriver.Chrome, url: str, dark: bool) -> tuple[list[str], list[str], bytes]:
    """Console messages, requests other than for the page itself, and the picture."""
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    # What the browser's own first page asked for is not the report's.
    browser.get("about:blank")
    _log(browser, "performance")
    browser.get(url)
    said = [f"{entry['level']} {entry['message']}" for entry in _log(browser, "browser")]
    asked = [
        request
        for entry in _log(browser, "performance")
        if (request := _requested(json.loads(entry["message"])["message"]))
        and request != url
        and not request.startswith("data:")
    ]
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
    )
    return said, asked, _smaller(base64.b64decode(shot["data"]))


def _smaller(png: bytes) -> bytes:
    """The same picture with a palette: flat colours need no more."""
    smaller = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        palette = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(smaller, "png", optimize=True)
    return smaller.getvalue()


def _log(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """What was logged since the last time."""
    entries: list[dict[str, Any]] = browser.execute("getLog", {"type": kind})["value"]
    return entries


def _requested(event: dict[str, Any]) -> str | None:
    if event["method"] == "Network.requestWillBeSent":
        return str(event["params"]["request"]["url"])
    if event["method"] == "Network.webSocketCreated":
        return str(event["params"]["url"])
    return None


def main() -> None:
    """Run the look; a foreseeable failure is one sentence on stderr and exit code 1."""
    try:
        command.main(prog_name="demo.screenshot")
    except DotbaseError as error:
        click.echo(f"demo.screenshot: {error.sentence}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
