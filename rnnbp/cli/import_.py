"""Read a model from an ONNX or safetensors file, and save it."""

import argparse
from pathlib import Path

import rnnbp
from rnnbp.runtime.files import check_target

EXAMPLE = "rnnbp import classifier.onnx classifier.npz --classes no,yes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="an .onnx or .safetensors file")
    parser.add_argument("model", type=Path, metavar="MODEL.npz", help="the file to write")
    parser.add_argument(
        "--like",
        type=Path,
        metavar="MODEL.npz",
        help="of a .safetensors file with weights alone: a saved model of the layers that they are for",
    )
    parser.add_argument("--classes", metavar="NAME,NAME", help="names of the outputs, for `rnnbp predict`")


def run(options: argparse.Namespace) -> None:
    from rnnbp import interop

    suffix = options.file.suffix.lower()
    if suffix not in (".onnx", ".safetensors"):
        raise ValueError(f"FILE must end in .onnx or .safetensors, got {str(options.file)!r}")
    if options.like is not None and suffix == ".onnx":
        raise ValueError("--like is for .safetensors files; an .onnx file describes its layers itself")
    check_target("MODEL.npz", options.model)
    like = None if options.like is None else rnnbp.load(options.like)
    model = interop.import_onnx(options.file) if suffix == ".onnx" else interop.load_safetensors(options.file, like)
    if options.classes is not None:
        _name_classes(model, options.classes.split(","))
    model.save(options.model)
    print(model)
    print(f"written: {options.model}")


def _name_classes(model: "rnnbp.Sequential", names: list[str]) -> None:
    """Name the outputs of a classifier, whose loss is then the cross entropy."""
    K = model.out_shape[-1]
    if len(names) != K:
        raise ValueError(f"--classes must name each of the {K} outputs, got {len(names)}")
    model.classes, model.loss = names, rnnbp.CrossEntropy() if model.loss is None else model.loss
