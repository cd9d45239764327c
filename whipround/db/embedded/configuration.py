"""What the embedded PostgreSQL is told: durable, private, and sized to the machine."""

import os
import shutil
from pathlib import Path

MEGABYTE = 2**20
GIGABYTE = 2**30

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_bytes() -> int:
    """The memory that we may use: the machine's, or the container's if that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _CGROUP_LIMITS:
        try:
            return min(machine, int(limit.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return machine


def configuration(
    *, home: Path, programs: Path, sockets: Path, lz4: bool, memory: int, disk: int
) -> str:
    """The text of the configuration file, for so many bytes of memory and of disk."""
    shared = _between(32 * MEGABYTE, memory // 8, 2 * GIGABYTE)
    wal = _between(512 * MEGABYTE, disk // 20, 4 * GIGABYTE)
    settings = {
        # Only processes of this machine, through a socket in a folder of PostgreSQL's own.
        "listen_addresses": "",
        "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
        "port": "5432",
        "hba_file": str(home / "pg_hba.conf"),
        "ident_file": str(home / "pg_ident.conf"),
        "max_connections": "200",
        # Committed is committed. These are the defaults, and must not be anything else.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_buffers": _megabytes(shared),
        "effective_cache_size": _megabytes(memory // 2),
        "maintenance_work_mem": _megabytes(_between(64 * MEGABYTE, memory // 16, GIGABYTE)),
        "work_mem": _megabytes(_between(4 * MEGABYTE, memory // 1024, 32 * MEGABYTE)),
        "wal_buffers": _megabytes(min(64 * MEGABYTE, shared // 4)),
        "max_wal_size": _megabytes(wal),
        "min_wal_size": _megabytes(wal // 4),
        "wal_compression": "lz4" if lz4 else "pglz",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        # Short statements gain nothing from compilation.
        "jit": "off",
        # Balances are updated in place, over and over: vacuum early, in small bites.
        "autovacuum_naptime": "15s",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_vacuum_cost_limit": "1000",
        # A client that is gone must not go on holding locks.
        "client_connection_check_interval": "5s",
        "timezone": "UTC",
        "lc_messages": "C",
        # A week of logs, a file a day; never a row's content, which may be secret.
        "logging_collector": "on",
        "log_directory": str(home / "log"),
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_timezone": "UTC",
        "log_error_verbosity": "terse",
    }
    lines = (f"{name} = {_quoted(value)}" for name, value in settings.items())
    return (
        "# Written by Whipround at each start. Use ALTER SYSTEM for settings of your own.\n"
        f"# For {programs}\n" + "\n".join(lines) + "\n"
    )


def access(role: str) -> str:
    """The text of pg_hba.conf: the kernel says who connects, and nobody is taken at his word."""
    return f"local all {role} peer map={role}\nlocal replication {role} peer map={role}\n"


def names(role: str, account: str) -> str:
    """The text of pg_ident.conf: the account that runs PostgreSQL, and root, are the one role."""
    return f'{role} "{account}" {role}\n{role} "root" {role}\n'


def disk_bytes(folder: Path) -> int:
    """The size of the disk that a folder is on."""
    return shutil.disk_usage(folder).total


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE}MB"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
