"""The terminal program: renders state, posts intents."""
