"""How models come to be and are tuned."""

from __future__ import annotations

from ftui.core.decide.glossary_term import Term

TUNING: tuple[Term, ...] = (
    Term(
        name="three stages",
        aliases=("stages", "stages of a model", "pretraining sft rlhf", "life of a model"),
        short="A model is first pretrained to continue text, then tuned on demonstrations (SFT), then tuned on "
        "judgements (RLHF, DPO). Knowledge comes almost all from the first stage, manners from the second, "
        "and taste from the third.",
        more="Pretraining reads trillions of tokens and takes months on thousands of GPUs. SFT takes thousands "
        "of demonstrations and hours. Preference tuning takes thousands of comparisons and hours. What you "
        "do with ftui is the second and the third stage once more, on a model that has been through all of "
        "them: that is why it changes behaviour well and teaches facts badly.",
        source="Ouyang et al. 2022, InstructGPT, arXiv:2203.02155",
    ),
    Term(
        name="pretraining",
        aliases=("base model", "foundation model", "continued pretraining", "pre-training"),
        short="Pretraining teaches a model to predict the next token on a very large amount of text. The result, "
        "a base model, knows a lot and continues any text, but does not answer questions as such.",
        more="Continued pretraining is the same on text of one language or field, with millions of tokens and "
        "more, and comes before SFT where the field is foreign to the model. It is not the same as "
        "fine-tuning on question-answer pairs, and needs far more data.",
        source="Gururangan et al. 2020, Don't stop pretraining, arXiv:2004.10964",
    ),
    Term(
        name="fine-tuning",
        aliases=("finetuning", "tuning", "fine tuning"),
        short="Fine-tuning trains a pretrained model a little further on examples of the behaviour that you want. "
        "It changes how the model answers (voice, form, skill at one task) much more than what it knows.",
        more="It pays where a behaviour can be shown in hundreds of examples but is hard to describe in a "
        "prompt, or where the prompt that describes it is too long. It does not pay for facts that can be "
        "looked up. Every later change is another run, so keep data, plan and evaluation set together.",
        source="OpenAI, Optimizing LLM accuracy (developer guide)",
    ),
    Term(
        name="SFT",
        aliases=("supervised fine-tuning", "supervised finetuning", "instruction tuning", "instruct model"),
        short="Supervised fine-tuning trains the model to give the answer in each example, token by token. The "
        "loss is counted on the answer only, so that the model learns to answer and not to ask.",
        more="One row is a conversation that ends with the wanted answer. For each answer token the loss is the "
        "negative log of the probability that the model gave to it; the average is what the loss curve "
        "shows. One to three epochs are usual; more and the rows are learned by heart.",
        source="Ouyang et al. 2022, arXiv:2203.02155",
    ),
    Term(
        name="feature extraction",
        aliases=("frozen features", "embeddings", "linear probe", "classifier head"),
        short="Feature extraction leaves the model as it is, takes its vectors (embeddings), and trains a small "
        "classifier on them. Fine-tuning changes the model itself, which costs more and can do more than "
        "choose between classes.",
        more="For sorting text into fixed classes try it first: an embedding model and a logistic regression "
        "train in seconds on a CPU, need some hundred rows, and are the figure to beat. It cannot generate "
        "text, and it cannot see what the embedding left out.",
        source="Peters et al. 2019, To tune or not to tune?, arXiv:1903.05987",
    ),
    Term(
        name="full fine-tuning",
        aliases=("full finetuning", "full tuning", "all weights"),
        short="Full fine-tuning trains every weight of the model. It has the highest ceiling, needs by far the "
        "most memory, and forgets the most.",
        more="With AdamW in mixed precision it takes about 16 bytes a weight before activations: 2 for the "
        "weight, 2 for the gradient, 12 for a master copy and two moments in 32 bits. An 8B model needs "
        "some 130 GB. It is right for broad changes (a language) with ten thousand good rows and more; for "
        "one task LoRA comes as far.",
        source="Biderman et al. 2024, LoRA learns less and forgets less, arXiv:2405.09673",
    ),
    Term(
        name="LoRA",
        aliases=(
            "low-rank adaptation",
            "adapter",
            "peft",
            "low rank adaptation",
            "rank",
            "lora rank",
            "alpha",
            "merging",
            "merge",
        ),
        short="LoRA freezes the model and trains two thin matrices beside each weight matrix: W' = W + BA. Under "
        "1 % to a few % of the weights are trained, so one GPU is enough, and the result is a file of some "
        "megabytes.",
        more="For a weight W of d x k, B is d x r and A is r x k, with the rank r from 8 to 64; the product is "
        "scaled by alpha / r. B starts at zero, so training starts from the unchanged model. After training "
        "BA can be added into W (merged), and inference costs nothing extra; or it stays apart, and one "
        "base model serves many adapters. It wants about ten times the learning rate of full fine-tuning.",
        source="Hu et al. 2021, LoRA, arXiv:2106.09685",
    ),
    Term(
        name="QLoRA",
        aliases=("quantized lora", "4-bit lora", "nf4", "4-bit", "quantization", "double quantization"),
        short="QLoRA is LoRA over a model whose frozen weights are kept in 4 bits. They take less than a third of the "
        "memory that they take in 16 bits; the quality comes close to LoRA's, and each step is slower.",
        more="The weights are stored as NF4 (a 4-bit code with levels spaced as normally distributed weights "
        "are), in blocks of 64 with a scale each, and the scales are quantized again (double quantization). "
        "Each layer is turned back into 16 bits for its own computation. Merge into the 16-bit model, not "
        "into the 4-bit one.",
        source="Dettmers et al. 2023, QLoRA, arXiv:2305.14314",
    ),
)
