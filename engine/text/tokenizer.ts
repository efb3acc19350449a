/** @file Prompts to token ids, with the tokenizer files of the model. Nothing is fetched. */
import { AutoTokenizer, env, type PreTrainedTokenizer } from '@huggingface/transformers';
import { resolve } from 'node:path';
import { HdmError, toHdmError } from '../errors.ts';

env.allowRemoteModels = false;

export interface Tokenizer {
  /** Token ids of a text, without special tokens or a chat template. */
  encode(text: string): number[];
  readonly padId: number;
}

/** How prompts become context; see the checkpoint's model_index.json. */
export interface PaddingRule {
  readonly padding: 'longest' | 'max_length';
  /** Tokens of context the model was trained with. */
  readonly length: number;
}

export interface PromptTokens {
  readonly ids: number[];
  /** 1 where the text encoder looks, 0 at padding. */
  readonly mask: number[];
  /** Tokens of the text alone. */
  readonly count: number;
}

/** The tokenizer in `folder` (tokenizer.json, tokenizer_config.json). Throws `bad-model` when it is unusable. */
export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const tokenizer = await load(folder);
  const padId = tokenizer.pad_token_id ?? tokenizer.eos_token_id;
  if (padId === undefined || padId === null) {
    throw new HdmError(
      'bad-model',
      folder,
      'the tokenizer has no padding token',
      'Check tokenizer_config.json',
    );
  }
  return { encode: (text) => tokenizer.encode(text, { add_special_tokens: false }), padId };
}

/**
 * Ids and mask of a prompt. An empty prompt is one padding token that is looked at. Padding stays in the context,
 * as in training; a prompt longer than `length` is never cut (reference of the released model §5).
 */
export function tokenizePrompt(tokenizer: Tokenizer, text: string, rule: PaddingRule): PromptTokens {
  const encoded = tokenizer.encode(text);
  const seen = encoded.length > 0 ? encoded : [tokenizer.padId];
  const padding = rule.padding === 'max_length' ? Math.max(0, rule.length - seen.length) : 0;
  return {
    ids: [...seen, ...new Array<number>(padding).fill(tokenizer.padId)],
    mask: [...new Array<number>(seen.length).fill(1), ...new Array<number>(padding).fill(0)],
    count: encoded.length,
  };
}

async function load(folder: string): Promise<PreTrainedTokenizer> {
  try {
    return await AutoTokenizer.from_pretrained(resolve(folder), { local_files_only: true });
  } catch (error) {
    const { message } = toHdmError(error, folder, 'bad-model');
    throw new HdmError(
      'bad-model',
      folder,
      `the tokenizer cannot be read (${message})`,
      'Download it again',
      error,
    );
  }
}
