"""Facts of models and GPUs, with their sources. Data files beside this one; read once, on first use."""
