/**
 * @file Damaged files, made from sound ones by a seeded generator. Whatever the damage, opening gives either
 * a file whose tensors lie inside it side by side, or an HdmError, and takes no more memory than the file.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { DTYPES, f32, i64, type TensorData } from '../../engine/graph/dtype.ts';
import { count } from '../../engine/graph/shape.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';

type Random = () => number;
type Damage = (file: Buffer, random: Random) => Buffer;

const CASES = 400;
/** Memory taken besides that for the file's own bytes. */
const SPARE_BYTES = 64;

const HOSTILE_LENGTHS = [0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 99_999_999n];
const HOSTILE_VALUES = [
  ...[null, true, '', '__proto__', [], {}, [[]], [0], [1, 2], { a: 1 }, 'F32', 'F64', 'I8'],
  ...[-1, 0, 1, 4, 8, 0.5, 1e308, 2 ** 31, 2 ** 53, 2 ** 53 - 1],
];

const DAMAGES: Record<string, Damage> = {
  'flipped bytes': (file, random) => {
    for (let flips = 1 + pick(4, random); flips > 0; flips--)
      file[pick(file.length, random)] = pick(256, random);
    return file;
  },
  'flipped bytes in the header': (file, random) => {
    file[pick(headerEnd(file), random)]! ^= 1 << pick(8, random);
    return file;
  },
  'a missing end': (file, random) => file.subarray(0, pick(file.length, random)),
  'an added end': (file, random) => Buffer.concat([file, Buffer.alloc(1 + pick(32, random))]),
  'a wrong header length': (file, random) => {
    const near = BigInt(pick(2 * file.length, random));
    file.writeBigUInt64LE(random() < 0.5 ? near : HOSTILE_LENGTHS[pick(HOSTILE_LENGTHS.length, random)]!);
    return file;
  },
  'a changed value in the header': (file, random) => {
    const header = JSON.parse(file.toString('utf8', 8, headerEnd(file))) as object;
    changeSomewhere(header, random);
    return withHeader(file, JSON.stringify(header));
  },
  'a repeated or missing piece of the header': (file, random) => {
    const json = file.toString('utf8', 8, headerEnd(file));
    const [from, to] = [pick(json.length, random), pick(json.length, random)];
    return withHeader(file, json.slice(0, from) + json.slice(to));
  },
};

let folder = '';
let sound: Buffer[] = [];
let takenBytes: number[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-fuzz-'));
  sound = [new Map<string, TensorData>(), sampleTensors()].map((tensors, index) => {
    const path = join(folder, `sound-${index}.safetensors`);
    writeSafetensors(path, tensors, { kind: 'fuzz' });
    return readFileSync(path);
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  takenBytes = [];
  const Original = ArrayBuffer;
  vi.stubGlobal(
    'ArrayBuffer',
    class extends Original {
      constructor(sizeBytes: number) {
        takenBytes.push(sizeBytes);
        super(sizeBytes);
      }
    },
  );
});

afterEach(() => void vi.unstubAllGlobals());

describe('a file with', () => {
  it.each(Object.entries(DAMAGES))(
    '%s is refused by an HdmError or is sound',
    (kind, damage) => {
      const random = seededRandom(1);
      const path = join(folder, 'damaged.safetensors');
      for (let index = 0; index < CASES; index++) {
        const file = damage(Buffer.from(sound[index % 4 === 0 ? 0 : 1]!), random);
        writeFileSync(path, file);
        takenBytes = [];
        expectSoundOrRefused(path, file.length, `${kind}, case ${index}`);
      }
    },
    30_000,
  );

  it('no damage passes, so that the other cases can fail', () => {
    for (const [index, file] of sound.entries()) {
      const path = join(folder, `sound-${index}.safetensors`);
      expect(expectSoundOrRefused(path, file.length, `sound file ${index}`)).toBe('sound');
      expect(takenBytes.length).toBeGreaterThan(0);
    }
  });
});

function expectSoundOrRefused(path: string, sizeBytes: number, what: string): 'sound' | 'refused' {
  try {
    const file = openSafetensors(path);
    expect(sum(takenBytes), what).toBeLessThanOrEqual(sizeBytes + SPARE_BYTES);
    let end = 0;
    for (const { dtype, shape, offset, sizeBytes: length } of file.tensors.values()) {
      expect(offset, what).toBeGreaterThanOrEqual(Math.max(end, 10));
      expect(length, what).toBe(count(shape) * DTYPES[dtype].bytes);
      end = offset + length;
      expect(end, what).toBeLessThanOrEqual(sizeBytes);
    }
    for (const { shape, data } of readTensors(file).values()) {
      expect(data.length, what).toBe(count(shape));
    }
    return 'sound';
  } catch (error) {
    if (!(error instanceof HdmError)) throw error;
    expect(error.code, what).toBe('bad-file');
    expect(sum(takenBytes), what).toBeLessThanOrEqual(sizeBytes + SPARE_BYTES);
    return 'refused';
  }
}

function sampleTensors(): Map<string, TensorData> {
  return new Map<string, TensorData>([
    ['blocks.0.weight', f32([3, 4], new Float32Array(12).fill(0.5))],
    ['blocks.0.bias', { dtype: 'f16', shape: [4], data: new Float16Array(4) }],
    ['blocks.1.weight', { dtype: 'bf16', shape: [2, 2], data: new Uint16Array(4) }],
    ['ids', i64([2], [1, 2])],
    ['mask', { dtype: 'bool', shape: [3], data: new Uint8Array(3) }],
    ['scale', f32([], [1])],
    ['nothing', f32([0], [])],
  ]);
}

/** Sets one property or item, at any depth, to a hostile value, or takes it away. */
function changeSomewhere(value: object, random: Random): void {
  const keys = Object.keys(value);
  const key = keys[pick(keys.length, random)];
  if (key === undefined) return;
  const child: unknown = Reflect.get(value, key);
  if (typeof child === 'object' && child !== null && random() < 0.8) return changeSomewhere(child, random);
  if (random() < 0.1) Reflect.deleteProperty(value, key);
  else Reflect.set(value, key, HOSTILE_VALUES[pick(HOSTILE_VALUES.length, random)]);
}

function withHeader(file: Buffer, json: string): Buffer {
  const header = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, file.subarray(headerEnd(file))]);
}

function headerEnd(file: Buffer): number {
  return 8 + Number(file.readBigUInt64LE());
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function pick(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

/** Lehmer's generator with the multiplier of Park and Miller: numbers from 0 to below 1. */
function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}
