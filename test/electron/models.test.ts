import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Model } from '../../electron/contract.ts';
import { f32 } from '../../engine/graph/dtype.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { testFolder } from '../helpers/folder.ts';
import { prefixed, writeTinyModel, type TinyModel } from '../helpers/tiny-model.ts';
import { openShelf } from './models-fixture.ts';

let tiny: TinyModel;
beforeEach(() => {
  tiny = writeTinyModel(join(testFolder(), 'Tiny'));
});
afterEach(() => vi.unstubAllEnvs());

describe('a model that is imported', () => {
  it('says what is inside, how large it is and what it was trained for', () => {
    writeFileSync(join(tiny.folder, 'README.md'), '---\nlicense: apache-2.0 # yes\n---\n# Tiny\n');
    const { shelf, told } = openShelf();
    const model = shelf.addFound(tiny.folder);
    expect(model).toMatchObject({
      kind: 'model',
      name: 'Tiny',
      path: tiny.folder,
      usualSide: 64,
      positions: 'bounding_box',
      isOwned: false,
    });
    expect(model.problem).toBeUndefined();
    expect(model.licence).toBe('apache-2.0');
    expect(model.parts.map(({ part }) => part)).toEqual(['transformer', 'text encoder', 'tokenizer', 'VAE']);
    expect(summaryOf(model, 'transformer')).toMatch(/^XUT, [\d.]+ k parameters, float32$/);
    expect(summaryOf(model, 'text encoder')).toMatch(/^Qwen3, [\d.]+ k parameters, float32$/);
    expect(summaryOf(model, 'VAE')).toMatch(/^AutoencoderKL, /);
    expect(model.sizeBytes).toBeGreaterThan(openSafetensors(tiny.transformer).sizeBytes);
    expect(told.at(-1)).toEqual([model]);
  });

  it('names the prompts to begin with that it brought along', () => {
    const { shelf } = openShelf();
    const { id, examples } = shelf.addFound(tiny.folder);
    expect(examples).toBeUndefined();
    const brought = [{ prompt: 'a red circle' }, { prompt: 'a wide sea', ratio: 1.5 }];
    writeFileSync(join(tiny.folder, 'model_index.json'), JSON.stringify({ examples: brought }));
    expect(shelf.get(id).examples).toEqual([{ prompt: 'a red circle', ratio: 1 }, brought[1]]);
  });

  it.each([
    ['its model_index.json', () => join(tiny.folder, 'model_index.json')],
    ['the file of its transformer', () => tiny.transformer],
    ['the folder of its transformer', () => dirname(tiny.transformer)],
  ])('is the whole folder when %s was chosen', (_what, path) => {
    expect(openShelf().shelf.addFound(path()).path).toBe(tiny.folder);
  });

  it('is the same model when it is imported again', () => {
    const { shelf } = openShelf();
    const first = shelf.addFound(tiny.folder);
    expect(shelf.addFound(`${tiny.folder}/`)).toEqual(first);
    expect(shelf.list()).toHaveLength(1);
  });

  it('may be a single file with everything but the tokenizer in it, and the tokenizer beside', () => {
    const path = join(testFolder(), 'whole.safetensors');
    writeSingleFile(path);
    cpSync(tiny.tokenizer, join(dirname(path), 'tokenizer'), { recursive: true });
    const model = openShelf().shelf.addFound(path);
    expect(model).toMatchObject({ name: 'whole', sizeBytes: openSafetensors(path).sizeBytes });
    expect(model.problem).toBeUndefined();
    expect(model.parts.map((part) => part.path)).toEqual([
      path,
      path,
      join(dirname(path), 'tokenizer'),
      path,
    ]);
  });

  it('gets a name that no other has', () => {
    const { shelf } = openShelf();
    const other = writeTinyModel(join(testFolder(), 'Tiny'));
    expect(shelf.addFound(tiny.folder).name).toBe('Tiny');
    expect(shelf.addFound(other.folder).name).toBe('Tiny (2)');
  });

  it('becomes the chosen one when none is', () => {
    const { shelf, settings } = openShelf();
    const first = shelf.addFound(tiny.folder);
    shelf.addFound(writeTinyModel(join(testFolder(), 'other')).folder);
    expect(settings.get().modelId).toBe(first.id);
  });

  it('is still there after a restart', () => {
    const data = join(testFolder(), 'data');
    const model = openShelf(data).shelf.addFound(tiny.folder, { licence: 'mit', name: 'My model' });
    expect(openShelf(data).shelf.list()).toEqual([model]);
    expect(model).toMatchObject({ licence: 'mit', name: 'My model' });
  });

  it('is given to the engine with its adapters', () => {
    const { shelf } = openShelf();
    const model = shelf.addFound(tiny.folder);
    const adapter = shelf.addFound(writeAdapter(join(testFolder(), 'style.safetensors')));
    const loadable = shelf.loadable(model.id, [{ modelId: adapter.id, strength: 0.5 }]);
    expect(loadable).toEqual({ path: tiny.folder, adapters: [{ path: adapter.path, strength: 0.5 }] });
    expect(() => shelf.loadable(adapter.id, [{ modelId: model.id, strength: 1 }])).toThrow(/not an adapter/);
  });

  it.each(['Tiny', 'tiny', 'TINY.safetensors'])('is found by the name "%s" of a picture', (name) => {
    const { shelf } = openShelf();
    const { id } = shelf.addFound(tiny.folder);
    expect(shelf.findByName(name, 'model')?.id).toBe(id);
    expect(shelf.findByName(name, 'adapter')).toBeUndefined();
    expect(shelf.findByName('other', 'model')).toBeUndefined();
  });
});

