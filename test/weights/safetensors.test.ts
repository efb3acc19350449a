import { Buffer } from 'node:buffer';
import type * as FileSystem from 'node:fs';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { f32, i64, type TensorData } from '../../engine/graph/dtype.ts';
import { openSafetensors, readTensor, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';

/** What the pretended disk allows: bytes for each call, and bytes in all before it is full. */
const disk = vi.hoisted(() => ({ bytesPerCall: Infinity, freeBytes: Infinity }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof FileSystem>();
  const readSync = (file: number, into: Uint8Array, start: number, length: number, position: number) =>
    fs.readSync(file, into, start, Math.min(length, disk.bytesPerCall), position);
  const writeSync = (file: number, bytes: Uint8Array, start: number, length: number) => {
    if (disk.freeBytes <= 0) throw Object.assign(new Error('write failed'), { code: 'ENOSPC' });
    const written = fs.writeSync(file, bytes, start, Math.min(length, disk.bytesPerCall, disk.freeBytes));
    disk.freeBytes -= written;
    return written;
  };
  return { ...fs, readSync, writeSync };
});

const golden = fileURLToPath(new URL('../../../shared/golden', import.meta.url));

const everyDtype = new Map<string, TensorData>([
  ['single', f32([2, 3], [1, -2.5, 3e38, -0, Infinity, NaN])],
  ['half', { dtype: 'f16', shape: [3], data: Float16Array.of(0.1, -65504, 6e-8) }],
  ['brain', { dtype: 'bf16', shape: [1, 2], data: Uint16Array.of(0x3f80, 0xffff) }],
  ['long', i64([2], [-1, Number.MAX_SAFE_INTEGER])],
  ['int', { dtype: 'i32', shape: [2], data: Int32Array.of(-(2 ** 31), 7) }],
  ['byte', { dtype: 'u8', shape: [3], data: Uint8Array.of(0, 128, 255) }],
  ['flag', { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }],
  ['scalar', f32([], [42])],
  ['empty', f32([4, 0, 2], [])],
]);

let folder = '';
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
  path = join(folder, 'model.safetensors');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  Object.assign(disk, { bytesPerCall: Infinity, freeBytes: Infinity });
});

