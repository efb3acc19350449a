/** @file The tags that are suggested: the studio's own short list and a person's file. */
import { stat } from 'node:fs/promises';
import { toHdmError, type HdmError } from '../../../engine/errors.ts';
import type { TagSuggestion } from '../../contract.ts';
import { readTags, type Tag } from './tag-file.ts';
import { normalise, TagIndex } from './tag-index.ts';

export interface TagsOptions {
  /** Path of the list that comes with the studio. */
  readonly builtIn: string;
  /** Asked each time: settings can change it. */
  readonly userFile: () => string | undefined;
}

export class Tags {
  readonly #options: TagsOptions;
  #version: string | undefined;
  #index: Promise<TagIndex> | undefined;
  #problem: HdmError | undefined;

  constructor(options: TagsOptions) {
    this.#options = options;
  }

  /**
   * The most used tags that fit a text. The person's file is read again when it changed. Throws what is wrong with
   * it once; after that the studio's own tags are suggested until the file is another one.
   */
  async complete(text: string, limit: number): Promise<TagSuggestion[]> {
    const userFile = this.#options.userFile();
    const version = userFile === undefined ? 'none' : await versionOf(userFile);
    if (!this.#index || version !== this.#version) {
      this.#version = version;
      this.#index = this.#load(userFile);
    }
    const index = await this.#index;
    const problem = this.#problem;
    this.#problem = undefined;
    if (problem) throw problem;
    return index.complete(text, limit);
  }

  async #load(userFile: string | undefined): Promise<TagIndex> {
    this.#problem = undefined;
    const builtIn = await readTags(this.#options.builtIn);
    const own = userFile === undefined ? [] : await this.#readOwn(userFile);
    const names = new Set(own.map(({ tag }) => normalise(tag)));
    return TagIndex.of([...own, ...builtIn.filter(({ tag }) => !names.has(normalise(tag)))]);
  }

  async #readOwn(path: string): Promise<Tag[]> {
    try {
      return await readTags(path);
    } catch (error) {
      this.#problem = toHdmError(error, path);
      return [];
    }
  }
}

/** Changes when the file does; a file that is missing is a version, too. */
async function versionOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return JSON.stringify([path, found?.mtimeMs, found?.size]);
}
