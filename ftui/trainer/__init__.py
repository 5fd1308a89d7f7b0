"""The training stack. Entered only as a subprocess; meets everything else on disk, through core.events and core.plan."""
