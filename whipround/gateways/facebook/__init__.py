"""Facebook: who somebody is that logs in with it."""
