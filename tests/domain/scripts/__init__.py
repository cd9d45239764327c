"""Tests of payment scripts: no database, and nobody asked."""
