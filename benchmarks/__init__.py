"""Measurements side by side with peers, run by `python3 dev.py bench NAME`; no tests here."""
