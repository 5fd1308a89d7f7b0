"""Will it fit, how fast, and what is the best setting: shapes -> bytes and seconds. Pure functions, no torch."""
