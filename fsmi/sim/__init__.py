"""Simulated worlds, sensors and closed loops."""
