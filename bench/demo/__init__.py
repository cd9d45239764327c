"""A story, played over HTTP against a fresh sandbox server: `make demo`."""
