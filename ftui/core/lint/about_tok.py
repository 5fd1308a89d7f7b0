"""The TOK rules in words: what each is about, with a bad and a good row. They need a model's tokenizer and template."""

from __future__ import annotations

from ftui.core.lint.examples import chat, conversation, rows, turns
from ftui.core.lint.model import Rule, Severity

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741  (the table's own letters)

_LONG = "word " * 70
_GOOD = chat("Where is it?", "It is here.")

RULES: tuple[Rule, ...] = (
    Rule(
        "TOK501", "nothing-trained", E, "No token of the row would be trained.",
        "There is no answer, or every answer has weight 0: the row costs time and teaches nothing. Some trainers"
        " stop at"
        " such a row, others report a loss of 0 or NaN.",
        rows({"messages": [{"role": "user", "content": "Hi"},
                           {"role": "assistant", "content": "Hello.", "weight": 0}]}),
        _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK502", "longer-than-limit", W, "The row is longer than max_length.",
        "A trainer that cuts at the limit cuts the end of the answer, and its end-of-turn with it: the model learns to"
        " stop in the middle. ftui keeps the answer and shortens the prompt, or leaves the row out, as the plan says."
        " A plain text is trained in pieces instead: there this is a note.",
        chat("Where is it?", _LONG), _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK503", "answer-beyond-limit", E, "The prompt alone fills max_length: the whole answer would be cut.",
        "Then no token is trained, the loss is 0 or NaN, and the run still counts as successful (trl issue 6668). ftui"
        " shortens the prompt or leaves the row out. The fix drops the row.",
        chat(_LONG, "It is here."), _GOOD, "drop the row", "unsafe", "tokenizer",
    ),
    Rule(
        "TOK504", "end-of-turn-not-trained", E, "The end of an answer is never trained.",
        "Neither the chat template nor the tokenizer ends an answer: the model never learns to stop and goes on"
        " until the"
        " token limit. Where only the template lacks it, ftui adds the end-of-text token and trains it: that is an"
        " info.",
        _GOOD, "a model whose template writes <|im_end|>, <|eot_id|> or </s> after an answer", cost="tokenizer",
    ),
    Rule(
        "TOK505", "pad-is-eos", W, "The padding token is the end-of-text token.",
        "A collator that masks padding by its id masks every end-of-text with it, and the model does not learn to stop."
        " ftui masks by position, so its runs are safe: there it is only an info.",
        _GOOD, "a tokenizer with a padding token of its own", cost="tokenizer",
    ),
    Rule(
        "TOK506", "template-refuses", E, "The chat template refuses this row.",
        "Its own words are in the message. The row cannot be trained with this model until it is changed, or another"
        " template is used.",
        turns(("user", "Where?"), ("user", "Well?"), ("assistant", "Here.")), _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK507", "no-system-role", W, "The chat template cannot write a system message.",
        "It raises, or leaves the text out. ftui puts it in front of the first user turn, in training as in chat and"
        " evaluation. Other programs that use the model may not.",
        chat("Where is it?", "It is here.", system="Be brief."), _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK508", "no-generation-markers", E, "The chat template has no {% generation %} markers.",
        "TRL's assistant_only_loss needs them, and stops without. ftui finds the answers by rendering prefixes instead:"
        " for its own runs this is only an info.",
        _GOOD, "a template with {% generation %}, such as TRL's training templates", cost="tokenizer",
    ),
    Rule(
        "TOK509", "markers-miss-answer", E, "The template's generation markers miss an answer of this row.",
        "A trainer that trusts them would not train it. ftui marks the answer by itself.",
        _GOOD, _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK510", "begin-of-text-twice", W, "The text already carries the begin-of-text token.",
        "The tokenizer or the template adds it again, and training with two of them costs quality at inference, where"
        " there is one. ftui leaves one out.",
        rows({"text": "<s>It is here."}), rows({"text": "It is here."}), "take the token off the text's beginning",
        "safe",
        "tokenizer",
    ),
    Rule(
        "TOK511", "token-across-boundary", W, "One token holds the prompt's end and the answer's beginning.",
        "At inference the prompt ends before that token, so the model sees another sequence than in training. End the"
        " prompt with a line break or a colon, and begin the answer with a space or a new line.",
        rows({"prompt": "Say: th", "completion": "e end of it"}),
        rows({"prompt": "Say:", "completion": " the end of it"}),
        cost="tokenizer",
    ),
    Rule(
        "TOK512", "template-drops-content", W, "The chat template leaves something out that the rows hold.",
        "Reasoning of earlier turns, tool calls, a changed text: what is not rendered is not learned. Some templates do"
        " so on purpose (Qwen3 drops earlier reasoning, as at inference).",
        rows({"messages": [{"role": "user", "content": "Where?"},
                           {"role": "assistant", "content": "Here.", "reasoning_content": "Let me look."}]}),
        _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK513", "template-adds-text", I, "The chat template adds text of its own: a system prompt or a date.",
        "Rows without a system message get the template's. It is trained with, so keep it at inference; a date makes"
        " today's training differ from tomorrow's.",
        _GOOD, "rows with a system message of their own", cost="tokenizer",
    ),
    Rule(
        "TOK514", "unknown-tokens", W, "Much of the row is unknown to the tokenizer.",
        "Unknown tokens, or characters that fall apart into bytes: the text is in a script that the model was hardly"
        " trained on.",
        chat("Where?", "日本語の文章です。"), _GOOD, cost="tokenizer",
    ),
    Rule(
        "TOK515", "padding-waste", I, "Rows differ much in length: padding wastes compute.",
        "In a batch all rows are filled up to the longest. Packing several rows into one sequence, or grouping rows by"
        " length, saves the share that is named.",
        rows(*[conversation("Where?", "word " * (200 if n % 8 == 0 else 3)) for n in range(64)]),
        rows(*[conversation("Where?", "word " * 20) for _ in range(64)]), cost="tokenizer",
    ),
    Rule(
        "TOK516", "many-tokens-per-character", I, "The tokenizer needs many tokens for this text.",
        "More than one token for every two characters: the language or the notation is poorly covered. Training and"
        " generation take longer, and the context holds less.",
        rows(*[conversation("Где?", "Это находится здесь, рядом с домом.") for n in range(60)]), _GOOD,
        cost="tokenizer",
    ),
    Rule(
        "TOK517", "limit-above-context", E, "max_length is above the model's context.",
        "Positions beyond it were never trained: the model breaks down there, or the run stops.",
        _GOOD, "a max_length within the model's context", cost="tokenizer",
    ),
    Rule(
        "TOK518", "another-models-template", W, "The text rows are written in another model's template.",
        "Alpaca headings or [INST] in a text are plain words to this model, not turns. Train on messages instead, so"
        " that"
        " the model's own template is used.",
        rows({"text": "[INST] Where is it? [/INST] It is here."}), rows({"text": "It is here."}), cost="tokenizer",
    ),
    Rule(
        "TOK519", "space-at-boundary", W, "The prompt ends with a space.",
        "Most tokenizers put a space in front of a word into the word's token. With the space on the prompt's side the"
        " answer begins with a token that is rare after a prompt. The fix moves it to the answer.",
        rows({"prompt": "Where is it? Answer: ", "completion": "It is here."}),
        rows({"prompt": "Where is it? Answer:", "completion": " It is here."}), "move the space to the answer",
        "unsafe",
    ),
    Rule(
        "TOK520", "empty-thinking", I, "The template puts an empty thinking block before answers without reasoning.",
        "A trainer that takes everything after the header for the answer trains the empty block, and the model"
        " forgets to"
        " think. ftui does not train it. Generate with enable_thinking=False after training on such rows.",
        _GOOD, "rows with reasoning, or a template without thinking", cost="tokenizer",
    ),
)  # fmt: skip
