/** @file Tensors of ONNX Runtime and ours. Half precision crosses the border as float32. */
import * as ort from 'onnxruntime-node';
import { HdmError } from '../../errors.ts';
import { convert, DTYPES, isFloat, type DType, type TensorData } from '../../graph/dtype.ts';
import { count } from '../../graph/shape.ts';

const ORT_TYPES = {
  f32: 'float32',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  bool: 'bool',
} as const satisfies Partial<Record<DType, ort.Tensor.Type>>;

type BorderDType = keyof typeof ORT_TYPES;

/** The format in which a tensor crosses between JavaScript and ONNX Runtime. */
export function atBorder(dtype: DType): DType {
  return isFloat(dtype) ? 'f32' : dtype;
}

export function toOrt(value: TensorData): ort.Tensor {
  const { dtype, shape, data } = convert(value, atBorder(value.dtype));
  return new ort.Tensor(ORT_TYPES[dtype as BorderDType], data as never, shape);
}

export function emptyTensor(dtype: DType, shape: readonly number[]): ort.Tensor {
  const border = DTYPES[atBorder(dtype)];
  const [bytes, length] = [border.bytes, count(shape)];
  return toOrt({
    dtype: atBorder(dtype),
    shape,
    data: new border.array(new ArrayBuffer(bytes * length), 0, length),
  });
}

/** The same memory, not a copy. */
export function fromOrt(tensor: ort.Tensor): TensorData {
  const dtype = dtypeOf(tensor);
  const { buffer, byteOffset, length } = tensor.data as Uint8Array<ArrayBuffer>;
  return { dtype, shape: tensor.dims, data: new DTYPES[dtype].array(buffer, byteOffset, length) };
}

export function dtypeOf({ type }: ort.Tensor): BorderDType {
  const dtype = (Object.keys(ORT_TYPES) as BorderDType[]).find((name) => ORT_TYPES[name] === type);
  if (dtype) return dtype;
  throw new HdmError('internal', 'onnx runtime', `a tensor of the unknown type ${type}`);
}