describe('a written file', () => {
  it.each([...everyDtype])('gives back a tensor of kind %s', (name, tensor) => {
    writeSafetensors(path, new Map([[name, tensor]]));
    expect(readTensor(openSafetensors(path), name)).toEqual(tensor);
  });

  it('gives back all tensors at once', () => {
    writeSafetensors(path, everyDtype);
    expect(readTensors(openSafetensors(path))).toEqual(everyDtype);
  });

  it('gives back the tensors asked for, in the order asked for', () => {
    writeSafetensors(path, everyDtype);
    expect([...readTensors(openSafetensors(path), ['scalar', 'half']).keys()]).toEqual(['scalar', 'half']);
  });

  it('keeps metadata of any text', () => {
    const metadata = { config: '{"dim": 32, "name": "a \\"quoted\\" {[ 猫"}', '': '' };
    writeSafetensors(path, everyDtype, metadata);
    expect({ ...openSafetensors(path).metadata }).toEqual(metadata);
  });

  it('finds nothing in the metadata that is not in the file', () => {
    writeSafetensors(path, everyDtype);
    expect(openSafetensors(path).metadata['constructor']).toBeUndefined();
  });

  it('is the same whatever the order of the tensors given', () => {
    writeSafetensors(path, everyDtype);
    const first = readFileSync(path);
    writeSafetensors(path, new Map([...everyDtype].reverse()));
    expect(readFileSync(path).equals(first)).toBe(true);
  });

  it('has its numbers at multiples of their size, the widest first, then by name', () => {
    writeSafetensors(path, everyDtype);
    const entries = [...openSafetensors(path).tensors.values()];
    const names = entries.map(({ name }) => name).join(' ');
    expect(names).toBe('long empty int scalar single brain half byte flag');
    expect(entries[0]!.offset % 8).toBe(0);
    for (const { name, offset } of entries) {
      expect(offset % everyDtype.get(name)!.data.BYTES_PER_ELEMENT).toBe(0);
    }
  });

  it('holds byte for byte what the format asks for', () => {
    writeSafetensors(path, new Map([['a', f32([1], [1])]]));
    const json = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
    const expected = Buffer.concat([
      Buffer.of(56, 0, 0, 0, 0, 0, 0, 0),
      Buffer.from(json),
      Buffer.of(0, 0, 128, 63),
    ]);
    expect(readFileSync(path).equals(expected)).toBe(true);
  });

  it('may hold no tensor at all', () => {
    writeSafetensors(path, new Map());
    expect(openSafetensors(path).tensors.size).toBe(0);
  });

  it.each(['__proto__', 'constructor', '', '0', 'a "quoted"\n{name', '猫'])(
    'may hold a tensor named %j',
    (name) => {
      const tensors = new Map([
        [name, f32([1], [5])],
        ['other', f32([1], [6])],
      ]);
      writeSafetensors(path, tensors);
      expect(readTensors(openSafetensors(path))).toEqual(tensors);
    },
  );

  it('gives each tensor memory of its own', () => {
    writeSafetensors(path, everyDtype);
    const file = openSafetensors(path);
    const changed = readTensor(file, 'scalar').data;
    changed[0] = 0;
    expect(readTensor(file, 'scalar').data[0]).toBe(42);
    expect(changed.buffer.byteLength).toBe(4);
  });

  it('takes only the part of a larger memory that the tensor views', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    writeSafetensors(path, new Map([['part', { dtype: 'f32', shape: [2], data }]]));
    expect([...readTensor(openSafetensors(path), 'part').data]).toEqual([2, 3]);
  });

  it('is complete although the system writes and reads a few bytes at a time', () => {
    disk.bytesPerCall = 7;
    writeSafetensors(path, everyDtype);
    expect(readTensors(openSafetensors(path))).toEqual(everyDtype);
  });
});

