/** @file Prompts to context: the hidden states that the denoiser reads. */
import type { Checkpoint, ContextRule, ModelPart, TextEncoderConfig } from '../checkpoints/checkpoint.ts';
import { HdmError } from '../errors.ts';
import { i64, toFloat32, type FloatDType, type TensorData } from '../graph/dtype.ts';
import type { Tensor } from '../graph/graph.ts';
import { textInputs, type TextInputs } from '../models/causal-lm.ts';
import { gemma3 } from '../models/gemma3.ts';
import { qwen3 } from '../models/qwen3.ts';
import type { Program, Runtime } from '../runtime/runtime.ts';
import { openTokenizer, tokenizePrompt, type PromptTokens, type Tokenizer } from '../text/tokenizer.ts';
import type { Weights } from '../weights/weights.ts';
import { compilePart } from './compile.ts';
import { requireNumbers } from './numbers.ts';

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
  const part = checkpoint.textEncoder!;
  const tokenizer = knownTokens(openTokenizer(checkpoint.tokenizer!), checkpoint);
  const program = await compilePart(runtime, part, precision, (graph, weights) =>
    graph.output('states', hiddenStates(part.config, weights, textInputs(graph), precision)),
  );
  return textEncoder(tokenizer, program, part, checkpoint.context);
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

/** The tokenizer, which throws `bad-model` for a token that the text encoder does not know. */
function knownTokens(tokenizer: Tokenizer, { tokenizer: folder, textEncoder }: Checkpoint): Tokenizer {
  const size = textEncoder!.config.vocab_size;
  const checked = (ids: number[]): number[] => {
    const stranger = ids.find((id) => id >= size);
    if (stranger === undefined) return ids;
    const problem = `it gives the token ${stranger}, but the text encoder knows only ${size}`;
    throw new HdmError('bad-model', folder!, problem, 'Use the tokenizer that belongs to the text encoder');
  };
  return { encode: (text) => checked(tokenizer.encode(text)), padId: checked([tokenizer.padId])[0]! };
}

function textEncoder(
  tokenizer: Tokenizer,
  program: Program,
  part: ModelPart<TextEncoderConfig>,
  rule: ContextRule,
): TextEncoder {
  const known = new Map<string, TensorData>();
  return {
    async encode(text) {
      const remembered = known.get(text);
      if (remembered) return remembered;
      const context = await encodeTokens(program, tokenizePrompt(tokenizer, text, rule));
      requireNumbers(toFloat32(context), part, 'what the text encoder made of the prompt');
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
