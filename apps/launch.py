"""Start the apps: `streamlit run` on the entry file that lies next to this one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENTRY = Path(__file__).resolve().parent / "streamlit_app.py"
SERVE = ENTRY.with_name("serve.py")
INSTALL = 'the apps need Streamlit; run: pip install "privfunnel-fsmi[apps]"'


def command(arguments: Sequence[str]) -> list[str]:
    """The command line that serves the pages; `arguments` go to `streamlit run`."""
    options = [] if any(a.startswith("--server.headless") for a in arguments) else ["false"]
    headless = [f"--server.headless={value}" for value in options]
    return [sys.executable, str(SERVE), str(ENTRY), *headless, *arguments]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the pages on this machine until interrupted; return the exit code."""
    if importlib.util.find_spec("streamlit") is None:
        sys.stderr.write(INSTALL + "\n")
        return 2
    rest = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return subprocess.run(command(rest), check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
