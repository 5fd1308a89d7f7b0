"""The libraries' chatter, turned down: the log is for what goes wrong, progress goes out as events."""

from __future__ import annotations

import logging
import os
import warnings


def quieten_imports() -> None:
    """Switch off what the libraries would say while they are imported: call it before."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    # bitsandbytes misses an optional package for faster inference on CPUs; nothing here depends on it.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def quieten() -> None:
    """Switch off progress bars and notes about future versions; warnings and errors stay."""
    quieten_imports()
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