describe('an import is refused', () => {
  const refusal = (path: string): string => {
    const { shelf } = openShelf();
    try {
      shelf.addFound(path);
    } catch (error) {
      expect(shelf.list()).toEqual([]);
      return (error as Error).message;
    }
    throw new Error('it was not refused');
  };

  it('naming the weight that is missing', () => {
    rewrite(tiny.transformer, (tensors) => tensors.delete('model.backbone.enc_blocks.1.0.mlp.w12.bias'));
    expect(refusal(tiny.folder)).toMatch(
      /the weight "backbone\.enc_blocks\.1\.0\.mlp\.w12\.bias" is missing/,
    );
  });

  it('naming the weight that has another shape', () => {
    rewrite(tiny.vae, (tensors) => tensors.set('decoder.conv_norm_out.weight', f32([3], [1, 1, 1])));
    expect(refusal(tiny.folder)).toMatch(
      /"decoder\.conv_norm_out\.weight" as \[8\] by the config, got \[3\]/,
    );
  });

  it('naming the value of the config that does not agree', () => {
    const config = join(tiny.folder, 'transformer', 'config.json');
    const fields = JSON.parse(readFileSync(config, 'utf8')) as object;
    writeFileSync(config, JSON.stringify({ ...fields, depth: 3 }));
    expect(refusal(tiny.folder)).toMatch(/"depth" is 3, but the weights say 2/);
  });

  it('naming what the file is and its first tensor', () => {
    const path = join(testFolder(), 'sdxl.safetensors');
    writeSafetensors(path, new Map([['model.diffusion_model.input_blocks.0.0.weight', f32([1], [0])]]));
    expect(refusal(path)).toMatch(/Stable Diffusion.*"model\.diffusion_model\.input_blocks\.0\.0\.weight"/);
  });

  it('listing the models in a folder that is none itself', () => {
    const folder = dirname(tiny.folder);
    writeTinyModel(join(folder, 'Second'));
    mkdirSync(join(folder, 'notes'));
    expect(refusal(folder)).toMatch(/several models lie in this folder: Second, Tiny\. Choose one/);
  });

  it('listing the model files of a folder that holds several', () => {
    const folder = testFolder();
    writeSingleFile(join(folder, 'a.safetensors'));
    writeSingleFile(join(folder, 'b.safetensors'));
    expect(refusal(folder)).toMatch(/several models lie in this folder: a\.safetensors, b\.safetensors/);
  });

  it.each([
    ['an empty folder', () => testFolder(), /there is no \.safetensors file in this folder/],
    ['a pickle', () => written('model.ckpt', 'PK\u0003\u0004'), /pickle checkpoint/],
    ['a web page', () => written('model.safetensors', '<!doctype html><p>log in'), /web page/],
    ['nothing', () => join(testFolder(), 'nothing'), /no such file or folder/],
  ])('of %s', (_what, path, words) => {
    expect(refusal(path())).toMatch(words);
  });
});

