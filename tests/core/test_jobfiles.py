import argparse
import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ftui.core.jobfiles import job_file, skypilot, slurm
from ftui.core.plan import from_mapping, with_values
from ftui.errors import FtuiError


def plan(gpus: int = 1, sharding: str = "none", name: str = "My ticket run!"):  # type: ignore[no-untyped-def]
    return with_values(from_mapping({}), {"train.gpus": gpus, "train.sharding": sharding, "run.name": name})


@pytest.mark.parametrize(("gpus", "nodes", "per_node"), [(1, 1, 1), (8, 1, 8), (16, 2, 8), (32, 4, 8)])
def test_slurm_asks_for_what_the_plan_needs(gpus: int, nodes: int, per_node: int, tmp_path: Path) -> None:
    script = slurm(plan(gpus, "ddp" if gpus > 1 else "none"), "it's/plan file.yaml")
    assert f"#SBATCH --nodes={nodes}\n" in script and f"#SBATCH --gpus-per-node={per_node}\n" in script
    assert "#SBATCH --job-name=my-ticket-run\n" in script
    assert ("torch.distributed.run" in script) == (nodes > 1)
    file = tmp_path / "job.sh"
    file.write_text(script)
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", str(file)], capture_output=True, check=False).returncode == 0
    # The plan's path arrives as one word, whatever is in it.
    line = next(line for line in script.splitlines() if line.startswith("plan="))
    shown = subprocess.run([bash, "-c", f'{line}; printf %s "$plan"'], capture_output=True, text=True, check=True)
    assert shown.stdout == "it's/plan file.yaml"


def test_sharding_reaches_every_node() -> None:
    assert "ACCELERATE_USE_FSDP=true" in slurm(plan(16, "fsdp"), "p.yaml")
    assert "ZERO_STAGE=3" in slurm(plan(16, "zero3"), "p.yaml")


def test_skypilot_is_a_task_that_survives_preemption() -> None:
    task = yaml.safe_load(skypilot(plan(4, "ddp"), "runs/plan.yaml"))
    assert task["resources"]["accelerators"] == "H100:4" and task["resources"]["use_spot"] is True
    assert task["envs"]["PLAN"] == "runs/plan.yaml" and task["envs"]["FTUI_HOME"] in task["file_mounts"]
    assert "--resume" in task["run"]


def test_every_command_of_a_job_file_exists_with_its_options() -> None:
    files = [slurm(plan(16, "fsdp"), "p.yaml"), slurm(plan(), "p.yaml"), skypilot(plan(4, "ddp"), "p.yaml")]
    found = re.findall(r"ftui (train|runs|watch|doctor)\b([^|>;\n]*)", "\n".join(files))
    assert {command for command, _ in found} == {"train", "runs", "watch", "doctor"}
    for command, rest in found:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"ftui.commands.{command}").configure(parser)
        known = parser.format_help()
        for option in re.findall(r"--[a-z]+", rest):
            assert option in known, f"ftui {command}{rest}"


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(FtuiError, match="No such job file"):
        job_file(plan(), "lsf", "p.yaml")
    with pytest.raises(FtuiError, match="do not fill"):
        slurm(plan(12, "ddp"), "p.yaml")
    with pytest.raises(FtuiError, match="one node"):
        skypilot(plan(16, "ddp"), "p.yaml")
    assert job_file(plan(), "slurm", "p.yaml").startswith("#!/bin/bash\n")