describe('writing', () => {
  const small = new Map([['small', f32([1], [1])]]);

  it('replaces a file of the same name and leaves nothing else', () => {
    writeSafetensors(path, everyDtype);
    writeSafetensors(path, small);
    expect(readTensors(openSafetensors(path))).toEqual(small);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  it('keeps the old file and nothing else when the disk is full', () => {
    writeSafetensors(path, small);
    disk.freeBytes = 500;
    const tensors = new Map([['large', f32([1000], new Float32Array(1000))]]);
    expectError(() => writeSafetensors(path, tensors), 'disk', 'the disk is full');
    expect(readTensors(openSafetensors(path))).toEqual(small);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });

  it('leaves nothing behind when the file cannot get its name', () => {
    mkdirSync(path);
    expectError(() => writeSafetensors(path, small), 'disk', 'this is a folder');
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
    expect(readdirSync(path)).toEqual([]);
  });

  it('says when a part of the path is a file', () => {
    writeFileSync(path, '');
    expectError(
      () => writeSafetensors(join(path, 'model'), small),
      'disk',
      /a part of the path is a file|no such/,
    );
  });

  it('says when the folder does not exist', () => {
    expectError(
      () => writeSafetensors(join(folder, 'none', 'model'), small),
      'disk',
      'no such file or folder',
    );
  });

  it.each<[string, TensorData, string]>([
    [
      'has too few numbers',
      { dtype: 'f32', shape: [2, 2], data: new Float32Array(3) },
      'needs 4 numbers of f32',
    ],
    [
      'has numbers of another format',
      { dtype: 'i32', shape: [1], data: new Float32Array(1) },
      'in a Float32Array',
    ],
    ['has a negative size', { dtype: 'f32', shape: [-1, -1], data: new Float32Array(1) }, '[-1, -1]'],
  ])('refuses a tensor that %s, before touching the disk', (_, tensor, fragment) => {
    expectError(
      () => writeSafetensors(path, new Map([['odd', tensor]])),
      'bad-shape',
      'tensor "odd"',
      fragment,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses a tensor with the name of the metadata', () => {
    const tensors = new Map([['__metadata__', f32([1], [1])]]);
    expectError(() => writeSafetensors(path, tensors), 'bad-usage', '__metadata__');
  });

  it('refuses a header that no reader would take', () => {
    const metadata = { long: 'x'.repeat(100_000_000) };
    expectError(() => writeSafetensors(path, small, metadata), 'bad-usage', 'at most 33554432');
    expect(readdirSync(folder)).toEqual([]);
  }, 30_000);
});

describe('reading', () => {
  it('names the closest tensors when one is missing', () => {
    const names = ['blocks.0.norm.weight', 'blocks.1.norm.weight', 'blocks.0.norm.bias', 'out.bias'];
    writeSafetensors(path, new Map(names.map((name) => [name, f32([1], [0])])));
    const message = expectError(
      () => readTensor(openSafetensors(path), 'unet.blocks.0.norm.weight'),
      'bad-model',
    );
    expect(message).toContain('no tensor "unet.blocks.0.norm.weight"');
    expect(message).toContain('the closest are "blocks.0.norm.weight", "blocks.1.norm.weight"');
    expect(message).not.toContain('"out.bias"');
  });

  it('says that a file has no tensors', () => {
    writeSafetensors(path, new Map());
    expectError(() => readTensor(openSafetensors(path), 'toString'), 'bad-model', 'it has none at all');
  });

  it('says when the file became shorter after it was opened', () => {
    writeSafetensors(path, everyDtype);
    const file = openSafetensors(path);
    truncateSync(path, file.sizeBytes - 1);
    expectError(() => readTensors(file), 'bad-file', 'became shorter');
  });

  it('says when the file vanished after it was opened', () => {
    writeSafetensors(path, everyDtype);
    const file = openSafetensors(path);
    rmSync(path);
    expectError(() => readTensors(file), 'disk', 'no such file or folder');
  });
});

describe('opening', () => {
  it('takes a header length that spells a zip file, padded with spaces', () => {
    const text = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    writeFileSync(path, raw(text.padEnd('P'.charCodeAt(0) + 256 * 'K'.charCodeAt(0)), 1));
    expect(readFileSync(path, 'latin1').startsWith('PK')).toBe(true);
    expect([...openSafetensors(path).tensors.keys()]).toEqual(['a']);
  });

  it('takes empty tensors anywhere between others, and unknown properties', () => {
    const header = {
      first: entry('U8', [2], 0, 2),
      last: entry('U8', [1], 2, 3),
      empty: { ...entry('F32', [0], 2, 2), more: [] },
    };
    writeFileSync(path, raw(header, 3));
    expect([...openSafetensors(path).tensors.keys()]).toEqual(['first', 'empty', 'last']);
  });

  it('takes a name again where it is not a tensor', () => {
    writeFileSync(path, raw({ __metadata__: { a: '{"a":1}', b: '\\"' }, a: entry('U8', [1], 0, 1) }, 1));
    expect(openSafetensors(path).tensors.size).toBe(1);
  });

  it('lists tensors in the order of their numbers, whatever the order of the header', () => {
    writeFileSync(
      path,
      raw({ 7: entry('U8', [1], 2, 3), b: entry('U8', [1], 1, 2), a: entry('U8', [1], 0, 1) }, 3),
    );
    const file = openSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(['a', 'b', '7']);
    expect([...file.tensors.values()].map(({ offset }) => file.sizeBytes - offset)).toEqual([3, 2, 1]);
  });

  it('says that a file does not exist', () => {
    expectError(() => openSafetensors(path), 'disk', 'no such file or folder');
  });

  it('says that a folder is not a file', () => {
    expectError(() => openSafetensors(folder), 'bad-file', 'this is a folder');
  });

  it.each([
    ['an empty file', '', 'the file is empty'],
    ['a file of a few bytes', Buffer.of(1, 2, 3), 'not a safetensors file'],
    ['a file of random text', 'once upon a time there was a file', 'not a safetensors file'],
    ['a header of no length', Buffer.alloc(8), 'not a safetensors file'],
    [
      'a zip file',
      Buffer.from('PK\x03\x04\x00\x00\x08\x08\x00\x00archive'),
      'convert it with safetensors.torch.save_file',
    ],
    ['a pickle', Buffer.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20), 'can run code'],
    ['a web page', '\n<!DOCTYPE html><html></html>', 'this is a web page'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', 'git lfs pull'],
    ['a JSON file', '{"model": "hdm", "weights": {"a": 1}}', 'not a safetensors file'],
  ])('recognizes %s', (_, content, fragment) => {
    writeFileSync(path, content);
    expectError(() => openSafetensors(path), 'bad-file', fragment);
  });

  it.each<[string, unknown, number, string]>([
    ['that is not JSON', '{"a":', 0, 'not valid JSON'],
    ['followed by more text', '{} {}', 0, 'not valid JSON'],
    ['that is not UTF-8', Buffer.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0, 'not UTF-8'],
    ['with texts that are not texts in its metadata', { __metadata__: { a: 1 } }, 0, '__metadata__'],
    ['with metadata that is a list', { __metadata__: ['a'] }, 0, '__metadata__'],
    ['with a tensor that is a number', { a: 1 }, 0, 'tensor "a" is not described'],
    ['with a tensor that is null', { a: null }, 0, 'tensor "a" is not described'],
    ['with a tensor that is a list', { a: [] }, 0, 'tensor "a" is not described'],
    [
      'with a number format of another project',
      { a: entry('F8_E4M3', [1], 0, 1) },
      1,
      'tensor "a" has the number format "F8_E4M3", expected one of F32, F16',
    ],
    [
      'with a number format named like a property',
      { a: entry('constructor', [1], 0, 1) },
      1,
      '"constructor"',
    ],
    [
      'without a number format',
      { a: { shape: [1], data_offsets: [0, 1] } },
      1,
      'the number format undefined',
    ],
    ['without a shape', { a: { dtype: 'U8', data_offsets: [0, 1] } }, 1, 'tensor "a": its shape'],
    ['with a negative size', { a: entry('U8', [-1, -1], 0, 1) }, 1, 'tensor "a": its shape'],
    ['with a broken size', { a: entry('U8', [0.5, 2], 0, 1) }, 1, 'tensor "a": its shape'],
    ['with a size in quotes', { a: entry('U8', ['1'], 0, 1) }, 1, 'tensor "a": its shape'],
    [
      'with a size beyond exact numbers',
      '{"a":{"dtype":"U8","shape":[1e300],"data_offsets":[0,1]}}',
      1,
      'its shape',
    ],
    ['with a shape that overflows', { a: entry('U8', [2 ** 40, 2 ** 40], 0, 1) }, 1, 'its shape'],
    [
      'with a shape that overflows before its zero',
      { a: entry('U8', [2 ** 40, 2 ** 40, 0], 0, 0) },
      0,
      'its shape',
    ],
    ['without offsets', { a: { dtype: 'U8', shape: [1] } }, 1, 'tensor "a": its data_offsets'],
    [
      'with one offset',
      { a: { dtype: 'U8', shape: [1], data_offsets: [1] } },
      1,
      'tensor "a": its data_offsets',
    ],
    [
      'with three offsets',
      { a: { dtype: 'U8', shape: [1], data_offsets: [0, 1, 2] } },
      1,
      'its data_offsets',
    ],
    ['with a negative offset', { a: entry('U8', [1], -1, 0) }, 1, 'tensor "a": its data_offsets'],
    ['with offsets in the wrong order', { a: entry('U8', [1], 1, 0) }, 1, 'data_offsets hold -1'],
    [
      'with fewer bytes than its shape needs',
      { a: entry('F32', [2], 0, 4) },
      4,
      'need 8 bytes, data_offsets hold 4',
    ],
    [
      'with more bytes than its shape needs',
      { a: entry('F32', [], 0, 5) },
      5,
      'need 4 bytes, data_offsets hold 5',
    ],
    [
      'with tensors on top of each other',
      { a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) },
      3,
      'tensor "b" starts at byte',
    ],
    [
      'with an empty tensor inside another',
      { a: entry('U8', [2], 0, 2), b: entry('U8', [0], 1, 1) },
      2,
      'it overlaps',
    ],
    ['with a hole before the first tensor', { a: entry('U8', [1], 1, 2) }, 2, 'belong to no tensor'],
    [
      'with a hole between tensors',
      { a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) },
      3,
      'tensor "b" starts',
    ],
    ['that ends before the file', { a: entry('U8', [1], 0, 1) }, 2, 'the tensors end at byte'],
    ['of no tensors before numbers', {}, 1, 'the tensors end at byte'],
    ['that promises more than the file has', { a: entry('U8', [4], 0, 4) }, 3, 'the file is cut short'],
    [
      'with places beyond exact numbers',
      { a: entry('U8', [2 ** 53 - 1], 0, 2 ** 53 - 1) },
      1,
      'the file is cut short',
    ],
    [
      'with one tensor twice',
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      1,
      'gives a name twice',
    ],
    ['with metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0, 'gives a name twice'],
  ])('refuses a header %s', (_, header, dataBytes, fragment) => {
    writeFileSync(path, raw(header, dataBytes));
    expectError(() => openSafetensors(path), 'bad-file', path, fragment);
  });

  it.each<[string, bigint, string]>([
    ['longer than the file', 1000n, 'cut short'],
    ['longer than any header', 100_000_001n, 'at most 33554432'],
    ['of the largest length', 2n ** 64n - 1n, '18446744073709551615 bytes'],
  ])('refuses a header %s without taking memory for it', (_, length, fragment) => {
    const file = raw({ a: entry('U8', [1], 0, 1) }, 1);
    file.writeBigUInt64LE(length);
    writeFileSync(path, file);
    expectError(() => openSafetensors(path), 'bad-file', fragment);
  });

  it('shows a hostile name in bounded, visible characters', () => {
    writeFileSync(path, raw({ [`\u001b[2J${'x'.repeat(10_000)}`]: 1 }, 0));
    const message = expectError(() => openSafetensors(path), 'bad-file', '\\u001b[2J');
    expect(message.length).toBeLessThan(500);
  });

  it('survives a header of a hundred thousand open brackets', () => {
    const depth = 100_000;
    writeFileSync(path, raw(`{"a":{"dtype":${'['.repeat(depth)}${']'.repeat(depth)}}}`, 0));
    expectError(() => openSafetensors(path), 'bad-file', 'tensor "a" has the number format');
  });
});

describe('the golden files', () => {
  it.skipIf(!existsSync(golden))('all open, and all their numbers can be read', () => {
    const names = readdirSync(golden).filter((name) => name.endsWith('.safetensors'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const file = openSafetensors(join(golden, name));
      expect(file.metadata['kind'], name).toBeTypeOf('string');
      expect(readTensors(file).size, name).toBe(file.tensors.size);
    }
  });

  it.skipIf(!existsSync(golden))('keep their numbers and metadata when written again', () => {
    const original = openSafetensors(join(golden, 'qwen3.safetensors'));
    writeSafetensors(path, readTensors(original), original.metadata);
    const copy = openSafetensors(path);
    expect(copy.metadata).toEqual(original.metadata);
    expect(readTensors(copy)).toEqual(readTensors(original));
  });
});

/** Calls `action`, expects an HdmError with all the fragments, and gives its message. */
function expectError(action: () => unknown, code: string, ...fragments: (string | RegExp)[]): string {
  let error: unknown;
  try {
    action();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof HdmError)) throw new Error('expected an HdmError', { cause: error });
  expect(error.code).toBe(code);
  for (const fragment of fragments) expect(error.message).toMatch(fragment);
  return error.message;
}

function entry(dtype: string, shape: readonly unknown[], start: number, end: number) {
  return { dtype, shape, data_offsets: [start, end] };
}

/** A file of any header, also a wrong one. */
function raw(header: unknown, dataBytes: number): Buffer {
  const text = typeof header === 'string' || Buffer.isBuffer(header) ? header : JSON.stringify(header);
  const json = Buffer.from(text as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}
