"""What needs an outside party: commit, call, commit."""
