"""Measure what a release tells about a sensitive column, and train releases that tell less."""
