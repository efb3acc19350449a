import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { convert, f32, type TensorData } from '../../engine/graph/dtype.ts';
import { autoencoderConfig } from '../../engine/models/autoencoder-kl.ts';
import { qwen3Config } from '../../engine/models/qwen3.ts';
import { xutConfig } from '../../engine/models/xut-config.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { hdmStudio, refusal, type Outcome } from '../helpers/command-line.ts';
import { copyOf, testFolder } from '../helpers/folder.ts';
import { TINY_CONFIGS, writeTinyModel } from '../helpers/tiny-model.ts';

const QWEN_TOKENIZER = fileURLToPath(new URL('../../../shared/qwen3-tokenizer', import.meta.url));
const FILES = {
  transformer: 'transformer/diffusion_pytorch_model.safetensors',
  textEncoder: 'text_encoder/model.safetensors',
  vae: 'vae/diffusion_pytorch_model.safetensors',
} as const;

type Part = keyof typeof FILES;

const PARTS = Object.keys(FILES) as Part[];

/** A weight from the middle of each part. */
const WEIGHTS = {
  transformer: 'backbone.dec_blocks.0.0.mlp.w3.weight',
  textEncoder: 'layers.1.mlp.up_proj.weight',
  vae: 'decoder.mid_block.resnets.0.conv1.weight',
} as const;

let intact = '';
/** A copy of the tiny model, to be damaged. */
let model = '';
let out = '';

beforeAll(() => {
  intact = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-damage-'))).folder;
});
afterAll(() => rmSync(intact, { recursive: true }));
beforeEach(() => {
  model = copyOf(intact);
  out = testFolder();
});

/** What a drawing with the damaged model says; nothing may be written. */
async function complaint(...args: string[]): Promise<string> {
  const line = refusal(await draw(...args), 1);
  expect(readdirSync(out)).toEqual([]);
  return line;
}

function draw(...args: string[]): Promise<Outcome> {
  const usual = ['--prompt', 'a cat', '--size', '64', '--steps', '1', '--seed', '1', '--device', 'cpu'];
  return hdmStudio('sample', '--model', model, ...usual, '--out', join(out, 'a.png'), ...args);
}

