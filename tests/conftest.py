"""Configuration that all tests share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("stream_rnn", deadline=None)  # the first example may compile
settings.load_profile("stream_rnn")
