"""The words of the field: two sentences each, and more for those who ask."""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """short: two sentences. more: a paragraph or two. aliases: other names under which it is found."""

    name: str
    aliases: tuple[str, ...]
    short: str
    more: str
    source: str


TERMS: tuple[Term, ...] = (
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
    Term(
        name="DPO",
        aliases=(
            "direct preference optimization",
            "preference tuning",
            "preference optimization",
            "preference pairs",
            "beta",
            "sft_then_dpo",
            "dpo loss",
        ),
        short="DPO trains directly on pairs of a better and a worse answer, without a reward model and without "
        "sampling. It raises the better answer's probability against the worse one's, measured against a "
        "frozen copy of the model.",
        more="Its loss for a prompt x with chosen answer y_w and rejected answer y_l is\n"
        "  L = -log sigmoid(beta * (d(y_w) - d(y_l))),  d(y) = log p(y|x) - log p_ref(y|x)\n"
        "where p is the model in training, p_ref the frozen reference, and beta (0.1 is usual) how strongly "
        "it is held to the reference. The difference of the two d is the margin; the share of pairs with a positive "
        "margin "
        "is the accuracy that the dashboard shows. Watch the length of the answers: preference data often "
        "prefers the longer one.",
        source="Rafailov et al. 2023, arXiv:2305.18290",
    ),
    Term(
        name="KTO",
        aliases=("kahneman-tversky optimization", "thumbs", "thumbs up"),
        short="KTO trains on single answers marked good or bad, so thumbs up and down are enough. It comes close "
        "to DPO where pairs would have been there, and works with many more bad than good answers or the "
        "reverse.",
        more="Each answer is pushed up or down against the reference model, by a value function that weighs "
        "losses more than gains, as people do. Weights for good and bad answers balance unequal numbers; "
        "both kinds must be there.",
        source="Ethayarajh et al. 2024, arXiv:2402.01306",
    ),
    Term(
        name="RLHF",
        aliases=(
            "reinforcement learning from human feedback",
            "reward_rlhf",
            "ppo",
            "online rl",
            "reinforcement learning",
            "rlvr",
            "verifiable rewards",
        ),
        short="RLHF lets the model answer, scores the answers with a reward, and raises the probability of what "
        "scored well. The reward is a model trained on human comparisons, or a check that can be computed.",
        more="The classic order is SFT, then a reward model from comparisons, then PPO with a penalty (KL) for "
        "drifting from the SFT model. GRPO and RLOO do without a value network by comparing several answers "
        "to the same prompt. It can go beyond the data, costs the most, and finds every hole in the reward: "
        "read samples all the way.",
        source="Ouyang et al. 2022, arXiv:2203.02155; Shao et al. 2024, arXiv:2402.03300",
    ),
    Term(
        name="reward model",
        aliases=("reward modelling", "reward modeling", "scorer", "reward"),
        short="A reward model gives an answer one number: how good people would find it. It is trained on pairs, "
        "so that the better answer gets the higher number.",
        more="Its loss is -log sigmoid(r(chosen) - r(rejected)), the Bradley-Terry model of comparisons. It is "
        "itself only a model: optimized hard enough, the tuned model finds answers that it likes and people "
        "do not. A check that can be computed (tests pass, number agrees) is better where there is one.",
        source="Gao et al. 2022, Scaling laws for reward model overoptimization, arXiv:2210.10760",
    ),
    Term(
        name="GRPO",
        aliases=("rloo", "group relative policy optimization"),
        short="GRPO is online reinforcement learning that scores a group of answers to the same prompt and "
        "rewards those above the group's average. It needs no value network beside the model, and so much less "
        "memory than PPO.",
        more="RLOO is its close relative: each answer is compared with the mean of the others. Both learn only "
        "where the group disagrees: a prompt that the model always or never solves teaches nothing, so pick "
        "prompts of middling difficulty.",
        source="Shao et al. 2024, DeepSeekMath, arXiv:2402.03300; Ahmadian et al. 2024, arXiv:2402.14740",
    ),
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
    Term(
        name="perplexity",
        aliases=("ppl",),
        short="Perplexity says how surprised the model is by a text: at 8 it is as unsure as if it chose among 8 "
        "equally likely tokens at each step. Lower is better, and figures compare only for the same "
        "tokenizer and text.",
        more="It is exp(loss), the loss being the mean negative log-probability per token. It tells whether the "
        "model finds text like yours likely, not whether its own answers are right: a tuned model can fall "
        "in perplexity and still answer worse.",
        source="Jelinek et al. 1977; the loss in every training log",
    ),
    Term(
        name="hallucination",
        aliases=("making things up", "confabulation", "hallucinate"),
        short="A hallucination is a fluent answer that nothing supports. Training on facts that the model never saw "
        "makes it more frequent: it learns to state what it does not know.",
        more="Retrieval gives the model something to answer from, and rows whose right answer is that the passages "
        "do not say teach it to stop there. Count answers without support on the evaluation set before and "
        "after, beside the right ones.",
        source="Gekhman et al. 2024, arXiv:2405.05904",
    ),
    Term(
        name="BLEU",
        aliases=("bleu score",),
        short="BLEU counts how many word sequences of an answer occur in a reference text. It comes from "
        "translation and says little where many different answers are right.",
        more="It is the geometric mean of 1- to 4-gram precision, with a penalty for short answers, from 0 to 1 "
        "(or 100). Compare systems on the same references only, and never read it as a share of right "
        "answers.",
        source="Papineni et al. 2002, ACL P02-1040",
    ),
    Term(
        name="ROUGE",
        aliases=("rouge-l", "rouge score"),
        short="ROUGE counts how much of a reference text an answer covers. It comes from summarization: ROUGE-1 "
        "and -2 count words and word pairs, ROUGE-L the longest common sequence.",
        more="It rewards sharing words with the reference, so a faithful paraphrase scores low and a copied "
        "sentence high. Use it to notice large changes, and read samples for the rest.",
        source="Lin 2004, ACL W04-1013",
    ),
    Term(
        name="LLM as a judge",
        aliases=("llm judge", "judge", "llm-as-judge", "model as judge"),
        short="A strong model compares or grades answers by written criteria, where no exact measure exists. It "
        "agrees with people about as often as people agree with each other, and has its own preferences.",
        more="It favours the first answer, the longer one, and its own style: show each pair in both orders and "
        "count only verdicts that agree. Check it against 50 judgements of your own before trusting it.",
        source="Zheng et al. 2023, MT-Bench, arXiv:2306.05685",
    ),
    Term(
        name="evaluation set",
        aliases=("eval set", "test set", "held-out set", "evaluation", "benchmark", "collect_data"),
        short="An evaluation set is a number of real inputs with answers that you would accept, kept out of "
        "training and prompts. It is the only way to tell better from different.",
        more="Thirty show gross differences, two hundred differences of some per cent; the smaller the "
        "difference, the more rows. Score the untouched model first. If a strong model with a good prompt "
        "passes, stop there.",
        source="Dror et al. 2018, The hitchhiker's guide to testing statistical significance in NLP, ACL P18-1128",
    ),
    Term(
        name="overfitting",
        aliases=("overfit", "memorization", "early stopping"),
        short="A model overfits when it learns the rows by heart instead of the task. Training loss goes on "
        "falling while evaluation loss rises.",
        more="Fewer epochs, more varied rows, a lower rank or learning rate, and stopping at the best evaluation "
        "loss. Small data sets overfit within two or three epochs.",
        source="Goodfellow et al. 2016, Deep learning, chapter 5",
    ),
    Term(
        name="catastrophic forgetting",
        aliases=("forgetting",),
        short="A tuned model gets worse at what the training data does not exercise. The stronger the change and "
        "the narrower the data, the more it forgets.",
        more="LoRA forgets less than full fine-tuning; a low learning rate, few epochs and 5 to 20 % of general "
        "data help. Score general questions before and after: nobody notices forgetting by looking at the "
        "loss.",
        source="Luo et al. 2023, arXiv:2308.08747; Biderman et al. 2024, arXiv:2405.09673",
    ),
    Term(
        name="KL penalty",
        aliases=("kl", "kl divergence", "kullback-leibler", "reference model"),
        short="The KL penalty grows as the answers' probabilities move away from those of the model before training, "
        "the reference. It keeps preference tuning and RLHF from trading everything else for the reward.",
        more="In RLHF it is subtracted from the reward, as coefficient x KL; in DPO beta plays its part. A KL that "
        "keeps climbing while the reward rises is the usual sign of reward hacking: read samples.",
        source="Ouyang et al. 2022, arXiv:2203.02155",
    ),
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