describe('the list of models', () => {
  it('says so when the files are gone, and takes it back when they are there again', () => {
    const { shelf } = openShelf();
    const { id } = shelf.addFound(tiny.folder);
    renameSync(tiny.folder, `${tiny.folder} away`);
    expect(shelf.get(id)).toMatchObject({
      problem: expect.stringMatching(/^The file is gone, or cannot be read\./) as string,
      sizeBytes: 0,
    });
    expect(() => shelf.loadable(id, [])).toThrow(/Tiny: The file is gone/);
    renameSync(`${tiny.folder} away`, tiny.folder);
    expect(shelf.get(id).problem).toBeUndefined();
  });

  it('sees a file that changed', () => {
    const { shelf } = openShelf();
    const { id } = shelf.addFound(tiny.folder);
    rewrite(tiny.vae, (tensors) => tensors.delete('decoder.conv_out.bias'));
    expect(shelf.get(id).problem).toMatch(/"decoder\.conv_out\.bias" is missing/);
  });

  it('renames a model, but not to the name of another', () => {
    const { shelf, told } = openShelf();
    const { id } = shelf.addFound(tiny.folder);
    const other = shelf.addFound(writeTinyModel(join(testFolder(), 'other')).folder);
    void shelf.handlers['models.rename']({ id, name: 'Best' });
    expect(told.at(-1)!.map(({ name }) => name)).toEqual(['Best', 'other']);
    expect(() => shelf.handlers['models.rename']({ id: other.id, name: 'Best' })).toThrow(/another model/);
  });

  it('refuses an id that it does not know', () => {
    expect(() => openShelf().shelf.get('nobody')).toThrow(expect.objectContaining({ code: 'bad-usage' }));
  });
});

describe('a model that is removed', () => {
  it('leaves its files alone when they lie elsewhere', async () => {
    const { shelf } = openShelf();
    const { id } = shelf.addFound(tiny.folder);
    const remove = shelf.handlers['models.remove'];
    await expect(remove({ id, deleteFiles: true })).rejects.toThrow(/so its files stay/);
    await remove({ id, deleteFiles: false });
    expect(shelf.list()).toEqual([]);
    expect(existsSync(tiny.transformer)).toBe(true);
  });

  it('loses its files when they are our own and the person asked', async () => {
    const { shelf, places } = openShelf();
    const own = writeTinyModel(join(places.models, 'Own'));
    const model = shelf.addFound(own.folder);
    expect(model.isOwned).toBe(true);
    await shelf.handlers['models.remove']({ id: model.id, deleteFiles: true });
    expect(existsSync(own.folder)).toBe(false);
    expect(existsSync(places.models)).toBe(true);
  });

  it('does not take what a link in the models folder leads to', async () => {
    const { shelf, places } = openShelf();
    symlinkSync(dirname(tiny.folder), join(places.models, 'link'));
    const model = shelf.addFound(join(places.models, 'link', 'Tiny'));
    expect(model.isOwned).toBe(false);
    const link = join(places.models, 'direct');
    symlinkSync(tiny.folder, link);
    const linked = shelf.addFound(link);
    await shelf.handlers['models.remove']({ id: linked.id, deleteFiles: true });
    expect(existsSync(link)).toBe(false);
    expect(existsSync(tiny.transformer)).toBe(true);
  });

  it('stays off the list at the next start, until it is imported again', async () => {
    const data = join(testFolder(), 'data');
    const first = openShelf(data);
    const { folder } = writeTinyModel(join(first.places.models, 'Own'));
    const { id } = first.shelf.addFound(folder);
    await first.shelf.handlers['models.remove']({ id, deleteFiles: false });
    const { shelf } = openShelf(data);
    await shelf.scan();
    expect(shelf.list()).toEqual([]);
    expect(shelf.addFound(folder).path).toBe(folder);
  });

  it.each(['elsewhere', 'in the models folder'])(
    'and lay %s gives its place as the chosen one',
    async (place) => {
      const { shelf, settings, places } = openShelf();
      const isOwned = place !== 'elsewhere';
      const first = shelf.addFound(isOwned ? writeTinyModel(join(places.models, 'own')).folder : tiny.folder);
      const second = shelf.addFound(writeTinyModel(join(testFolder(), 'other')).folder);
      expect([first.isOwned, settings.get().modelId]).toEqual([isOwned, first.id]);
      await shelf.handlers['models.remove']({ id: first.id, deleteFiles: false });
      expect(settings.get().modelId).toBe(second.id);
    },
  );
});

