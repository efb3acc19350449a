/** @file The number formats of tensors, in one table: everything else derives from it. */

/** Memory of a tensor. `bf16` has no array type of its own and travels as its 16 bits. */
export type TypedArray =
  Float64Array | Float32Array | Float16Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;

interface Format {
  readonly bytes: number;
  readonly array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;
  /** Name in a safetensors header. */
  readonly safetensors: string;
  /** `TensorProto.DataType` of ONNX. */
  readonly onnx: number;
  readonly kind: 'float' | 'integer' | 'boolean';
}

export const DTYPES = {
  f32: { bytes: 4, array: Float32Array, safetensors: 'F32', onnx: 1, kind: 'float' },
  f16: { bytes: 2, array: Float16Array, safetensors: 'F16', onnx: 10, kind: 'float' },
  bf16: { bytes: 2, array: Uint16Array, safetensors: 'BF16', onnx: 16, kind: 'float' },
  i64: { bytes: 8, array: BigInt64Array, safetensors: 'I64', onnx: 7, kind: 'integer' },
  i32: { bytes: 4, array: Int32Array, safetensors: 'I32', onnx: 6, kind: 'integer' },
  u8: { bytes: 1, array: Uint8Array, safetensors: 'U8', onnx: 2, kind: 'integer' },
  bool: { bytes: 1, array: Uint8Array, safetensors: 'BOOL', onnx: 9, kind: 'boolean' },
} as const satisfies Record<string, Format>;

export type DType = keyof typeof DTYPES;
export type FloatDType = 'f32' | 'f16' | 'bf16';

export function isFloat(dtype: DType): dtype is FloatDType {
  return DTYPES[dtype].kind === 'float';
}

/** A tensor's numbers outside any device: row-major, `data.length` = product of `shape`. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Float32 tensor from plain numbers. */
export function f32(shape: readonly number[], data: ArrayLike<number>): TensorData {
  return { dtype: 'f32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** 64-bit integer tensor from plain integers. */
export function i64(shape: readonly number[], data: ArrayLike<number>): TensorData {
  return { dtype: 'i64', shape, data: BigInt64Array.from(Array.from(data, BigInt)) };
}

/** The numbers of any tensor as float32 (integers beyond 2^24 lose digits). No copy when it is float32. */
export function toFloat32({ dtype, data }: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  if (dtype === 'bf16') return fromBfloat16(data as Uint16Array);
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

/** The numbers of any tensor as float64, which holds all but the largest integers exactly. No copy when it is. */
export function toFloat64(tensor: TensorData): Float64Array {
  if (tensor.data instanceof Float64Array) return tensor.data;
  const source = tensor.dtype === 'bf16' ? toFloat32(tensor) : tensor.data;
  return Float64Array.from(source as ArrayLike<number | bigint>, Number);
}

/** The numbers as `dtype` (float formats and integers). No copy when it has that format already. */
export function convert(tensor: TensorData, dtype: DType): TensorData {
  if (tensor.dtype === dtype) return tensor;
  const source = tensor.dtype === 'bf16' ? toFloat32(tensor) : tensor.data;
  return fromNumbers(dtype, tensor.shape, source);
}

/** Tensor of any format from plain numbers; integers lose their fraction. */
export function fromNumbers(
  dtype: DType,
  shape: readonly number[],
  numbers: ArrayLike<number | bigint>,
): TensorData {
  const { length } = numbers;
  if (dtype === 'bf16') return { dtype, shape, data: toBfloat16(Float32Array.from(numbers, Number)) };
  const data = new DTYPES[dtype].array(new ArrayBuffer(length * DTYPES[dtype].bytes), 0, length);
  if (data instanceof BigInt64Array) {
    for (let i = 0; i < length; i++) data[i] = BigInt(Math.trunc(Number(numbers[i])));
  } else {
    for (let i = 0; i < length; i++) data[i] = Number(numbers[i]);
  }
  return { dtype, shape, data };
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

/** Round to nearest, ties to even; NaN stays NaN. */
function toBfloat16(values: Float32Array): Uint16Array {
  const wide = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(wide, (bits) => {
    if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
    return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  });
}
