"""PostgreSQL: the pool, the embedded server, migrations, group commit, what follows a commit."""