describe('at the start', () => {
  it('models in the models folder are added, also in folders of folders, and nothing else', async () => {
    const { shelf, places, told } = openShelf();
    writeTinyModel(join(places.models, 'One'));
    writeTinyModel(join(places.models, 'by me', 'Two'));
    writeSingleFile(join(places.models, 'three.safetensors'));
    cpSync(dirname(tiny.textEncoder), join(places.models, 'encoder'), { recursive: true });
    mkdirSync(join(places.models, '.hidden'));
    expect(await shelf.scan()).toEqual([]);
    expect(shelf.list().map(({ name }) => name)).toEqual(['One', 'three', 'Two']);
    expect(told).toHaveLength(1);
  });

  it('what cannot be added is told, and the rest is added', async () => {
    const { shelf, places } = openShelf();
    writeFileSync(join(places.models, 'broken.safetensors'), 'nonsense');
    writeTinyModel(join(places.models, 'One'));
    const problems = await shelf.scan();
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('broken.safetensors') as string,
    ]);
    expect(shelf.list()).toHaveLength(1);
  });

  it('the model of HDM_STUDIO_MODEL is added and chosen, unless one is chosen', async () => {
    vi.stubEnv('HDM_STUDIO_MODEL', tiny.folder);
    const first = openShelf();
    await first.shelf.scan();
    const [model] = first.shelf.list();
    expect(first.settings.get().modelId).toBe(model!.id);

    const second = openShelf();
    const { id } = second.shelf.addFound(writeTinyModel(join(testFolder(), 'other')).folder);
    await second.shelf.scan();
    expect(second.shelf.list()).toHaveLength(2);
    expect(second.settings.get().modelId).toBe(id);
  });

  it('a wrong HDM_STUDIO_MODEL is told', async () => {
    vi.stubEnv('HDM_STUDIO_MODEL', '/nowhere/at/all');
    expect((await openShelf().shelf.scan())[0]?.message).toMatch(/no such file or folder/);
  });
});

describe('a model that was sent', () => {
  const send = async (path: string, name: string) => {
    const opened = openShelf();
    const { id } = await opened.uploads.receive(chunks(readFileSync(path)), { maxBytes: 1e9 });
    return { ...opened, kept: opened.shelf.handlers['models.keepUpload']({ uploadId: id, name }) };
  };

  it('becomes one of our own under a safe name', async () => {
    const path = join(testFolder(), 'x.safetensors');
    writeSingleFile(path);
    const { kept, places } = await send(path, '../My: model?.safetensors');
    const model = await kept;
    expect(model).toMatchObject({ name: '../My: model?', isOwned: true });
    expect(model.path).toBe(join(places.models, 'My model.safetensors'));
  });

  it('is deleted when it is refused', async () => {
    const path = written('x.safetensors', 'nonsense');
    const { kept, places } = await send(path, 'x');
    await expect(kept).rejects.toThrow(/not a safetensors file/);
    expect(existsSync(join(places.models, 'x.safetensors'))).toBe(false);
    expect(readdirSync(places.uploads)).toEqual([]);
  });
});

function summaryOf({ parts }: Model, wanted: string): string | undefined {
  return parts.find(({ part }) => part === wanted)?.summary;
}

function written(name: string, text: string): string {
  const path = join(testFolder(), name);
  writeFileSync(path, text);
  return path;
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function rewrite(path: string, change: (tensors: ReturnType<typeof readTensors>) => unknown): void {
  const tensors = readTensors(openSafetensors(path));
  change(tensors);
  rmSync(path);
  writeSafetensors(path, tensors);
}

/** Transformer, text encoder and VAE of the tiny model as one file; sizes that leave no trace are in its metadata. */
function writeSingleFile(path: string): void {
  const tensors = new Map([
    ...prefixed('unet.', readTensors(openSafetensors(tiny.transformer))),
    ...prefixed('te.', readTensors(openSafetensors(tiny.textEncoder))),
    ...prefixed('vae.', readTensors(openSafetensors(tiny.vae))),
  ]);
  writeSafetensors(path, tensors);
}

function writeAdapter(path: string): string {
  const layer = 'lycoris_backbone_enc_blocks_1_0_attn_qkv';
  writeSafetensors(
    path,
    new Map([
      [`${layer}.lora_up.weight`, f32([96, 2], new Float32Array(192))],
      [`${layer}.lora_down.weight`, f32([2, 32], new Float32Array(64))],
    ]),
  );
  return path;
}
