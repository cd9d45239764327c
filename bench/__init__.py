"""What is shown and measured from outside: `python -m bench.demo` and `python -m bench`."""
