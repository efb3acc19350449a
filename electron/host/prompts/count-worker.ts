/**
 * @file A process that counts tokens. A tokenizer takes up to 250 MB, which a thread of the host would never give
 * back to the system; a process does when it ends.
 */
import { createBirpc } from 'birpc';
import { openCheckpoint } from '../../../engine/checkpoints/checkpoint.ts';
import { HdmError, toHdmError } from '../../../engine/errors.ts';
import { openTokenizer, type Tokenizer } from '../../../engine/text/tokenizer.ts';
import type { Answer, Loadable } from '../../engine/protocol.ts';

export type CountedModel = Pick<Loadable, 'path' | 'textEncoder' | 'vae' | 'tokenizer'>;

/** Tokens of a text, and how many the model was trained with; null for a model that takes no text. */
export type TokenCount = { readonly tokens: number; readonly limit: number } | null;

export interface CountFunctions {
  count(model: CountedModel, text: string): Answer<TokenCount>;
}

interface OpenModel {
  readonly key: string;
  readonly text: { readonly tokenizer: Tokenizer; readonly limit: number } | undefined;
}

/** The one that was asked for last. */
let open: OpenModel | undefined;

const functions: CountFunctions = {
  count(model, text) {
    try {
      return { value: count(model, text) };
    } catch (error) {
      const { code, message } = toHdmError(error, model.path);
      return { error: { code, message } };
    }
  },
};

createBirpc<Record<string, never>, CountFunctions>(functions, {
  // What cannot be sent has no receiver any more; 'disconnect' tells.
  post: (message) => void process.send!(message, undefined, undefined, () => {}),
  on: (listener) => process.on('message', listener),
});
process.on('disconnect', () => process.exit());

function count(model: CountedModel, text: string): TokenCount {
  const key = JSON.stringify(model);
  if (open?.key !== key) open = openModel(key, model);
  return open.text ? { tokens: open.text.tokenizer.encode(text).length, limit: open.text.limit } : null;
}

function openModel(key: string, { path, ...elsewhere }: CountedModel): OpenModel {
  const { transformer, tokenizer, context } = openCheckpoint(path, elsewhere);
  if (transformer.config.ctx_dim === null) return { key, text: undefined };
  if (tokenizer) return { key, text: { tokenizer: openTokenizer(tokenizer), limit: context.length } };
  throw new HdmError('bad-model', path, 'the model has no tokenizer', 'Say where its tokenizer.json lies');
}
