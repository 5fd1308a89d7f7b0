"""Which approach fits a need: prompting, few-shot, structured output, RAG, fine-tuning, or preference tuning.

Read `table.py` first: it is the whole judgement. `facts.py` turns answers into what the table looks at, `choose.py`
looks it up, `verdict.py` adds reasons, plan, steps, risks and flips, `flow.py` says which question matters next.
"""
