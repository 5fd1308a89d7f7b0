"""The catalogue of GPUs: names as people write them, cards that share a name, what is not known."""

import pytest

from ftui.core.catalog.gpus import all_gpus, find_gpu, gpu_named, plain_gpu
from ftui.errors import FtuiError

GIB = 2**30


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("rtx4090", "NVIDIA GeForce RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
        ("4090 laptop", "NVIDIA GeForce RTX 4090 Laptop GPU"),
        ("T4", "Tesla T4"),
        ("A100-80GB", "NVIDIA A100-SXM4-80GB"),
        ("A100 40GB", "NVIDIA A100-SXM4-40GB"),
        ("H100", "NVIDIA H100 80GB HBM3"),
        ("RTX A6000", "NVIDIA RTX A6000"),
        ("RTX 6000 Ada", "NVIDIA RTX 6000 Ada Generation"),
        ("MI300X", "AMD Instinct MI300X"),
    ],
)
def test_names_as_people_write_them(said, meant):
    assert gpu_named(said).name == meant


def test_cards_that_share_a_name_are_told_apart_by_memory():
    assert find_gpu("RTX 4060 Ti").total_bytes < 9 * GIB
    assert find_gpu("RTX 4060 Ti", 16 * GIB).total_bytes > 15 * GIB
    assert find_gpu("RTX 3080 12GB").total_bytes == 12 * GIB


def test_cuda_offers_less_than_nvml_names():
    for gpu in all_gpus():
        assert 0.95 * gpu.total_bytes < gpu.usable_bytes <= gpu.total_bytes, gpu.name
    assert gpu_named("T4").usable_bytes == 15102 * 2**20


def test_facts_are_there_or_said_to_be_unknown():
    gpus = all_gpus()
    assert len(gpus) == 114
    assert all(gpu.tensor_flops is None or gpu.tensor_flops > 1e13 for gpu in gpus)
    assert find_gpu("A10G").tensor_flops is None and "disputed" in find_gpu("A10G").note
    assert not gpu_named("T4").bf16 and gpu_named("RTX 3090").bf16
    assert sum(1 for gpu in gpus if gpu.sources) > 100


def test_unknown_names_are_told_the_nearest():
    assert find_gpu("") is None and find_gpu("Voodoo 2") is None
    with pytest.raises(FtuiError) as caught:
        gpu_named("RTX 4091")
    assert "4090" in caught.value.hint
    with pytest.raises(FtuiError, match="Voodoo"):
        gpu_named("Voodoo 2")


def test_a_gpu_of_which_only_the_memory_is_known():
    gpu = plain_gpu(24 * GIB)
    assert gpu.usable_bytes == 24 * GIB and "24" in gpu.name and gpu.tensor_flops is None
