/** @file Runs graphs with ONNX Runtime: on the CPU everywhere, on its GPU providers where they are present. */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { HdmError } from '../../errors.ts';
import { convert, type FloatDType } from '../../graph/dtype.ts';
import type { Graph } from '../../graph/graph.ts';
import type { Composite } from '../../graph/op.ts';
import { bindSizes } from '../bind.ts';
import type { Program, Runtime, Values, Variables, WeightSources } from '../runtime.ts';
import { compileLoops } from './loops.ts';
import { lowerToOnnx, nextOf, variableInput } from './lower.ts';
import { fromOrt, toOrt } from './tensors.ts';
import { OnnxVariables, overwritable, ownVariables } from './variables.ts';

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
      const own = ownVariables(graph, variables);
      const loops = provider === 'cpu' && own ? compileLoops(graph, own) : undefined;
      if (loops) return loops;
      const state = own && { variables: own, inPlace: overwritable(graph) };
      const model = lowerToOnnx(graph, weights, { fuses, holdsHalf });
      const session = await createSession(model.bytes, provider, model.folder);
      return {
        run: (inputs) => runSession(session, graph, inputs, state, provider),
        dispose: () => session.release(),
      };
    },
    createVariables: () => new OnnxVariables(),
  };
}

/** What a program changes when it runs. */
interface State {
  readonly variables: OnnxVariables;
  /** The variables that are written over. */
  readonly inPlace: ReadonlySet<string>;
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
  const config = {
    // Each session has threads of its own: those that wait would take the cores from those that work.
    'intra_op.allow_spinning': '0',
    ...(folder && { model_external_initializers_file_folder_path: folder }),
  };
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [providerName(provider)],
      graphOptimizationLevel: 'all',
      enableMemPattern: false, // patterns of sizes that change from run to run only hold memory
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
  state: State | undefined,
  provider: OnnxProvider,
): Promise<Values> {
  const sizes = bindSizes(graph, inputs, (name) => state?.variables.typeOf(name));
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toOrt(value)]));
  for (const name of graph.variables.keys()) feeds[variableInput(name)] = state!.variables.tensor(name)!;
  const fetches: Record<string, ort.Tensor | null> = {};
  for (const name of graph.outputs.keys()) fetches[name] = null;
  for (const [name, tensor] of graph.assignments) {
    fetches[nextOf(name)] = state!.variables.target(name, tensor, sizes, state!.inPlace.has(name));
  }
  const results = await session.run(feeds, fetches).catch((error: unknown) => {
    throw deviceError(provider, error);
  });
  // The results hold copies of what was written where it was told to.
  for (const name of graph.assignments.keys()) state!.variables.accept(name, fetches[nextOf(name)]!);
  return Object.fromEntries(
    [...graph.outputs].map(([name, { dtype }]) => [name, convert(fromOrt(results[name]!), dtype)] as const),
  );
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
