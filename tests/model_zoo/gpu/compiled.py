"""Compiles kernels for a GPU that need not be there; prints `name shared-bytes` for each."""

import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from interim.model_zoo.gpu.kernels import answers, convolution, positions, resizing

TYPES = {
    **dict.fromkeys(("source", "second", "weight", "residual", "target", "mixed", "first", "third"), "*bf16"),
    **dict.fromkeys(("bias", "partial", "logits", "confidence", "threshold", "scores"), "*fp32"),
    **dict.fromkeys(("entries", "count", "counts", "table"), "*i32"),
    **dict.fromkeys(("active", "images", "labels"), "*u8"),
}
LISTED = {"LISTED": True}
AFTER = {**LISTED, "RESIDUAL": True, "RELU": True}
COARSE = {"FIRST": 2, "SECOND": 4, "THIRD": 8}
EXIT = {**LISTED, "CLASSES": 19, "COLUMNS": 32, "SURETY": True, "BLOCK_M": 64}
WIDE = {"WIDE": False, "BLOCK_K": 64}
BLOCKS = {"BLOCK_M": 64, "BLOCK_N": 64}
SPLIT = {**AFTER, "OUTPUTS": 384, "SPLIT": 4, "BLOCK_M": 64, "BLOCK_N": 128}

KERNELS = [
    (positions.list_positions, {"COLUMNS": 32, "BLOCK": 64}, {}),
    (convolution.convolve, {**SPLIT, **WIDE, "INPUTS": 384, "SECOND": 0, "TAPS": 9, "STRIDE": 2}, {}),
    (convolution.add_up, SPLIT, {}),
    (resizing.take_in, {"CHANNELS": 8, "BLOCK": 512}, {}),
    (resizing.enlarge, {**LISTED, **COARSE, **BLOCKS, "CHANNELS": 48, "ONTO": True, "RELU": True}, {}),
    (resizing.halve, {**LISTED, **BLOCKS, "CHANNELS": 64, "RELU": True}, {}),
    (
        answers.classify,
        {**EXIT, **COARSE, **WIDE, "CHANNELS": 720, "RELU": True, "BLOCK_K": 32},
        {"num_stages": 1},
    ),
    (answers.enlarge_scores, {**EXIT, "CHANNELS": 24}, {}),
    (answers.label_cells, {"CLASSES": 19, "COLUMNS": 32, "STRIDE": 4, "BLOCK": 32}, {}),
]


def main() -> None:
    target = GPUTarget("cuda", int(sys.argv[1]), 32)
    for kernel, constants, options in KERNELS:
        names = kernel.arg_names
        images = "i32" if kernel in {positions.list_positions, answers.label_cells} else "*u8"
        types = {**TYPES, "images": images}
        signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in names}
        attributes = {
            (number,): [["tt.divisibility", 16]]
            for number, name in enumerate(names)
            if signature[name].startswith("*")
        }
        values = {(names.index(name),): value for name, value in constants.items()}
        source = ASTSource(fn=kernel, signature=signature, constexprs=values, attrs=attributes)
        made = triton.compile(source, target=target, options={"enable_fp_fusion": True, **options})
        print(kernel.__name__, made.metadata.shared)


if __name__ == "__main__":
    main()
