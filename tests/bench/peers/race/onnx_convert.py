# SPDX-License-Identifier: Apache-2.0
"""Writes a model as ONNX: python -m race.onnx_convert MODEL TARGET [SOURCE FORMAT].

Without SOURCE in float32; with it, that file's products in FORMAT: "dynamic" or "blocks<bits>".
"""

import sys
from pathlib import Path

from race.models import make_model


def main() -> None:
    model, target, *quantization = sys.argv[1:]
    if not quantization:
        from race.onnx_graph import write_onnx

        write_onnx(make_model(model), Path(target))
        return
    source, format_ = quantization
    if format_ == "dynamic":
        _quantize_dynamic(Path(source), Path(target))
    else:
        _quantize_blocks(Path(source), Path(target), int(format_.removeprefix("blocks")))


def _quantize_dynamic(source: Path, target: Path) -> None:
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},  # fused operators hide the shapes
    )


def _quantize_blocks(source: Path, target: Path, bits: int) -> None:
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    # Level 4: int8 arithmetic, the fastest.
    config = DefaultWeightOnlyQuantConfig(
        block_size=32, is_symmetric=True, accuracy_level=4, bits=bits
    )
    quantizer = MatMulNBitsQuantizer(onnx.load(source), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target), use_external_data_format=True)


if __name__ == "__main__":
    main()
