"""Estimators of mutual information, one family a module."""
