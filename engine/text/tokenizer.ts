/** @file Prompts to token ids, with the tokenizer files of the model. Nothing is fetched. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { z } from 'zod';
import type { ContextRule } from '../checkpoints/checkpoint.ts';
import { readJson } from '../checkpoints/tensors.ts';
import { HdmError } from '../errors.ts';
import { MAX_CONTEXT } from '../models/xut-config.ts';

export interface Tokenizer {
  /** Token ids of a text, without special tokens or a chat template. */
  encode(text: string): number[];
  readonly padId: number;
}

export interface PromptTokens {
  readonly ids: number[];
  /** 1 where the text encoder looks, 0 at padding. */
  readonly mask: number[];
  /** Tokens of the text alone. */
  readonly count: number;
}

/** The tokenizer in `folder` (tokenizer.json, tokenizer_config.json). Throws `bad-model` when it is unusable. */
export function openTokenizer(folder: string): Tokenizer {
  const [file, configFile] = [join(folder, 'tokenizer.json'), join(folder, 'tokenizer_config.json')];
  const config = existsSync(configFile) ? readJson(configFile, tokenizerConfig) : {};
  const tokenizer = construct(file, readJson(file, z.looseObject({})), config);
  const padId = tokenizer.pad_token_id ?? tokenizer.eos_token_id;
  if (padId === undefined || padId === null) {
    const problem = 'it is missing, or names no padding token that tokenizer.json knows';
    throw new HdmError('bad-model', configFile, problem, 'Copy both files from the model again');
  }
  return { encode: (text) => encode(tokenizer, text), padId };
}

/** A token, or a description of it. */
const token = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .nullish()
  .transform((value) => (typeof value === 'object' ? value?.content : value));

const tokenizerConfig = z
  .looseObject({
    bos_token: token,
    eos_token: token,
    unk_token: token,
    sep_token: token,
    pad_token: token,
    cls_token: token,
    mask_token: token,
  })
  .transform((config) => ({ ...config, chat_template: undefined })); // not used, so it cannot be wrong

/**
 * Ids and mask of a prompt. An empty prompt is one padding token that is looked at. Padding stays in the context,
 * as in training; a prompt longer than `length` is never cut (reference of the released model §5). Throws
 * `bad-usage` for one that is longer than any memory.
 */
export function tokenizePrompt(tokenizer: Tokenizer, text: string, rule: ContextRule): PromptTokens {
  const encoded = tokenizer.encode(text);
  if (encoded.length > MAX_CONTEXT) {
    const problem = `it has ${encoded.length} tokens, at most ${MAX_CONTEXT} can be read`;
    throw new HdmError('bad-usage', 'prompt', problem, 'Shorten it');
  }
  const seen = encoded.length > 0 ? encoded : [tokenizer.padId];
  const padding = rule.padding === 'max_length' ? Math.max(0, rule.length - seen.length) : 0;
  return {
    ids: [...seen, ...new Array<number>(padding).fill(tokenizer.padId)],
    mask: [...new Array<number>(seen.length).fill(1), ...new Array<number>(padding).fill(0)],
    count: encoded.length,
  };
}

function construct(file: string, json: object, config: object): PreTrainedTokenizer {
  try {
    const tokenizer = new PreTrainedTokenizer(json, config);
    encode(tokenizer, 'a test'); // some damage shows only here
    return tokenizer;
  } catch (error) {
    const problem = 'it is damaged, or of a kind that is not known here';
    throw new HdmError('bad-model', file, problem, 'Copy it from the model again', error);
  }
}

function encode(tokenizer: PreTrainedTokenizer, text: string): number[] {
  return tokenizer.encode(text, { add_special_tokens: false });
}
