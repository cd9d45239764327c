"""The outside parties: each a protocol, live adapters and a sandbox one."""
