import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Model } from '../../electron/contract.ts';
import { f32 } from '../../engine/graph/dtype.ts';
import { qwen3Config } from '../../engine/models/qwen3.ts';
import { xutConfig } from '../../engine/models/xut-config.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { testFolder } from '../helpers/folder.ts';
import { prefixed, TINY_CONFIGS, writeTinyModel, type TinyModel } from '../helpers/tiny-model.ts';
import { openShelf, type ShelfOfTest } from './models-fixture.ts';

/** As the released model is passed around: transformer and VAE in one file, the text encoder apart. */
let bare = '';
let tiny: TinyModel;
let studio: ShelfOfTest;

beforeEach(() => {
  tiny = writeTinyModel(join(testFolder(), 'Tiny'));
  bare = join(testFolder(), 'bare.safetensors');
  const tensors = new Map([
    ...prefixed('unet.', readTensors(openSafetensors(tiny.transformer))),
    ...prefixed('vae.', readTensors(openSafetensors(tiny.vae))),
  ]);
  writeSafetensors(bare, tensors);
  studio = openShelf();
});

describe('a model without a text encoder', () => {
  it('says what it lacks and what to do', () => {
    const model = studio.shelf.addFound(bare);
    expect(model.problem).toBe(
      'Missing: text encoder, tokenizer. Put what is missing into the models folder, or choose where it lies.',
    );
    expect(part(model, 'text encoder')).toEqual({
      part: 'text encoder',
      summary: 'Missing: a Qwen3 or Gemma3 of width 24',
    });
    expect(() => studio.shelf.loadable(model.id, [])).toThrow(/Missing: text encoder, tokenizer/);
  });

  it('takes that of another model, with its tokenizer', () => {
    studio.shelf.addFound(tiny.folder);
    const model = studio.shelf.addFound(bare);
    expect(model.problem).toBeUndefined();
    expect(part(model, 'tokenizer')?.path).toBe(tiny.tokenizer);
    expect(studio.shelf.loadable(model.id, [])).toEqual({
      path: bare,
      textEncoder: dirname(tiny.textEncoder),
      tokenizer: tiny.tokenizer,
      adapters: [],
    });
  });

  it('takes one from the models folder, as hubs have it: all in one folder', () => {
    const folder = encoderFolder(join(studio.places.models, 'deep', 'Qwen3'));
    const model = studio.shelf.addFound(bare);
    expect(model.problem).toBeUndefined();
    expect([part(model, 'text encoder')?.path, part(model, 'tokenizer')?.path]).toEqual([folder, folder]);
  });

  it('takes one that comes into the models folder later, at the next start', async () => {
    const { id } = studio.shelf.addFound(bare);
    encoderFolder(join(studio.places.models, 'Qwen3'));
    await studio.shelf.scan();
    expect(studio.shelf.get(id).problem).toBeUndefined();
    expect(studio.settings.get().modelId).toBe(id);
  });

  it('passes over those of another width, and damaged ones', () => {
    const wide = qwen3Config.parse({ ...TINY_CONFIGS.textEncoder, hidden_size: 32 });
    const other = writeTinyModel(join(testFolder(), 'wide'), {
      textEncoder: wide,
      transformer: xutConfig.parse({ ...TINY_CONFIGS.transformer, ctx_dim: 32 }),
    });
    studio.shelf.addFound(other.folder);
    const broken = encoderFolder(join(studio.places.models, 'broken'));
    spoil(join(broken, 'model.safetensors'));
    expect(studio.shelf.addFound(bare).problem).toMatch(/^Missing: text encoder/);
  });

  it('is completed by a text encoder that is imported by itself', () => {
    const { id } = studio.shelf.addFound(bare);
    const folder = encoderFolder(join(testFolder(), 'Qwen3'));
    expect(studio.shelf.addFound(folder)).toMatchObject({ id });
    expect(studio.shelf.get(id).problem).toBeUndefined();
  });

  it('looks again when what it took is gone', async () => {
    const first = encoderFolder(join(studio.places.models, 'a'));
    const { id } = studio.shelf.addFound(bare);
    rmSync(first, { recursive: true });
    expect(studio.shelf.get(id).problem).toMatch(/^Missing/);
    const second = encoderFolder(join(studio.places.models, 'b'));
    await studio.shelf.scan();
    expect(part(studio.shelf.get(id), 'text encoder')?.path).toBe(second);
  });
});

it('a text encoder that no model lacks is refused with the reason', () => {
  const folder = encoderFolder(join(testFolder(), 'Qwen3'));
  expect(() => studio.shelf.addFound(folder)).toThrow(/part of a model.*no model here lacks one/);
});

