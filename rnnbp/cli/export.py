"""Write a saved model as an ONNX or safetensors file, for other programs."""

import argparse
from pathlib import Path

import rnnbp
from rnnbp.cli.arguments import add_saved_model
from rnnbp.runtime.files import check_target

EXAMPLE = "rnnbp export gru.npz gru.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_model(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the .onnx or .safetensors file to write")
    parser.add_argument(
        "--batch-first", action="store_true", help="of ONNX: axes (B, T, F) of inputs and outputs (default: (T, B, F))"
    )


def run(options: argparse.Namespace) -> None:
    from rnnbp import interop

    file, suffix = options.file, options.file.suffix.lower()
    if suffix not in (".onnx", ".safetensors"):
        raise ValueError(f"FILE must end in .onnx or .safetensors, got {str(file)!r}")
    if options.batch_first and suffix != ".onnx":
        raise ValueError("--batch-first is for .onnx files; a .safetensors file holds weights, which have no batch")
    check_target("FILE", file)
    model = rnnbp.load(options.model)
    if suffix == ".onnx":
        interop.export_onnx(model, file, batch_first=options.batch_first)
    else:
        interop.save_safetensors(model, file)
    print(f"written: {file}")
