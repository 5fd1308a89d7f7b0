"""ftui: from "should I fine-tune at all?" to a tuned model with proof that it is better, in a terminal."""

__version__ = "0.1.0"
