import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { convert, f32, type DType, type TensorData } from '../../engine/graph/dtype.ts';
import { xutConfig } from '../../engine/models/xut-config.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { drawPixels, type DrawOptions } from '../helpers/draw.ts';
import { copyOf, testFolder } from '../helpers/folder.ts';
import { prefixed, TINY_CONFIGS, writeTinyModel, type TinyModel } from '../helpers/tiny-model.ts';

const BOOTSTRAP = fileURLToPath(new URL('../../../shared/bootstrap', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../../shared/golden', import.meta.url));

let model: TinyModel;
let picture: Uint8Array;
let folder = '';

beforeAll(async () => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-layouts-')));
  picture = await drawPixels(model.folder);
});
afterAll(() => rmSync(model.folder, { recursive: true }));
beforeEach(() => {
  folder = testFolder();
});

describe('the same picture comes', () => {
  it('a second time', async () => {
    expect(await drawPixels(model.folder)).toEqual(picture);
  });

  it('from one file with all parts, as the released model has it', async () => {
    const path = singleFile(join(folder, 'hdm.safetensors'));
    expect(await drawPixels(path, { tokenizer: model.tokenizer })).toEqual(picture);
  });

  it('from one file with the prefixes of ComfyUI', async () => {
    const path = singleFile(join(folder, 'hdm.safetensors'), {
      transformer: 'model.diffusion_model.',
      textEncoder: 'text_encoders.qwen3_06b.transformer.model.',
      vae: 'first_stage_model.',
    });
    expect(await drawPixels(path, { tokenizer: model.tokenizer })).toEqual(picture);
  });

  it('from one file with the tokenizer beside it', async () => {
    const path = singleFile(join(folder, 'hdm.safetensors'));
    cpSync(model.tokenizer, join(folder, 'tokenizer'), { recursive: true });
    expect(await drawPixels(path)).toEqual(picture);
  });

  it('from a folder with one file, and the files of the tokenizer in it', async () => {
    singleFile(join(folder, 'hdm.safetensors'));
    cpSync(model.tokenizer, folder, { recursive: true });
    expect(await drawPixels(folder)).toEqual(picture);
  });

  it('from a transformer in one file and the other parts in files elsewhere', async () => {
    const path = join(folder, 'xut.safetensors');
    writeSafetensors(path, new Map([...prefixed('unet.', tensorsOf(model.transformer)), ...statistics()]));
    copyContext(path);
    const textEncoder = join(testFolder(), 'qwen.safetensors');
    cpSync(model.textEncoder, textEncoder);
    const vae = join(testFolder(), 'vae.safetensors');
    cpSync(model.vae, vae);
    expect(await drawPixels(path, { textEncoder, vae, tokenizer: model.tokenizer })).toEqual(picture);
  });

  it('from weight files of a diffusers folder, with the configs beside them', async () => {
    cpSync(model.transformer, join(folder, 'xut.safetensors'));
    copyContext(join(folder, 'xut.safetensors'));
    const { textEncoder, vae, tokenizer } = model;
    expect(await drawPixels(join(folder, 'xut.safetensors'), { textEncoder, vae, tokenizer })).toEqual(
      picture,
    );
  });

  it('with parts of another model, named by its folder', async () => {
    const copy = copyOf(model.folder);
    for (const part of ['text_encoder', 'vae']) rmSync(join(copy, part), { recursive: true });
    const [textEncoder, vae] = [model.folder, model.folder];
    expect(await drawPixels(copy, { textEncoder, vae })).toEqual(picture);
  });

  it.each(['', 'model.safetensors'])(
    'with the tokenizer beside a text encoder elsewhere: %j',
    async (file) => {
      const elsewhere = testFolder();
      cpSync(dirname(model.textEncoder), elsewhere, { recursive: true });
      cpSync(model.tokenizer, elsewhere, { recursive: true });
      const copy = copyOf(model.folder);
      rmSync(join(copy, 'tokenizer'), { recursive: true });
      expect(await drawPixels(copy, { textEncoder: join(elsewhere, file) })).toEqual(picture);
    },
  );

  it('from one file with the other parts in folders beside it', async () => {
    for (const part of ['text_encoder', 'vae', 'tokenizer', 'model_index.json']) {
      cpSync(join(model.folder, part), join(folder, part), { recursive: true });
    }
    cpSync(model.transformer, join(folder, 'xut.safetensors'));
    expect(await drawPixels(join(folder, 'xut.safetensors'))).toEqual(picture);
  });

  it('from a transformer in several files', async () => {
    const copy = copyOf(model.folder);
    const path = join(copy, 'transformer', basename(model.transformer));
    const tensors = [...tensorsOf(path)];
    const half = tensors.length / 2;
    rmSync(path);
    writeSafetensors(path.replace('.safe', '-00001-of-00002.safe'), new Map(tensors.slice(0, half)));
    writeSafetensors(path.replace('.safe', '-00002-of-00002.safe'), new Map(tensors.slice(half)));
    expect(await drawPixels(copy)).toEqual(picture);
  });

  it('through links, as download caches hold them', async () => {
    const copy = copyOf(model.folder);
    const path = join(copy, 'transformer', basename(model.transformer));
    renameSync(path, join(folder, '1f0c'));
    symlinkSync(join(folder, '1f0c'), path);
    expect(await drawPixels(copy)).toEqual(picture);
  });

  it('without configs, read off the weights', async () => {
    const copy = copyOf(model.folder);
    for (const part of ['transformer', 'text_encoder']) rmSync(join(copy, part, 'config.json'));
    const { latents_mean, latents_std } = TINY_CONFIGS.vae;
    writeFileSync(join(copy, 'vae/config.json'), JSON.stringify({ latents_mean, latents_std }));
    expect(await drawPixels(copy)).toEqual(picture);
  });

  it('with configs that begin with a byte order mark', async () => {
    const copy = copyOf(model.folder);
    writeFileSync(join(copy, 'transformer/config.json'), `\uFEFF${JSON.stringify(TINY_CONFIGS.transformer)}`);
    expect(await drawPixels(copy)).toEqual(picture);
  });

  it('from a path with spaces, quotes and other alphabets', async () => {
    const odd = join(folder, `it's a "model" 模型 100%`);
    cpSync(model.folder, odd, { recursive: true });
    expect(await drawPixels(odd)).toEqual(picture);
  });
});

describe.each<DType>(['f16', 'bf16'])('weights in %s', (dtype) => {
  it('make nearly the same picture', async () => {
    const path = singleFile(join(folder, 'hdm.safetensors'), undefined, dtype);
    const other = await drawPixels(path, { tokenizer: model.tokenizer });
    const difference = other.reduce((sum, byte, i) => sum + Math.abs(byte - picture[i]!), 0) / other.length;
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(dtype === 'f16' ? 0.5 : 4);
  });
});

describe('the bootstrap model', () => {
  it.skipIf(!existsSync(BOOTSTRAP))('draws the same from one file as from its folder', async () => {
    const parts = {
      transformer: join(BOOTSTRAP, 'transformer/diffusion_pytorch_model.safetensors'),
      textEncoder: join(BOOTSTRAP, 'text_encoder/model.safetensors'),
      vae: join(BOOTSTRAP, 'vae/diffusion_pytorch_model.safetensors'),
    };
    const { latents_mean: mean, latents_std: std } = openCheckpoint(BOOTSTRAP).vae!.config;
    const path = join(folder, 'hdm.safetensors');
    writeSafetensors(
      path,
      new Map([
        ...prefixed('unet.', tensorsOf(parts.transformer)),
        ...prefixed('te.text_models.0.', tensorsOf(parts.textEncoder)),
        ...prefixed('vae.', tensorsOf(parts.vae)),
        ['vae_mean', f32([1, 4, 1, 1], mean!)],
        ['vae_std', f32([1, 4, 1, 1], std!)],
      ]),
    );
    cpSync(join(BOOTSTRAP, 'model_index.json'), join(folder, 'model_index.json'));
    const options: DrawOptions = { tokenizer: join(BOOTSTRAP, 'tokenizer'), request: { width: 128 } };
    expect(await drawPixels(path, options)).toEqual(await drawPixels(BOOTSTRAP, options));
  });
});

describe.skipIf(!existsSync(GOLDEN))('a config is read off the weights of', () => {
  it.each([
    'block-lists',
    'class',
    'cross-context',
    'cross-context-decoder',
    'double-time',
    'dyt',
    'half-rope',
    'layer-adaln',
    'no-tread',
    'released',
  ])('the golden model %s', (name) => {
    const file = openSafetensors(join(GOLDEN, `xut-${name}.safetensors`));
    const said = xutConfig.parse(JSON.parse(file.metadata['config']!));
    const bare = join(folder, 'bare.safetensors');
    writeSafetensors(bare, readTensors(file));
    const { config } = openCheckpoint(bare).transformer;
    expect(listed(config)).toEqual(listed({ ...said, ctx_size: config.ctx_size }));
  });

  /** With block counts as lists, and without what leaves no trace. */
  function listed({ heads: _heads, tread_config, ...config }: ReturnType<typeof xutConfig.parse>): object {
    const list = (blocks: number | number[]) =>
      typeof blocks === 'number' ? new Array<number>(config.depth).fill(blocks) : blocks;
    const tread = tread_config && { ...tread_config, dropout_ratio: 0 };
    return { ...config, tread, enc_blocks: list(config.enc_blocks), dec_blocks: list(config.dec_blocks) };
  }
});

/** The tiny model in one file; by default with the prefixes of the released one. */
function singleFile(
  path: string,
  prefixes = { transformer: 'unet.model.', textEncoder: 'te.text_models.0.', vae: 'vae.' },
  dtype: DType = 'f32',
): string {
  const tensors = new Map([
    ...prefixed(prefixes.transformer, withoutPrefix('model.', tensorsOf(model.transformer))),
    ...prefixed(prefixes.textEncoder, tensorsOf(model.textEncoder)),
    ...prefixed(prefixes.vae, tensorsOf(model.vae)),
  ]);
  const converted = new Map([...tensors].map(([name, tensor]) => [name, convert(tensor, dtype)]));
  writeSafetensors(path, new Map([...converted, ...statistics()]));
  copyContext(path);
  return path;
}

function tensorsOf(path: string): Map<string, TensorData> {
  return readTensors(openSafetensors(path));
}

function withoutPrefix<T>(prefix: string, tensors: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

function statistics(): [string, TensorData][] {
  const { latents_mean, latents_std } = TINY_CONFIGS.vae;
  return [
    ['vae_mean', f32([1, 4, 1, 1], latents_mean!)],
    ['vae_std', f32([1, 4, 1, 1], latents_std!)],
  ];
}

/** How prompts are padded is said beside the file. */
function copyContext(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  cpSync(join(model.folder, 'model_index.json'), join(dirname(path), 'model_index.json'));
}
