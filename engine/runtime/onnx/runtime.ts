/** @file Runs graphs with ONNX Runtime: on the CPU everywhere, on its GPU providers where they are present. */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { HdmError } from '../../errors.ts';
import { convert, DTYPES, type DType, type FloatDType, type TensorData } from '../../graph/dtype.ts';
import type { Graph, Tensor as GraphTensor } from '../../graph/graph.ts';
import type { Composite } from '../../graph/op.ts';
import { bindSizes } from '../bind.ts';
import type { Program, Runtime, Values, WeightSources } from '../runtime.ts';
import { atBorder, lowerToOnnx } from './lower.ts';

export type OnnxProvider = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';

interface ProviderFacts {
  /** The format it computes best in; norms and softmax stay in float32. */
  readonly precision: FloatDType;
  /** Composite ops without a fused kernel there. */
  readonly unfused: readonly string[];
}

const PROVIDERS: Record<OnnxProvider, ProviderFacts> = {
  cpu: { precision: 'f32', unfused: [] },
  // Its MultiHeadAttention computed wrongly for more than 32 tokens on a device with small subgroups.
  webgpu: { precision: 'f16', unfused: ['attention'] },
  cuda: { precision: 'f16', unfused: [] },
  dml: { precision: 'f16', unfused: [] },
  coreml: { precision: 'f16', unfused: [] },
};

const ORT_TYPES = {
  f32: 'float32',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  bool: 'bool',
} as const satisfies Partial<Record<DType, ort.Tensor.Type>>;

type BorderDType = keyof typeof ORT_TYPES;

/** ONNX Runtime with one provider, computing in what that does best if nothing else is asked for. */
export function onnxRuntime(
  provider: OnnxProvider,
  precision: FloatDType = PROVIDERS[provider].precision,
): Runtime {
  const { unfused } = PROVIDERS[provider];
  const fuses = (op: Composite): boolean => !unfused.includes(op.name);
  const holdsHalf = provider === 'cpu' || precision !== 'f32';
  return {
    device: provider,
    precision,
    async compile(graph: Graph, weights: WeightSources): Promise<Program> {
      const model = lowerToOnnx(graph, weights, { fuses, holdsHalf });
      const session = await createSession(model.bytes, provider, model.folder);
      return {
        run: (inputs) => runSession(session, graph, inputs, provider),
        dispose: () => session.release(),
      };
    },
  };
}

async function createSession(
  model: Uint8Array,
  provider: OnnxProvider,
  folder: string | undefined,
): Promise<ort.InferenceSession> {
  const config = folder ? { model_external_initializers_file_folder_path: folder } : {};
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: availableParallelism(),
      logSeverityLevel: 4, // errors come back as exceptions
      extra: { session: config },
    });
  } catch (error) {
    throw deviceError(provider, error);
  }
}

async function runSession(
  session: ort.InferenceSession,
  graph: Graph,
  inputs: Values,
  provider: OnnxProvider,
): Promise<Values> {
  bindSizes(graph, inputs);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toOrt(value)]));
  const results = await session.run(feeds).catch((error: unknown) => {
    throw deviceError(provider, error);
  });
  return Object.fromEntries(
    [...graph.outputs].map(([name, tensor]) => [name, fromOrt(results[name]!, tensor)] as const),
  );
}

function toOrt(value: TensorData): ort.Tensor {
  const { dtype, shape, data } = convert(value, atBorder(value.dtype));
  return new ort.Tensor(ORT_TYPES[dtype as BorderDType], data as never, shape);
}

function fromOrt(tensor: ort.Tensor, { dtype }: GraphTensor): TensorData {
  const border = atBorder(dtype);
  if (tensor.type !== ORT_TYPES[border as BorderDType]) {
    throw new HdmError('internal', 'onnx runtime', `expected a result of ${border}, got ${tensor.type}`);
  }
  const { buffer, byteOffset, length } = tensor.data as Uint8Array<ArrayBuffer>;
  const data = new DTYPES[border].array(buffer, byteOffset, length);
  return convert({ dtype: border, shape: tensor.dims, data }, dtype);
}

const OTHERWISE = {
  cpu: 'The model may be damaged: see `hdm-studio inspect --scan`',
  gpu: 'Try another device: --device cpu',
};

function deviceError(provider: OnnxProvider, error: unknown): HdmError {
  // ONNX Runtime's messages begin with a source line and the condition that failed.
  const raw = error instanceof Error ? error.message : String(error);
  const message = raw.split('was false.').at(-1)!.trim().replace(/\s+/g, ' ').replace(/\.+$/, '');
  const isMemory = /alloc|out of memory/i.test(message);
  const otherwise = OTHERWISE[provider === 'cpu' ? 'cpu' : 'gpu'];
  const advice = isMemory ? 'Choose a smaller picture, or close other programs' : otherwise;
  return new HdmError('device', `device ${provider}`, message, advice, error);
}
