"""Loops: which poll, which sleep between two looks, which never wait."""
