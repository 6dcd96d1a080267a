"""`python -m apps`: the same as the console script."""

import importlib
import sys

if __name__ == "__main__":
    # The folder is installed under another package name than it has in the repository.
    sys.exit(importlib.import_module(f"{__package__}.launch").main())
