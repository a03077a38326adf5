"""ONNX is optional: without it the error names what to install."""

import sys

import pytest

import rnnbp


@pytest.mark.parametrize(
    "call",
    [
        lambda path: rnnbp.interop.export_onnx(rnnbp.Sequential(rnnbp.LSTM(2, 3)), path),
        lambda path: rnnbp.interop.import_onnx(path),
    ],
    ids=["export", "import"],
)
def test_without_onnx_the_extra_is_named(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    with pytest.raises(ImportError, match=r'this needs onnx, which is not installed: pip install "rnnbp\[onnx\]"'):
        call(path)