it('a tokenizer is found by the number of its tokens', () => {
  const folder = encoderFolder(join(testFolder(), 'encoder'));
  rmSync(join(folder, 'tokenizer.json'));
  const wrong = join(studio.places.models, 'other tokenizer');
  mkdirSync(wrong);
  writeFileSync(join(wrong, 'tokenizer.json'), JSON.stringify({ model: { vocab: { a: 0 } } }));
  const lone = join(studio.places.models, 'tokenizer files');
  cpSync(tiny.tokenizer, lone, { recursive: true });
  const { id } = studio.shelf.addFound(bare);
  const model = setParts(id, { textEncoder: folder });
  expect(model.problem).toBeUndefined();
  expect(part(model, 'tokenizer')?.path).toBe(lone);
});

it('a model without a VAE takes one that lies in the models folder as a single file', () => {
  cpSync(tiny.vae, join(studio.places.models, 'sdxl-vae.safetensors'));
  rmSync(join(tiny.folder, 'vae'), { recursive: true });
  const model = studio.shelf.addFound(tiny.folder);
  expect(part(model, 'VAE')?.path).toBe(join(studio.places.models, 'sdxl-vae.safetensors'));
  expect(model.problem).toBeUndefined();
});

describe('parts that a person chooses', () => {
  it('count before those that were found, and also after a restart', () => {
    studio.shelf.addFound(tiny.folder);
    const { id } = studio.shelf.addFound(bare);
    const folder = encoderFolder(join(testFolder(), 'mine'));
    const model = setParts(id, { textEncoder: folder });
    expect([part(model, 'text encoder')?.path, part(model, 'tokenizer')?.path]).toEqual([folder, folder]);
    expect(openShelf(studio.places.data).shelf.get(id)).toEqual(model);
  });

  it('are looked for again when they are taken back', () => {
    studio.shelf.addFound(tiny.folder);
    const { id } = studio.shelf.addFound(bare);
    setParts(id, { textEncoder: encoderFolder(join(testFolder(), 'mine')) });
    expect(part(setParts(id, { textEncoder: null }), 'text encoder')?.path).toBe(dirname(tiny.textEncoder));
  });

  it('are refused when they do not fit, and nothing changes', () => {
    const { id } = studio.shelf.addFound(bare);
    const narrow = qwen3Config.parse({ ...TINY_CONFIGS.textEncoder, hidden_size: 32 });
    const other = writeTinyModel(join(testFolder(), 'x'), { textEncoder: narrow });
    const before = studio.shelf.get(id);
    expect(() => setParts(id, { textEncoder: other.textEncoder })).toThrow(
      /states of 32 numbers, the model takes 24/,
    );
    expect(() => setParts(id, { vae: tiny.textEncoder })).toThrow(/there is no VAE/);
    expect(() => setParts(id, { tokenizer: testFolder() })).toThrow(/there is no tokenizer\.json/);
    const damaged = encoderFolder(join(testFolder(), 'damaged'));
    spoil(join(damaged, 'model.safetensors'));
    expect(() => setParts(id, { textEncoder: damaged })).toThrow(
      /"layers\.1\.mlp\.up_proj\.weight" as \[40, 24\]/,
    );
    expect(() => setParts(id, { vae: '/nowhere' })).toThrow(/no such file or folder/);
    expect(studio.shelf.get(id)).toEqual(before);
  });
});

it('a model whose parts do not fit each other says so', () => {
  const vae = { ...TINY_CONFIGS.vae, block_out_channels: [8, 8, 8] };
  const { folder } = writeTinyModel(join(testFolder(), 'odd'), { vae });
  expect(studio.shelf.addFound(folder).problem).toMatch(
    /^Expected a VAE that shrinks pictures 8 times, got 4/,
  );
});

describe.skipIf(!existsSync('../shared/bootstrap'))('the bootstrap model (where ../shared is)', () => {
  it('can draw as it is', () => {
    const model = studio.shelf.addFound('../shared/bootstrap');
    expect(model).toMatchObject({ name: 'bootstrap', usualSide: 256 });
    expect(model.problem).toBeUndefined();
    expect(part(model, 'transformer')?.summary).toBe('XUT, 14.4 M parameters, float16');
  });
});

function part({ parts }: Model, wanted: string) {
  return parts.find((each) => each.part === wanted);
}

function setParts(
  id: string,
  parts: { textEncoder?: string | null; vae?: string; tokenizer?: string },
): Model {
  return studio.shelf.handlers['models.setParts']({ id, ...parts }) as Model;
}

/** Gives one weight of a text encoder another shape. */
function spoil(path: string): void {
  const tensors = readTensors(openSafetensors(path));
  tensors.set('layers.1.mlp.up_proj.weight', f32([1, 1], [0]));
  writeSafetensors(path, tensors);
}

/** Text encoder and tokenizer in one folder. */
function encoderFolder(folder: string): string {
  cpSync(dirname(tiny.textEncoder), folder, { recursive: true });
  cpSync(tiny.tokenizer, folder, { recursive: true });
  return folder;
}
