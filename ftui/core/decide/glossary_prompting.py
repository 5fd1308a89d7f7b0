"""What can be had without training, or instead of some of it."""

from __future__ import annotations

from ftui.core.decide.glossary_term import Term

PROMPTING: tuple[Term, ...] = (
    Term(
        name="prompt engineering",
        aliases=("prompting", "prompt", "system prompt"),
        short="Prompt engineering changes what the model is told instead of what it is. It costs an hour, can be "
        "undone at once, and is the figure that everything else has to beat.",
        more="Say the task, what makes an answer good, what to do when unsure, and the form wanted; then change "
        "one thing at a time against the most frequent failure and score on an evaluation set.",
        source="Schulhoff et al. 2024, The prompt report, arXiv:2406.06608",
    ),
    Term(
        name="few-shot",
        aliases=("few-shot prompting", "in-context learning", "examples in the prompt", "few shot"),
        short="Few-shot prompting puts a handful of worked examples into the prompt. The model picks up task and "
        "form from them without any training.",
        more="Three to eight are usual; borderline cases teach most. With many examples, look up the ones "
        "nearest to each input. Examples cost tokens at each request, which is one reason to train later.",
        source="Brown et al. 2020, arXiv:2005.14165",
    ),
    Term(
        name="structured output",
        aliases=("json mode", "json schema", "constrained decoding", "guided decoding", "grammar"),
        short="Structured output forces the answer into a JSON Schema or grammar while it is being written. "
        "Tokens that would break the form cannot be chosen, so every finished answer parses.",
        more="Hosted models take the schema with the request; vLLM, llama.cpp and Ollama do the same for open "
        "models. It guarantees form, not truth, and an answer cut off by the token limit is still broken. "
        "JSON mode without a schema guarantees only that it is JSON.",
        source="Willard and Louf 2023, arXiv:2307.09702",
    ),
    Term(
        name="RAG",
        aliases=(
            "retrieval",
            "retrieval-augmented generation",
            "retrieval augmented generation",
            "vector search",
            "reranker",
            "bm25",
            "passages",
        ),
        short="RAG searches your documents for the question and puts the best passages into the prompt. The facts "
        "stay outside the model, so they can be changed, cited and withheld.",
        more="Two things can fail: search (the passage is not among the first) and reading (it is there and is "
        "not used). Measure them apart. Keyword and embedding search together, then a reranker, find more "
        "than either alone. Training helps with reading only.",
        source="Lewis et al. 2020, arXiv:2005.11401",
    ),
    Term(
        name="distillation",
        aliases=("knowledge distillation", "prompt distillation", "teacher", "student", "context distillation"),
        short="Distillation trains a small model on the answers of a large one, or on the answers of the same "
        "model with a long prompt. The small model then gives the same behaviour faster, cheaper, and from "
        "a short prompt.",
        more="Let the teacher answer 500 to 5,000 real inputs, filter what fails your checks, and train the "
        "student (SFT) on input and answer without the long prompt. It copies mistakes too, and some "
        "providers forbid training on their models' answers.",
        source="Hsieh et al. 2023, arXiv:2305.02301; Snell et al. 2022, arXiv:2209.15189",
    ),
)
