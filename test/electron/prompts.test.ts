import { mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Input, Model, Output, Settings } from '../../electron/contract.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { PromptHistory } from '../../electron/host/prompts/history.ts';
import { Prompts } from '../../electron/host/prompts/prompts.ts';
import { TokenCounter } from '../../electron/host/prompts/token-counter.ts';
import { Wildcards } from '../../electron/host/prompts/wildcards.ts';
import type { Models } from '../../electron/host/parts.ts';
import { TINY_CONFIGS, writeTinyModel } from '../helpers/tiny-model.ts';
import { errorOf } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';
import { waitFor } from '../helpers/wait.ts';

describe('the history', () => {
  it('gives prompts, the newest first, each once', () => {
    const history = newHistory();
    ['one', 'two', 'three', 'one', '', '  \n'].forEach((prompt) => history.remember(prompt));
    expect(history.find('', 10)).toEqual(['one', 'three', 'two']);
    expect(history.find('', 2)).toEqual(['one', 'three']);
  });

  it('finds every word, anywhere, whatever characters it has', () => {
    const history = newHistory();
    ['a red house', 'a redwood tree', '100% {red|blue}', '猫 in a house'].forEach((prompt) =>
      history.remember(prompt),
    );
    expect(history.find('RED a', 10)).toEqual(['a redwood tree', 'a red house']);
    expect(history.find('house 猫', 10)).toEqual(['猫 in a house']);
    expect(history.find('0%', 10)).toEqual(['100% {red|blue}']);
    expect(history.find('_', 10)).toEqual([]);
  });

  it('keeps the newest 5000', () => {
    const history = newHistory();
    for (let number = 0; number < 5_003; number++) history.remember(`prompt ${number}`);
    expect(history.find('', 1)).toEqual(['prompt 5002']);
    expect(history.find('prompt', 6_000)).toHaveLength(5_000);
    expect(history.find('prompt', 6_000).at(-1)).toBe('prompt 3');
  });
});

describe('wildcards', () => {
  it('are the lines of text files, without comments and empty lines', () => {
    const { wildcards, write } = wildcardFolder();
    write('animals.txt', '\uFEFF# mine\r\ncat\r\n\r\n  a big dog  \r\nfox');
    write('style/light.txt', 'soft\nhard\n');
    expect(wildcards.options('animals')).toEqual(['cat', 'a big dog', 'fox']);
    expect(wildcards.options('style/light')).toEqual(['soft', 'hard']);
    expect(wildcards.options('plants')).toBeUndefined();
    expect(wildcards.options('style')).toBeUndefined();
  });

  it('are listed by the names that a prompt can use', async () => {
    const { wildcards, write } = wildcardFolder();
    const usable = ['animals', '動物', 'two words', 'style/light', 'style/deep/er', 'a.b-c_d'];
    const others = ['.hidden', '_first', 'a__b', 'brace{d', 'style/_x', 'x'.repeat(201)];
    [...usable, ...others].forEach((name) => write(`${name}.txt`, 'x'));
    write('notes.md', 'x');
    expect(await wildcards.list()).toEqual(usable.toSorted());
  });

  it('are none when the folder is missing', async () => {
    const wildcards = new Wildcards(() => join(testFolder(), 'missing'));
    expect(await wildcards.list()).toEqual([]);
    expect(wildcards.options('animals')).toBeUndefined();
  });

  it('are read again when their file changed', () => {
    const { wildcards, write } = wildcardFolder();
    const file = write('animals.txt', 'cat');
    utimesSync(file, 1, 1);
    expect(wildcards.options('animals')).toEqual(['cat']);
    write('animals.txt', 'dog');
    utimesSync(file, 2, 2);
    expect(wildcards.options('animals')).toEqual(['dog']);
  });

  it.each(['../secret', '../../secret', 'style/../../secret', 'link', 'linked/secret'])(
    'do not leave their folder by the name %s',
    async (name) => {
      const { wildcards, folder, write } = wildcardFolder();
      const outside = join(folder, '..');
      writeFileSync(join(outside, 'secret.txt'), 'secret');
      write('style/light.txt', 'soft');
      symlinkSync(join(outside, 'secret.txt'), join(folder, 'link.txt'));
      symlinkSync(outside, join(folder, 'linked'));
      const options = await errorOf(() => wildcards.options(name)).catch(() => wildcards.options(name));
      expect(options).not.toEqual(['secret']);
      expect(options).toSatisfy((value: unknown) => value === undefined || value instanceof Error);
      expect(await wildcards.list()).toEqual(['style/light']);
    },
  );

  it('that are too large are refused', async () => {
    const { wildcards, write } = wildcardFolder();
    truncateSync(write('huge.txt', ''), (8 << 20) + 1);
    expect((await errorOf(() => wildcards.options('huge'))).code).toBe('bad-file');
  });
});

describe('expanding a prompt', () => {
  it('makes its choices with the files of the wildcard folder, the same for the same seed', async () => {
    const { call, prompts, wildcards } = studio();
    writeFileSync(join(wildcards, 'animals.txt'), 'cat\ndog\nfox');
    const texts = Array.from({ length: 30 }, (_, seed) =>
      prompts.expand('a __animals__ {by day|at night}', seed),
    );
    expect(new Set(texts).size).toBe(6);
    expect(texts.every((text) => /^a (cat|dog|fox) (by day|at night)$/.test(text))).toBe(true);
    expect(await call('prompts.expand', { text: 'a __animals__ {by day|at night}', seed: 7 })).toEqual({
      text: texts[7],
    });
    expect(await call('prompts.wildcards', {})).toEqual(['animals']);
  });

  it('says what is wrong with it', async () => {
    const { call } = studio();
    const error = await errorOf(() => call('prompts.expand', { text: 'a __zoo__', seed: 1 }));
    expect(error).toMatchObject({ code: 'bad-usage', message: expect.stringContaining('zoo') as string });
  });

  it('is remembered as it was written', async () => {
    const { call, prompts } = studio();
    prompts.remember('a {red|blue} house');
    expect(await call('prompts.history', { search: '{red', limit: 5 })).toEqual(['a {red|blue} house']);
  });
});

