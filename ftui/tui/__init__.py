"""The terminal program. Renders state and posts intents; the work is done by services and sub-commands."""

import os

if os.environ.get("SSH_CONNECTION"):
    # Textual reads these when it is imported: over a line that may be bad, fewer frames and no animation.
    os.environ.setdefault("TEXTUAL_FPS", "15")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
