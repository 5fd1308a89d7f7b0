"""The training stack. Entered only as a subprocess; meets the rest on disk, through core.events and core.plan."""
