"""The dataset linter: rules as data, one module per rule family, and the engine that applies them to rows."""
