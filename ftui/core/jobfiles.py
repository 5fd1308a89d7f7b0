"""Job files for clusters and clouds: a plan as a Slurm batch script or a SkyPilot task. Text in, text out.

The job keeps ftui's promises: a preempted job saves a checkpoint and goes on when it is started again, and the run's
folder lies where a login node can `ftui watch` it. More GPUs than one node has are started by torchrun's rendezvous.
"""

from __future__ import annotations

import json
import re
import shlex

from ftui.core.plan import Plan
from ftui.errors import FtuiError

GPUS_PER_NODE = 8
CPUS_PER_GPU = 8
MEMORY_GIB_PER_GPU = 64
NOTICE_SECONDS = 180
"""How long before its end a Slurm job is told: room for a last checkpoint."""
RENDEZVOUS_PORT = 29500


def job_file(plan: Plan, kind: str, plan_path: str) -> str:
    """The job file that trains the plan at `plan_path`. kind: slurm or skypilot. Raises FtuiError for another kind."""
    if kind == "slurm":
        return slurm(plan, plan_path)
    if kind == "skypilot":
        return skypilot(plan, plan_path)
    raise FtuiError("No such job file", kind, "Known are slurm and skypilot.")


def slurm(plan: Plan, plan_path: str, gpus_per_node: int = GPUS_PER_NODE) -> str:
    """A batch script for `sbatch`. Partition, account and time limit are the site's: edit the lines marked so."""
    nodes, per_node = _nodes(plan, gpus_per_node)
    name = _slug(plan)
    head = f"""#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={per_node}
#SBATCH --cpus-per-task={CPUS_PER_GPU * per_node}
#SBATCH --mem={MEMORY_GIB_PER_GPU * per_node}G
#SBATCH --time=24:00:00                  # edit: your site's limit
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@{NOTICE_SECONDS}          # time for a last checkpoint before the limit
##SBATCH --partition=gpu                 # edit: your site's names
##SBATCH --account=project

set -euo pipefail
# A folder that the login node sees too: `FTUI_HOME=... ftui watch` works from there.
export FTUI_HOME="${{FTUI_HOME:-$SLURM_SUBMIT_DIR/.ftui}}"
plan={shlex.quote(plan_path)}
note="$SLURM_SUBMIT_DIR/.ftui-run-$SLURM_JOB_ID"     # which run this job is; a requeued job finds it again
"""
    return head + (_one_node() if nodes == 1 else _several_nodes(plan, nodes, per_node))


def skypilot(plan: Plan, plan_path: str, gpu: str = "H100", gpus_per_node: int = GPUS_PER_NODE) -> str:
    """A task for `sky jobs launch`: on a spot machine it goes on after every preemption."""
    nodes, per_node = _nodes(plan, gpus_per_node)
    if nodes > 1:
        raise FtuiError(
            "SkyPilot tasks are written for one node",
            f"train.gpus is {plan.train.gpus}, a node has {gpus_per_node}",
            "Use --emit slurm, or fewer GPUs.",
        )
    name = _slug(plan)
    return f"""# sky jobs launch THIS_FILE
name: {name}
resources:
  accelerators: {gpu}:{per_node}   # edit: any GPU that `ftui fit` says is large enough
  use_spot: true
  disk_size: 256
workdir: .                 # the plan, its data and its model (or a hub id) are in here
file_mounts:
  /ftui:                   # runs live here, so that a new machine finds the last checkpoint
    name: {name}-runs
    mode: MOUNT
envs:
  FTUI_HOME: /ftui
  PLAN: {json.dumps(plan_path)}
setup: |
  pip install --quiet 'ftui-wizard[train]'
  ftui doctor
run: |
  set -euo pipefail
  if [ -s /ftui/run ]; then
    ftui train --resume "$(cat /ftui/run)" --json > /dev/null
  else
    ftui train "$PLAN" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])' > /ftui/run
  fi
  ftui watch "$(cat /ftui/run)" --plain
"""


def _one_node() -> str:
    return """
if [ -s "$note" ]; then
    ftui train --resume "$(cat "$note")" --json > /dev/null
else
    ftui train "$plan" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])' > "$note"
fi
run="$(cat "$note")"

stopped=""
stop() {
    stopped=yes
    ftui runs stop "$run"
}
trap stop TERM
ftui watch "$run" --plain &
watcher=$!
wait "$watcher" || true
if [ -n "$stopped" ]; then
    wait "$watcher" || true            # until the checkpoint is whole
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
ftui runs show "$run"
"""


_SHARDING = {
    "fsdp": (
        "ACCELERATE_USE_FSDP=true FSDP_VERSION=2 FSDP_RESHARD_AFTER_FORWARD=true",
        "FSDP_AUTO_WRAP_POLICY=TRANSFORMER_BASED_WRAP FSDP_USE_ORIG_PARAMS=true",
        # One process of a node reads the weights, the others get their parts from it.
        "FSDP_CPU_RAM_EFFICIENT_LOADING=true FSDP_SYNC_MODULE_STATES=true",
    ),
    "zero2": ("ACCELERATE_USE_DEEPSPEED=true ACCELERATE_DEEPSPEED_ZERO_STAGE=2",),
    "zero3": ("ACCELERATE_USE_DEEPSPEED=true ACCELERATE_DEEPSPEED_ZERO_STAGE=3",),
}
"""What `accelerate launch` would tell its processes (core/launcher.py), for processes that torchrun starts."""


def _several_nodes(plan: Plan, nodes: int, per_node: int) -> str:
    exported = "".join(f"export {line}\n" for line in _SHARDING.get(plan.train.sharding, ()))
    return f"""
# The run's folder and its rows are made once, before any process starts.
if [ ! -s "$note" ]; then
    ftui train "$plan" --prepare --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["path"])' > "$note"
fi
folder="$(cat "$note")"
head_node="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
{exported}
stopped=""
trap 'stopped=yes; kill -TERM "$step"' TERM
srun --kill-on-bad-exit=1 python -P -m torch.distributed.run \\
    --nnodes={nodes} --nproc-per-node={per_node} --max-restarts=0 \\
    --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$head_node:{RENDEZVOUS_PORT}" \\
    -m ftui.trainer "$folder" >> "$folder/logs/trainer.log" 2>&1 &
step=$!
code=0
wait "$step" || code=$?
if [ -n "$stopped" ]; then
    wait "$step" || true               # until the checkpoint is whole
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
if [ "$code" -ne 0 ]; then
    tail -n 50 "$folder/logs/trainer.log"
fi
ftui runs show "$(basename "$folder")"
exit "$code"
"""


def _nodes(plan: Plan, gpus_per_node: int) -> tuple[int, int]:
    """How many nodes, and how many GPUs on each. Raises FtuiError where they do not share evenly."""
    gpus = plan.train.gpus
    if gpus <= gpus_per_node:
        return 1, gpus
    if gpus % gpus_per_node:
        raise FtuiError(
            "The GPUs do not fill the nodes",
            f"train.gpus is {gpus}, and a node has {gpus_per_node}",
            f"Use a multiple of {gpus_per_node}.",
        )
    return gpus // gpus_per_node, gpus_per_node


def _slug(plan: Plan) -> str:
    return re.sub(r"[^a-z0-9]+", "-", plan.run.name.lower()).strip("-") or "ftui"
