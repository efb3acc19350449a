/** @file Help with writing prompts: how long one is, earlier ones, choices and wildcards, tags. */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { resourceFolder } from '../../../engine/checkpoints/resources.ts';
import { expandPrompt } from '../../../engine/text/prompt-syntax.ts';
import type { Input, Output } from '../../contract.ts';
import type { HandlersOf } from '../handlers.ts';
import type { Models, SettingsStore } from '../parts.ts';
import { PromptHistory } from './history.ts';
import { Tags } from './tags.ts';
import { TokenCounter } from './token-counter.ts';
import { Wildcards } from './wildcards.ts';

export interface PromptsOptions {
  readonly database: DatabaseSync;
  readonly models: Models;
  readonly settings: SettingsStore;
}

export class Prompts {
  readonly #models: Models;
  readonly #history: PromptHistory;
  readonly #wildcards: Wildcards;
  readonly #tags: Tags;
  readonly #counter = new TokenCounter();

  constructor({ database, models, settings }: PromptsOptions) {
    this.#models = models;
    this.#history = new PromptHistory(database);
    this.#wildcards = new Wildcards(() => settings.get().wildcardFolder);
    this.#tags = new Tags({
      builtIn: join(resourceFolder('tags'), 'tags.csv'),
      userFile: () => settings.get().tagFile,
    });
  }

  readonly handlers: HandlersOf<'prompts' | 'tags'> = {
    'prompts.count': (input) => this.#count(input),
    'prompts.history': ({ search, limit }) => this.#history.find(search, limit),
    'prompts.expand': ({ text, seed }) => ({ text: this.expand(text, seed) }),
    'prompts.wildcards': () => this.#wildcards.list(),
    'tags.complete': ({ text, limit }) => this.#tags.complete(text, limit),
  };

  /** A prompt with its choices made, the same for the same seed. Throws `bad-usage` when it cannot be read. */
  readonly expand = (text: string, seed: number): string =>
    expandPrompt(text, { seed, wildcards: (name) => this.#wildcards.options(name) });

  /** Puts a prompt first in the history. */
  remember(prompt: string): void {
    this.#history.remember(prompt);
  }

  /** Ends what runs beside the host. */
  close(): void {
    this.#counter.close();
  }

  async #count({ modelId, text }: Input<'prompts.count'>): Promise<Output<'prompts.count'>> {
    const { path, textEncoder, vae, tokenizer } = this.#models.loadable(modelId, []);
    return this.#counter.count(
      {
        path,
        ...(textEncoder !== undefined && { textEncoder }),
        ...(vae !== undefined && { vae }),
        ...(tokenizer !== undefined && { tokenizer }),
      },
      text,
    );
  }
}
