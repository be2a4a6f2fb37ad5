"""How fast headrace is, measured beside others on the same machine in the same minutes. `make bench` runs it."""
