"""The wheel holds every file that the apps read, and works without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folder of the repository -> its name in the wheel.
PACKAGES = {
    "privfunnel": "privfunnel", "fsmi": "fsmi", "apps": "privfunnel_fsmi_apps",
    "data": "privfunnel_fsmi_data",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of these sources, built away from them: the checkout's own leftovers stay out."""
    folder = tmp_path_factory.mktemp("wheel")
    litter = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=litter)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    line = [sys.executable, "-c", "import setuptools; setuptools.setup()", "-q", "bdist_wheel"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_what_the_apps_read(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"{shipped}/{path.relative_to(ROOT / name).as_posix()}"
        for name, shipped in PACKAGES.items()
        for path in (ROOT / name).rglob("*")
        if path.suffix in (".py", ".svg", ".toml", ".csv", ".html", ".json", ".typed")
        and "__pycache__" not in path.parts
    }
    assert {"privfunnel_fsmi_apps/.streamlit/config.toml", "privfunnel_fsmi_apps/icon.svg",
            "privfunnel_fsmi_data/anes96.csv"} <= wanted  # fmt: skip
    assert not wanted - names, sorted(wanted - names)


def test_an_installed_page_finds_its_table(wheel: Path, tmp_path: Path) -> None:
    place, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(place)
    program = (
        "import privfunnel, fsmi, privfunnel_fsmi_apps.launch as launch\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file(str(launch.ENTRY), default_timeout=120).run()\n"
        "app.switch_page('privacy_funnel.py')\n"
        "app.session_state['step'] = 'Release'\n"
        "app.run()\n"
        "assert not app.exception, app.exception\n"
        "print(*(str(m.__file__) for m in (privfunnel, fsmi, launch)), sep='\\n')\n"
        "print(app.title[0].value, app.selectbox(key='sensitive').value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=empty, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(place)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *modules, shown = done.stdout.splitlines()
    assert all(str(place) in module for module in modules), modules
    assert shown == "Privacy funnel vote"
