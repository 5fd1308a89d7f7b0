"""Learning from judgements instead of examples."""

from __future__ import annotations

from ftui.core.decide.glossary_term import Term

PREFERENCES: tuple[Term, ...] = (
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
)