describe('a weight file', () => {
  const CLAIM = '"shape":[2],"data_offsets":[0,8]';
  it.each<[string, Uint8Array | string, string]>([
    ['that is empty', '', 'the file is empty'],
    ['that is a pickle', Buffer.from('80027d71002e', 'hex'), 'pickles can run code'],
    ['that is a zipped pickle', 'PK\x03\x04 archive/data.pkl', 'pickles can run code'],
    ['that is a web page', '<!doctype html><html>', 'this is a web page'],
    ['that is a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\n', 'Git LFS pointer'],
    ['that is a text', 'Hello, this is no model at all.', 'not a safetensors file'],
    ['with an oversized header', header('{}', 2n ** 40n), 'the header claims 1099511627776 bytes'],
    ['with a header longer than the file', header('{}', 999n), 'the file is cut short'],
    ['with a header that is no JSON', header('{"a":'), 'not valid JSON'],
    ['of an unknown format', header(`{"a":{"dtype":"F8_E4M3",${CLAIM}}}`), 'number format "F8_E4M3"'],
    [
      'with overlapping tensors',
      header(`{"a":{"dtype":"F32",${CLAIM}},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
      'it overlaps the one before',
    ],
    [
      'whose shape needs other bytes',
      header(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8),
      'shape and format need 12 bytes, data_offsets hold 8',
    ],
  ])('%s is refused', async (_name, content, says) => {
    writeFileSync(join(model, FILES.transformer), content);
    const line = await complaint();
    expect(line).toContain(join(model, FILES.transformer));
    expect(line).toContain(says);
  });

  it('that is cut short is refused', async () => {
    const path = join(model, FILES.vae);
    writeFileSync(path, readFileSync(path).subarray(0, -100));
    expect(await complaint()).toMatch(/vae\/.*: the file is cut short: it has \d+ of \d+ bytes/);
  });

  it.each(PARTS)('without a weight of the %s is refused', async (part) => {
    const name = WEIGHTS[part];
    change(part, (tensors) => tensors.delete(stored(part)));
    expect(await complaint()).toContain(`${FILES[part]}: the weight "${name}" is missing`);
  });

  it.each(PARTS)('with a %s of whole numbers is refused', async (part) => {
    const name = WEIGHTS[part];
    change(part, (tensors) => tensors.set(stored(part), convert(tensors.get(stored(part))!, 'i32')));
    expect(await complaint()).toContain(`expected floating-point numbers in the weight "${name}", got i32`);
  });

  it.each(PARTS)('with a %s of another shape is refused', async (part) => {
    const name = WEIGHTS[part];
    change(part, (tensors) => {
      const { shape, ...tensor } = tensors.get(stored(part))!;
      return tensors.set(stored(part), { ...tensor, shape: [1, ...shape] });
    });
    expect(await complaint()).toMatch(
      new RegExp(`expected the weight "${name}" as .* by the config, got \\[1, `),
    );
  });

  it('of no known model is refused', async () => {
    change('transformer', (tensors) => tensors.clear());
    expect(await complaint()).toContain('there is no HDM transformer (XUT) in it');
  });
});

describe('NaN is traced to its weight', () => {
  it.each(PARTS)('in the %s', async (part) => {
    change(part, (tensors) => (tensors.get(stored(part))!.data[5] = NaN as never));
    const { code, stdout, stderr } = await draw();
    expect({ code, stdout, files: readdirSync(out) }).toEqual({ code: 1, stdout: '', files: [] });
    expect(stderr).toContain(
      `${join(model, FILES[part])}: the weight "${WEIGHTS[part]}" holds NaN or infinity. `,
    );
  });

  it('and inspect finds all of them', async () => {
    change('vae', (tensors) => {
      tensors.get('decoder.conv_in.bias')!.data[0] = Infinity;
      tensors.get('encoder.conv_in.bias')!.data[0] = NaN;
    });
    const { code, stdout } = await hdmStudio('inspect', model, '--scan', '--json');
    expect(code).toBe(1);
    const { damaged } = JSON.parse(stdout) as { damaged: string[] };
    expect(damaged.sort()).toEqual(['decoder.conv_in.bias', 'encoder.conv_in.bias']);
  });

  it('but not where only the settings are to blame', async () => {
    change('transformer', (tensors) => {
      const name = 'model.out_patch.proj.bias';
      tensors.set(name, f32(tensors.get(name)!.shape, new Float32Array(16).fill(3e38)));
    });
    const { code, stderr } = await draw('--cfg', '50', '--steps', '3');
    expect(code).toBe(1);
    expect(stderr).toMatch(/transformer: what the model computed in step \d became NaN or infinity\. Try /);
  });
});

describe('a config', () => {
  it.each<[part: string, says: string, change: object]>([
    ['transformer', '"dim" is 64, but the weights say 32', { dim: 64 }],
    ['transformer', '"dim": expected number, got "32"', { dim: '32' }],
    ['transformer', '"dim": expected int, got 32.5', { dim: 32.5 }],
    ['transformer', '"dim_head": expected a divisor of dim', { dim_head: 12 }],
    ['transformer', '"dim_head": expected number to be >0, got 0', { dim_head: 0 }],
    ['transformer', '"dim_head" is 8, but the weights say 16', { dim_head: 8 }],
    ['transformer', '"heads": expected number to be >0, got 0', { heads: 0 }],
    ['transformer', '"depth" is 1000000000, but the weights say 2', { depth: 1e9 }],
    ['transformer', '"depth" is 1, but the weights say 2', { depth: 1 }],
    ['transformer', '"enc_blocks" is 1000000000', { enc_blocks: 1e9 }],
    ['transformer', '"enc_blocks" is [1], but the weights say [1,1]', { enc_blocks: [1] }],
    ['transformer', '"enc_blocks": expected a whole number, or a list', { enc_blocks: 'one' }],
    ['transformer', '"ctx_dim" is null, but the weights say 24', { ctx_dim: null }],
    ['transformer', '"ctx_size": expected number to be <=4096', { ctx_size: 1e9 }],
    ['transformer', '"tread_config" is null', { tread_config: null }],
    ['transformer', '"skip": expected one of "deepest"|"mirrored"', { skip: 'all' }],
    ['transformer', '"patch_size" is 4, but the weights say 2', { patch_size: 4 }],
    ['transformer', '"rope_fraction": expected a part', { rope_fraction: 0.3 }],
    ['text_encoder', `"model_type": expected 'qwen3' | 'gemma3_text', got "llama"`, { model_type: 'llama' }],
    ['text_encoder', '"num_hidden_layers" is 1, but the weights say 2', { num_hidden_layers: 1 }],
    ['text_encoder', '"num_hidden_layers" is 1000000000', { num_hidden_layers: 1e9 }],
    ['text_encoder', '"num_key_value_heads": expected a divisor', { num_key_value_heads: 3 }],
    ['text_encoder', '"vocab_size" is 3, but the weights say 257', { vocab_size: 3 }],
    ['text_encoder', '"layer_types": expected one kind for each', { layer_types: ['full_attention'] }],
    ['vae', '"block_out_channels" is [8,8,8], but', { block_out_channels: [8, 8, 8] }],
    ['vae', '"block_out_channels": expected array to have >=1 items', { block_out_channels: [] }],
    ['vae', '"norm_num_groups": expected a divisor', { norm_num_groups: 3 }],
    ['vae', '"norm_num_groups": expected number to be >0', { norm_num_groups: 0 }],
    ['vae', '"latents_mean": expected one number for each', { latents_mean: [1] }],
    ['vae', '"latents_std.1": expected number to be >0, got 0', { latents_std: [1, 0, 1, 1] }],
    ['vae', '"layers_per_block" is 1000000000', { layers_per_block: 1e9 }],
  ])('of the %s that cannot be is refused: %s', async (part, says, changes) => {
    const path = join(model, part, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, ...changes }));
    const line = await complaint();
    expect(line).toContain(path);
    expect(line).toContain(says);
  });

  it.each(['{"dim": 32,\n', '', 'null', '[]', '"text"'])(
    'that is no JSON object is refused: %j',
    async (text) => {
      writeFileSync(join(model, 'vae/config.json'), text);
      expect(await complaint()).toMatch(/vae\/config\.json: (this is not valid JSON|expected object, got )/);
    },
  );

  it.each([
    ['{', 'this is not valid JSON'],
    ['[]', 'expected object'],
    ['{"context":{"padding":"most"}}', '"context.padding": expected one of'],
    [
      '{"context":{"padding":"max_length","length":1000000000}}',
      '"context.length": expected number to be <=4096',
    ],
    ['{"examples":["a cat"]}', '"examples.0": expected object, got "a cat"'],
    ['{"examples":[{"prompt":" "}]}', '"examples.0.prompt": expected string to have >=1 characters'],
    ['{"examples":[{"prompt":"a cat","ratio":9}]}', '"examples.0.ratio": expected number to be <=4'],
  ])('of the whole model that cannot be is refused: %s', async (text, says) => {
    writeFileSync(join(model, 'model_index.json'), text);
    const line = await complaint();
    expect(line).toContain('model_index.json: ');
    expect(line).toContain(says);
  });

  it('in the metadata of a file that is no JSON is refused', async () => {
    const tensors = readTensors(openSafetensors(join(model, FILES.transformer)));
    writeSafetensors(join(model, 'hdm.safetensors'), tensors, { config: '{' });
    expect(await complaint('--model', join(model, 'hdm.safetensors'))).toContain(
      'the config in its metadata',
    );
  });
});

describe('parts', () => {
  it.each([
    ['transformer', 'there is no'],
    ['text_encoder', 'the model has no text encoder. Give it with --text-encoder.'],
    ['tokenizer', 'the model has no tokenizer. Give it with --tokenizer.'],
    ['vae', 'the model has no VAE. Give it with --vae.'],
  ])('that are missing are named: %s', async (part, says) => {
    rmSync(join(model, part), { recursive: true });
    expect(await complaint()).toContain(says);
  });

  it('that are missing are named together', async () => {
    expect(await complaint('--model', join(model, 'transformer'))).toContain(
      'no text encoder and no tokenizer and no VAE. Give it with --text-encoder and --tokenizer and --vae.',
    );
  });

  it('without a file in their folder are refused', async () => {
    rmSync(join(model, FILES.vae));
    expect(await complaint()).toContain(
      `${join(model, 'vae')}: there is no .safetensors file in this folder`,
    );
  });

  it('that are only a pickle are refused', async () => {
    rmSync(join(model, FILES.vae));
    writeFileSync(join(model, 'vae/model.bin'), '');
    expect(await complaint()).toContain('only a pickle (model.bin)');
  });

  it.each([
    ['--model', 'vae', 'there is no HDM transformer (XUT) in it'],
    ['--vae', 'transformer', 'there is no VAE (AutoencoderKL) in it'],
    ['--text-encoder', 'vae', 'there is no text encoder (Qwen3 or Gemma3) in it'],
    ['--tokenizer', 'vae', 'there is no tokenizer.json'],
    ['--model', 'model_index.json', 'this is not a safetensors file'],
    ['--model', 'nowhere', 'no such file or folder'],
    ['--vae', 'nowhere', 'no such file or folder'],
  ])('of another kind are refused: %s %s', async (option, place, says) => {
    expect(await complaint(option, join(model, place))).toContain(says);
  });

  it('with a VAE in the names of another program are refused', async () => {
    change('vae', (tensors) => {
      tensors.clear();
      tensors
        .set('decoder.conv_in.weight', f32([1], [0]))
        .set('decoder.mid.block_1.norm1.weight', f32([1], [0]));
    });
    expect(await complaint()).toContain('have the names of another program');
  });

  it.each([
    [
      'text encoder',
      { textEncoder: qwen3Config.parse({ ...TINY_CONFIGS.textEncoder, hidden_size: 16 }) },
      'the text encoder gives 16 numbers for each token, the transformer takes 24',
    ],
    [
      'VAE channels',
      {
        vae: autoencoderConfig.parse({
          ...TINY_CONFIGS.vae,
          latent_channels: 8,
          latents_mean: null,
          latents_std: null,
        }),
      },
      'the VAE has 8 latent channels, the transformer 4',
    ],
    [
      'VAE scale',
      { vae: autoencoderConfig.parse({ ...TINY_CONFIGS.vae, block_out_channels: [8, 8] }) },
      'expected a VAE that shrinks pictures 8 times, got 2 times',
    ],
    [
      'latent channels',
      { transformer: xutConfig.parse({ ...TINY_CONFIGS.transformer, input_dim: 8 }) },
      'the VAE has 4 latent channels, the transformer 8',
    ],
    [
      'patch size',
      { transformer: xutConfig.parse({ ...TINY_CONFIGS.transformer, patch_size: 1 }) },
      'expected a patch size of 2, got 1',
    ],
  ])('that do not fit each other are refused: %s', async (_name, configs, says) => {
    expect(await complaint('--model', writeTinyModel(testFolder(), configs).folder)).toContain(says);
  });

  it.skipIf(!process.seteuid).each(['', 'vae', FILES.vae, 'vae/config.json'])(
    'that may not be read are refused: %j',
    async (place) => {
      chmodSync(model, 0o755);
      chmodSync(join(model, place), 0);
      const { code, stderr } = await asAnyone(() => draw());
      chmodSync(join(model, place), 0o755);
      expect(code).toBe(1);
      expect(stderr).toContain(`${join(model, place)}: no permission. `);
    },
  );

  it('are not looked for in an empty folder', async () => {
    mkdirSync(join(out, 'empty'));
    const line = refusal(await draw('--model', join(out, 'empty')), 1);
    expect(line).toContain('there is no .safetensors file in this folder');
  });
});

describe('a tokenizer', () => {
  it.each([
    ['{', 'tokenizer.json: this is not valid JSON'],
    ['', 'tokenizer.json: this is not valid JSON'],
    ['null', 'tokenizer.json: expected object'],
    ['{}', 'tokenizer.json: it is damaged'],
    ['{"model":null}', 'tokenizer.json: it is damaged'],
    ['{"model":{"type":"BPE","vocab":5,"merges":7},"decoder":null}', 'tokenizer.json: it is damaged'],
  ])('that is broken is refused: %s', async (text, says) => {
    writeFileSync(join(model, 'tokenizer/tokenizer.json'), text);
    expect(await complaint()).toContain(says);
  });

  it.each([
    ['{', 'tokenizer_config.json: this is not valid JSON'],
    ['[]', 'tokenizer_config.json: expected object'],
    ['{}', 'tokenizer_config.json: it is missing, or names no padding token'],
    ['{"pad_token":"<pad>"}', 'names no padding token that tokenizer.json knows'],
    ['{"pad_token":7}', '"pad_token": '],
  ])('with a broken config is refused: %s', async (text, says) => {
    writeFileSync(join(model, 'tokenizer/tokenizer_config.json'), text);
    expect(await complaint()).toContain(says);
  });

  it('may describe its tokens at length', async () => {
    const config = { pad_token: { content: '<|endoftext|>', lstrip: false }, chat_template: [{ odd: 1 }] };
    writeFileSync(join(model, 'tokenizer/tokenizer_config.json'), JSON.stringify(config));
    expect(await draw()).toMatchObject({ code: 0 });
  });

  it.skipIf(!existsSync(QWEN_TOKENIZER))('of another model is refused', async () => {
    expect(await complaint('--tokenizer', QWEN_TOKENIZER)).toMatch(
      /it gives the token \d+, but the text encoder knows only 257/,
    );
  });

  it('is not asked for more tokens than any memory holds', async () => {
    const line = refusal(await draw('--prompt', 'cat '.repeat(2000)), 2);
    expect(line).toContain('prompt: it has 8000 tokens, at most 4096 can be read');
  });
});

describe('a picture to begin from', () => {
  it.each([
    ['that is none', 'text', 'this is not a picture we can read'],
    ['that is empty', '', 'the file is empty'],
    ['that is cut short', pngStart(), 'damaged'],
  ])('%s is refused', async (_name, content, says) => {
    const path = join(model, 'given.png');
    writeFileSync(path, content);
    expect(await complaint('--init-image', path)).toContain(says);
  });

  it('that does not exist is refused', async () => {
    expect(await complaint('--init-image', join(model, 'nowhere.png'))).toContain('no such file or folder');
  });

  function pngStart(): Uint8Array {
    const png =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    return Buffer.from(png, 'base64').subarray(0, 45);
  }
});

describe('a device', () => {
  it('that is not here is refused', async () => {
    const absent = process.platform === 'linux' ? 'dml' : 'cuda';
    expect(await complaint('--device', absent)).toContain(
      `device ${absent}: ONNX Runtime has no ${absent} on`,
    );
  });
});

describe('a golden file', () => {
  it.each([
    ['constructor', 'a golden file of kind "constructor" is not known'],
    ['positions', 'it is not as golden files of kind "positions" are'],
    ['xut', 'its metadata has no "config"'],
  ])('of the kind %s that holds something else is refused', async (kind, says) => {
    const path = join(out, 'golden.safetensors');
    writeSafetensors(path, new Map([['a', f32([1], [1])]]), { kind });
    expect(refusal(await hdmStudio('check', path), 1)).toContain(says);
  });
});

/** Root may read everything: for a while this process is someone else. */
async function asAnyone<T>(run: () => Promise<T>): Promise<T> {
  const user = process.geteuid!();
  chmodSync(out, 0o777);
  if (user === 0) process.seteuid!(65534);
  try {
    return await run();
  } finally {
    process.seteuid!(user);
  }
}

/** A safetensors file that claims a header of `headerBytes`, followed by `dataBytes` zeros. */
function header(json: string, claim: bigint | number = 0): Uint8Array {
  const [headerBytes, dataBytes] = typeof claim === 'bigint' ? [claim, 0] : [BigInt(json.length), claim];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes);
  return Buffer.concat([length, Buffer.from(json), Buffer.alloc(dataBytes)]);
}

function change(part: Part, alter: (tensors: Map<string, TensorData>) => unknown): void {
  const path = join(model, FILES[part]);
  const tensors = readTensors(openSafetensors(path));
  alter(tensors);
  writeSafetensors(path, tensors);
}

/** A file may write something before the names of the weights. */
function stored(part: Part): string {
  return part === 'transformer' ? `model.${WEIGHTS.transformer}` : WEIGHTS[part];
}
