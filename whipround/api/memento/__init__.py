"""The Memento dialect, under /v1."""
