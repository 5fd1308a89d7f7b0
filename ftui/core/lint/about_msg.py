"""The MSG rules in words: who speaks when, with a bad and a good row each."""

from __future__ import annotations

from ftui.core.lint.examples import chat, conversation, rows, turns
from ftui.core.lint.model import Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "MSG401", "unknown-role", E, "A role that chat templates do not know.",
        "Templates write turns by role. One that they do not know is left out without a word, raises, or is written"
        " with a header that the model has never seen. Use system, user, assistant and tool; in ShareGPT rows, human"
        " and gpt.",
        turns(("User", "Hi"), ("assistant", "Hello.")), turns(("user", "Hi"), ("assistant", "Hello.")),
        "write the role in lower case, or the standard role for a known synonym", "safe",
    ),
    Rule(
        "MSG402", "missing-message-key", E, "A message has no role or no content.",
        "Trainers read role and content of every message; without one of them the row fails or is dropped.",
        rows({"messages": [{"content": "Be brief."}, {"role": "user", "content": "Hi"},
                           {"role": "assistant", "content": "Hello."}]}),
        chat("Hi", "Hello."),
    ),
    Rule(
        "MSG403", "same-role-twice", W, "Two turns of one role follow each other.",
        "Gemma, Mistral, Llama 2 and Cohere templates raise on it; others write two headers in a row, which the model"
        " never sees at inference. Usually one message was split, or a turn between them was lost.",
        turns(("user", "Hi"), ("user", "Are you there?"), ("assistant", "I am.")),
        turns(("user", "Hi\n\nAre you there?"), ("assistant", "I am.")), "join the turns with a blank line", "unsafe",
    ),
    Rule(
        "MSG404", "does-not-start-with-user", W, "The first turn after the system message is not the user's.",
        "Many templates raise on it. An answer without a question teaches the model to speak unasked; often the"
        " conversation's beginning was cut off.",
        turns(("assistant", "Welcome!"), ("user", "Hi"), ("assistant", "Hello.")), chat("Hi", "Hello."),
    ),
    Rule(
        "MSG405", "does-not-end-with-assistant", E, "The last turn is not the assistant's.",
        "Nothing after the last answer is ever trained: those turns cost tokens and teach nothing, and some trainers"
        " refuse the row. Cutting them off loses nothing.",
        chat("Hi", "Hello.", "Thanks"), chat("Hi", "Hello."), "cut off the turns after the last answer", "safe",
    ),
    Rule(
        "MSG406", "no-assistant-turn", E, "The conversation has no assistant turn.",
        "There is nothing to learn from it: no token of this row would be trained.",
        turns(("system", "Be brief."), ("user", "Hi")),
        turns(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")),
    ),
    Rule(
        "MSG407", "empty-content", E, "A turn says nothing.",
        "An empty answer teaches the model to end its turn at once; an empty question teaches it to answer nothing in"
        " particular. A turn that only calls tools may be empty.",
        chat("How are you?", "  "), chat("How are you?", "Well, thank you."),
    ),
    Rule(
        "MSG408", "several-system-messages", W, "There is more than one system message.",
        "Most templates write only the first one or raise; the others are lost.",
        turns(("system", "Be brief."), ("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello.")),
        turns(("system", "Be brief.\n\nBe kind."), ("user", "Hi"), ("assistant", "Hello.")),
        "join them into the first one", "unsafe",
    ),
    Rule(
        "MSG409", "system-not-first", W, "The system message does not come first.",
        "Templates look for it at the beginning only: later it is lost, raises, or is written as a turn of its own.",
        turns(("user", "Hi"), ("system", "Be brief."), ("assistant", "Hello.")),
        turns(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")), "move it to the front", "unsafe",
    ),
    Rule(
        "MSG410", "only-one-message", E, "The conversation has one message only.",
        "An answer without a question: the model would learn to say it to anything.",
        turns(("assistant", "Hello.")), chat("Hi", "Hello."),
    ),
    Rule(
        "MSG411", "media-count", E, "The number of image, audio or video marks differs from the number of files.",
        "Each mark in the text is replaced by one file of the row. With one too many or too few the trainer stops in"
        " the middle of an epoch.",
        chat("<image> What is it?", "A cat.", images=["a.png", "b.png"]),
        chat("<image> What is it?", "A cat.", images=["a.png"]),
    ),
    Rule(
        "MSG412", "transcript-in-a-turn", W, "One turn holds a whole conversation.",
        'Lines such as "Human:" and "Assistant:" inside a turn are turns that were never separated. The model learns'
        " to go on with the user's part by itself.",
        chat("Hi", "Hello.\n\nHuman: How are you?\n\nAssistant: Fine."), chat("Hi", "Hello.", "How are you?", "Fine."),
        "split the turn at these lines", "unsafe",
    ),
    Rule(
        "MSG413", "system-message-sometimes", W, "Few rows differ from the rest in having a system message, or none.",
        "What is rare here is rare in training: the model learns one behaviour for both. If production uses a system"
        " message, put it into every row; if not, into none.",
        rows(*[conversation(f"Case {n}?", f"Answer {n}.", system="Be brief." if n == 7 else "") for n in range(24)]),
        rows(*[conversation(f"Case {n}?", f"Answer {n}.", system="Be brief.") for n in range(24)]), cost="file",
    ),
)  # fmt: skip
