/** @file Runs graphs with ONNX Runtime: on the CPU everywhere, on its GPU providers where they are present. */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { HdmError } from '../../errors.ts';
import { convert, DTYPES, type DType, type FloatDType, type TensorData } from '../../graph/dtype.ts';
import type { Graph } from '../../graph/graph.ts';
import type { Composite } from '../../graph/op.ts';
import { bindSizes, type GivenType } from '../bind.ts';
import type { Program, Runtime, Values, Variables, WeightSources } from '../runtime.ts';
import { atBorder, lowerToOnnx, nextOf, variableInput } from './lower.ts';

export type OnnxProvider = 'cpu' | 'ort-webgpu' | 'cuda' | 'dml' | 'coreml';

interface ProviderFacts {
  /** The format it computes best in; norms and softmax stay in float32. */
  readonly precision: FloatDType;
  /** Composite ops without a fused kernel there. */
  readonly unfused: readonly string[];
}

const PROVIDERS: Record<OnnxProvider, ProviderFacts> = {
  cpu: { precision: 'f32', unfused: [] },
  // Its MultiHeadAttention computed wrongly for more than 32 tokens on a device with small subgroups.
  'ort-webgpu': { precision: 'f16', unfused: ['attention'] },
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
    async compile(graph: Graph, weights: WeightSources, variables?: Variables): Promise<Program> {
      const held = ownVariables(graph, variables);
      const model = lowerToOnnx(graph, weights, { fuses, holdsHalf });
      const session = await createSession(model.bytes, provider, model.folder);
      return {
        run: (inputs) => runSession(session, graph, inputs, held, provider),
        dispose: () => session.release(),
      };
    },
    createVariables: () => new OnnxVariables(),
  };
}

/** Variables as ONNX Runtime's tensors: a run takes them as inputs, and what it assigns replaces them. */
class OnnxVariables implements Variables {
  readonly tensors = new Map<string, ort.Tensor>();

  write(name: string, value: TensorData): Promise<void> {
    this.tensors.set(name, toOrt({ ...value, data: value.data.slice() }));
    return Promise.resolve();
  }

  typeOf(name: string): GivenType | undefined {
    const tensor = this.tensors.get(name);
    return tensor && { dtype: dtypeOf(tensor), shape: tensor.dims };
  }

  read(name: string): Promise<TensorData> {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new HdmError('internal', `variable "${name}"`, 'it is read before it was written');
    const { shape, data, dtype } = fromOrt(tensor);
    return Promise.resolve({ dtype, shape, data: data.slice() });
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  dispose(): Promise<void> {
    this.tensors.clear();
    return Promise.resolve();
  }
}

function ownVariables(graph: Graph, variables: Variables | undefined): OnnxVariables | undefined {
  if (graph.variables.size === 0 && graph.assignments.size === 0) return undefined;
  if (variables instanceof OnnxVariables) return variables;
  throw new HdmError('internal', 'onnx runtime', 'a graph with variables was compiled without its own');
}

/** What ONNX Runtime calls it; plain `webgpu` is our own runtime. */
export function providerName(provider: OnnxProvider): string {
  return provider === 'ort-webgpu' ? 'webgpu' : provider;
}

async function createSession(
  model: Uint8Array,
  provider: OnnxProvider,
  folder: string | undefined,
): Promise<ort.InferenceSession> {
  const config = folder ? { model_external_initializers_file_folder_path: folder } : {};
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [providerName(provider)],
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
  variables: OnnxVariables | undefined,
  provider: OnnxProvider,
): Promise<Values> {
  const held = variables?.tensors;
  bindSizes(graph, inputs, (name) => variables?.typeOf(name));
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toOrt(value)]));
  for (const name of graph.variables.keys()) {
    feeds[variableInput(name)] = held!.get(name)!;
  }
  const results = await session.run(feeds).catch((error: unknown) => {
    throw deviceError(provider, error);
  });
  for (const name of graph.assignments.keys()) held!.set(name, results[nextOf(name)]!);
  return Object.fromEntries(
    [...graph.outputs].map(([name, { dtype }]) => [name, convert(fromOrt(results[name]!), dtype)] as const),
  );
}

function toOrt(value: TensorData): ort.Tensor {
  const { dtype, shape, data } = convert(value, atBorder(value.dtype));
  return new ort.Tensor(ORT_TYPES[dtype as BorderDType], data as never, shape);
}

function dtypeOf({ type }: ort.Tensor): BorderDType {
  const dtype = (Object.keys(ORT_TYPES) as BorderDType[]).find((name) => ORT_TYPES[name] === type);
  if (dtype) return dtype;
  throw new HdmError('internal', 'onnx runtime', `a result of the unknown type ${type}`);
}

function fromOrt(tensor: ort.Tensor): TensorData {
  const dtype = dtypeOf(tensor);
  const { buffer, byteOffset, length } = tensor.data as Uint8Array<ArrayBuffer>;
  return { dtype, shape: tensor.dims, data: new DTYPES[dtype].array(buffer, byteOffset, length) };
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
