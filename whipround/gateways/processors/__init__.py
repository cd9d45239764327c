"""What charges cards and pays to banks: a protocol, a live adapter and a sandbox one."""
