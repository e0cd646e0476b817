"""Decoding of records into columns."""
