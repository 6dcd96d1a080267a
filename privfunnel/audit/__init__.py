"""Audits: what a table tells about a sensitive column, and reports of it."""
