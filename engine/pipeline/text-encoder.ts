/** @file Prompts to context: the hidden states that the denoiser reads. */
import type { Checkpoint, ContextRule, ModelPart, TextEncoderConfig } from '../checkpoints/checkpoint.ts';
import { i64, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { textInputs, type TextInputs } from '../models/causal-lm.ts';
import { gemma3 } from '../models/gemma3.ts';
import { qwen3 } from '../models/qwen3.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { openTokenizer, tokenizePrompt, type PromptTokens, type Tokenizer } from '../text/tokenizer.ts';
import { graphWeights, type Weights } from '../weights/weights.ts';

export interface TextEncoder {
  /** Context [1, L, width] of a prompt. */
  encode(text: string): Promise<TensorData>;
  /** How many tokens a prompt has, and how many the model was trained with. */
  count(text: string): { readonly tokens: number; readonly limit: number };
  dispose(): Promise<void>;
}

/** Enough for prompt and negative prompt of a few pictures in turn. */
const REMEMBERED = 16;

/** The text encoder of a checkpoint that has one, with its tokenizer. */
export async function openTextEncoder(
  runtime: Runtime,
  checkpoint: Checkpoint,
  precision: FloatDType,
): Promise<TextEncoder> {
  const [tokenizer, program] = await Promise.all([
    openTokenizer(checkpoint.tokenizer!),
    compileTextEncoder(runtime, checkpoint.textEncoder!, precision),
  ]);
  return textEncoder(tokenizer, program, checkpoint.context);
}

/** The last hidden state, by the kind of model. */
export function hiddenStates(
  config: TextEncoderConfig,
  weights: Weights,
  inputs: TextInputs,
  precision: FloatDType,
): Tensor {
  if (config.model_type === 'qwen3') return qwen3(config, weights, inputs, precision);
  return gemma3(config, weights, inputs, precision);
}

async function compileTextEncoder(
  runtime: Runtime,
  { config, weights }: ModelPart<TextEncoderConfig>,
  precision: FloatDType,
): Promise<Program> {
  const graph = new Graph();
  const read = graphWeights(graph, weights, precision);
  graph.output('states', hiddenStates(config, read, textInputs(graph), precision));
  return runtime.compile(graph, weights);
}

function textEncoder(tokenizer: Tokenizer, program: Program, rule: ContextRule): TextEncoder {
  const known = new Map<string, TensorData>();
  return {
    async encode(text) {
      const remembered = known.get(text);
      if (remembered) return remembered;
      const context = await encodeTokens(program, tokenizePrompt(tokenizer, text, rule));
      if (known.size >= REMEMBERED) known.delete(known.keys().next().value!);
      known.set(text, context);
      return context;
    },
    count: (text) => ({ tokens: tokenizePrompt(tokenizer, text, rule).count, limit: rule.length }),
    dispose: () => program.dispose(),
  };
}

async function encodeTokens(program: Program, { ids, mask }: PromptTokens): Promise<TensorData> {
  const shape = [1, ids.length];
  const { states } = await program.run({ ids: i64(shape, ids), mask: i64(shape, mask) });
  return states!;
}
