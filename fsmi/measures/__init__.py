"""Measures of the information in one beam, one family a module."""
