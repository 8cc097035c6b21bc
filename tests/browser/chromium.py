"""Where the browser of the tests comes from: the system, else its package, else Playwright's download."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.patience import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def starts(executable: str) -> bool:
    """Whether the file is a browser that runs here; Ubuntu's `chromium-browser` may only hint at a snap."""
    try:
        return subprocess.run([executable, "--version"], capture_output=True, timeout=PATIENCE).returncode == 0
    except OSError:
        return False


def find() -> str | None:
    """The path of a Chromium that runs, or None."""
    for name in NAMES:
        if (path := shutil.which(name)) and starts(path):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() and starts(path) else None


def install() -> None:
    """Try the distribution's package when root, then Playwright's download."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update"])
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
        if find():
            return
    with_system_libraries = ["--with-deps"] if is_root else []
    subprocess.run([sys.executable, "-m", "playwright", "install", *with_system_libraries, "chromium"])


def main() -> int:
    if not find():
        print("The browser tests need Chromium and found none: installing it.", flush=True)
        install()
    if find():
        return 0
    print(
        f"The browser tests need Chromium: none of {', '.join(NAMES)} is on PATH, and neither the system's "
        "package manager nor Playwright could install one.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