describe('counting tokens', () => {
  it('counts with the tokenizer of the model, in a process that ends with the studio', async () => {
    const { call, model } = studio();
    const { folder } = writeTinyModel(testFolder());
    model.path = folder;
    const limit = TINY_CONFIGS.transformer.ctx_size;
    expect(await call('prompts.count', { modelId: 'm1', text: 'a cat' })).toEqual({ tokens: 5, limit });
    expect(await call('prompts.count', { modelId: 'm1', text: '' })).toEqual({ tokens: 0, limit });
    expect(await call('prompts.count', { modelId: 'm1', text: '猫' })).toEqual({ tokens: 3, limit });
    const long = 'x'.repeat(100_000);
    expect(await call('prompts.count', { modelId: 'm1', text: long })).toEqual({ tokens: 100_000, limit });
  });

  it('takes the tokenizer that lies elsewhere', async () => {
    const { call, model } = studio();
    const { transformer, tokenizer } = writeTinyModel(testFolder());
    model.path = transformer;
    model.tokenizer = tokenizer;
    expect(await call('prompts.count', { modelId: 'm1', text: 'a cat' })).toMatchObject({ tokens: 5 });
  });

  it('is nothing for a model that takes no text', async () => {
    const { call, model } = studio();
    const transformer = { ...TINY_CONFIGS.transformer, ctx_dim: null };
    model.path = writeTinyModel(testFolder(), { transformer }).folder;
    expect(await call('prompts.count', { modelId: 'm1', text: 'a cat' })).toBeNull();
  });

  it('says what is wrong with a tokenizer, and goes on with the next question', async () => {
    const { call, model } = studio();
    const { folder, tokenizer } = writeTinyModel(testFolder());
    model.path = folder;
    writeFileSync(join(tokenizer, 'tokenizer.json'), '{"model":');
    const error = await errorOf(() => call('prompts.count', { modelId: 'm1', text: 'a cat' }));
    expect(error.message).toContain('tokenizer.json');
    expect(error.code).toMatch(/^bad-/);
    model.path = writeTinyModel(testFolder()).folder;
    expect(await call('prompts.count', { modelId: 'm1', text: 'a cat' })).toMatchObject({ tokens: 5 });
  });

  it('starts anew after its process was killed', async () => {
    const counter = newCounter();
    const { folder: path } = writeTinyModel(testFolder());
    await counter.count({ path }, 'a cat');
    const first = counter.processId!;
    const waiting = counter.count({ path }, 'a dog');
    process.kill(first, 'SIGKILL');
    const outcome = await waiting.catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'internal' });
    await ended(first);
    expect(await counter.count({ path }, 'a cat')).toMatchObject({ tokens: 5 });
    expect(counter.processId).not.toBe(first);
  });

  it('gives the memory back when nobody asks any more', async () => {
    const counter = newCounter(1);
    const { folder: path } = writeTinyModel(testFolder());
    const counting = counter.count({ path }, 'a cat');
    const first = counter.processId!;
    expect(await counting).toMatchObject({ tokens: 5 });
    await ended(first);
    expect(counter.processId).toBeUndefined();
    expect(await counter.count({ path }, 'cat')).toMatchObject({ tokens: 3 });
  });

  it('leaves no process behind when it is closed', async () => {
    const counter = newCounter();
    const { folder: path } = writeTinyModel(testFolder());
    await counter.count({ path }, 'a cat');
    const first = counter.processId!;
    counter.close();
    await ended(first);
  });
});

function newHistory(): PromptHistory {
  return new PromptHistory(openDatabase(join(testFolder(), 'studio.db')));
}

function wildcardFolder() {
  const folder = join(testFolder(), 'wildcards');
  mkdirSync(folder);
  const write = (path: string, content: string): string => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
    return join(folder, path);
  };
  return { folder, write, wildcards: new Wildcards(() => folder) };
}

function newCounter(idleMs?: number): TokenCounter {
  const counter = new TokenCounter(idleMs);
  onTestFinished(() => counter.close());
  return counter;
}

/** Waits until there is no such process. */
async function ended(processId: number): Promise<void> {
  await waitFor(() => expect(isRunning(processId)).toBe(false));
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}

type PromptCall = keyof Prompts['handlers'];

function studio() {
  const wildcards = testFolder();
  const database = openDatabase(join(testFolder(), 'studio.db'));
  const model: { path: string; tokenizer?: string } = { path: '' };
  const absent = () => {
    throw new Error('not asked for here');
  };
  const models: Models = {
    list: absent,
    get: absent,
    loadable: () => ({ ...model, adapters: [] }),
    findByName: (): Model | undefined => undefined,
  };
  const current = { wildcardFolder: wildcards } as Settings;
  const settings = { get: () => current, change: absent };
  const prompts = new Prompts({ database, models, settings });
  onTestFinished(() => prompts.close());
  const call = async <N extends PromptCall>(name: N, input: Input<N>): Promise<Output<N>> =>
    prompts.handlers[name](input);
  return { prompts, wildcards, model, call };
}
