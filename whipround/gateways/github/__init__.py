"""GitHub: what is to be known about its repositories, issues and people."""
