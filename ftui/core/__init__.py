"""Pure: standard library only, no I/O but package data. Everything here is a table or a function."""
