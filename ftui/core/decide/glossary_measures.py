"""Telling whether it worked, and what goes wrong."""

from __future__ import annotations

from ftui.core.decide.glossary_term import Term

MEASURES: tuple[Term, ...] = (
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
)
