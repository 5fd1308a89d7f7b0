"""What training is made of."""

from __future__ import annotations

from ftui.core.decide.glossary_term import Term

MECHANICS: tuple[Term, ...] = (
    Term(
        name="loss",
        aliases=("training loss", "evaluation loss", "validation loss", "cross-entropy"),
        short="The loss is the mean negative log-probability that the model gave to the right next tokens: 0 would be "
        "certainty. Training lowers it on the training rows; the evaluation loss, on rows held out, shows "
        "whether that carries over.",
        more="Watch the two together: both falling is learning, training falling while evaluation rises is "
        "overfitting, a jump or NaN is a learning rate too high. A lower loss is not yet a better answer: that "
        "is what the evaluation set is for.",
        source="Goodfellow et al. 2016, Deep learning, chapter 5",
    ),
    Term(
        name="token",
        aliases=("tokens", "tokenizer", "context window", "context length"),
        short="A token is the piece of text that a model reads and writes, in English about three quarters of a word. "
        "Prices, speed and the length limit (the context window) all count tokens.",
        more="Each model family has its own tokenizer, so the same text has different counts; a weak language often "
        "takes two or three times as many. `ftui lint` counts with the model's own tokenizer and names the rows that "
        "are too long.",
        source="Sennrich et al. 2016, Neural machine translation of rare words with subword units, arXiv:1508.07909",
    ),
    Term(
        name="chat template",
        aliases=("prompt template", "special tokens", "system message"),
        short="A chat template turns a list of messages into the one text that the model reads, with marks for who "
        "speaks and where a turn ends. Training, evaluation and serving must all use the same one.",
        more="It comes with the model's tokenizer. A wrong one costs quality without any error message, and a turn "
        "whose end was never trained makes a model that does not stop. ftui shows the rendered rows before it trains "
        "on them.",
        source="Hugging Face Transformers, Chat templates (documentation)",
    ),
    Term(
        name="epoch",
        aliases=("epochs", "pass"),
        short="An epoch is one pass over all training rows. One to three are usual for fine-tuning: after that a "
        "small data set is learned by heart.",
        more="Steps = rows x epochs / (rows per step x gradient accumulation x GPUs). If evaluation loss rises "
        "in the second epoch, stop after the first.",
        source="OpenAI, Fine-tuning best practices (developer guide)",
    ),
    Term(
        name="learning rate",
        aliases=("lr", "step size"),
        short="The learning rate says how far the weights move at each step. Too high and the loss jumps or "
        "becomes NaN; too low and nothing is learned.",
        more="Usual starts: 1e-4 to 2e-4 for LoRA, 1e-5 to 2e-5 for full fine-tuning, 5e-6 for DPO with LoRA and "
        "5e-7 with all weights. It warms up over the first few per cent of the steps and then falls to near "
        "zero.",
        source="Schulman 2025, LoRA without regret; TRL documentation",
    ),
)
