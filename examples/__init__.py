"""Scripts that show one idea each; `python3 dev.py demo` runs `examples.demo`."""
