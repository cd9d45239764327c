"""The bundled PostgreSQL: no database to install, and nothing between a crash and the next start.

Everything that uses one data folder (a server, a worker, a command) uses one PostgreSQL. Whoever
comes first starts it, everybody watches it and starts it again when it dies, the last one out stops
it. What is so is told by file locks, which the kernel lets go whatever way a process ends:

* `start.lock` is held by whoever is starting or stopping PostgreSQL, for that moment;
* `using.lock` is held, shared, by every process that uses it;
* `alive.lock` is inherited by PostgreSQL and all its processes: free means that none is left, so
  that no number in a stale `postmaster.pid` has to be believed;
* `serve.lock` is held by the one `whipround serve` of the folder.
"""

from whipround.db.embedded.binaries import tool
from whipround.db.embedded.cluster import has_cluster
from whipround.db.embedded.errors import AlreadyServed, EmbeddedError
from whipround.db.embedded.server import EmbeddedPostgres

__all__ = ["AlreadyServed", "EmbeddedError", "EmbeddedPostgres", "has_cluster", "tool"]
