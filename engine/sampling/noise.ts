/**
 * @file Random numbers that are the same bits on every machine. A counter-based generator makes element i a
 * pure function of (seed, stream, i): a longer draw begins with the shorter one, and nothing depends on what
 * was drawn before. The way to normal numbers uses only + - * / and sqrt, which IEEE 754 rounds exactly;
 * Math.log, cos and exp may differ in the last bit between engines.
 */
import { HdmError } from '../errors.ts';

/** Philox4x32: multipliers of the two halves, and what is added to the two key words after each round. */
const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const KEY_STEP_0 = 0x9e3779b9;
const KEY_STEP_1 = 0xbb67ae85;

const WORD = 2 ** 32;
const LARGEST_SEED = Number.MAX_SAFE_INTEGER;
const LN2 = 0.6931471805599453;
const SQRT_HALF = 0.7071067811865476;

/** Numerators and denominators of AS 241 (PPND16), lowest power first. */
const CENTRE = {
  numerator: [
    3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
  ],
  denominator: [
    1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
    39307.89580009271061, 28729.085735721942674, 5226.495278852854561,
  ],
} as const;
const TAIL = {
  numerator: [
    1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4,
  ],
  denominator: [
    1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9,
  ],
} as const;

/**
 * Standard normal numbers, at most 6.34 from zero.
 * @param seed integer 0..2^53-1
 * @param stream integer 0..2^32-1 that names the purpose: two streams of one seed have nothing in common
 * @throws HdmError `bad-usage` when a number is out of range
 */
export function normals(seed: number, stream: number, length: number): Float32Array {
  const draws = words(seed, stream, length);
  const result = new Float32Array(length);
  for (let i = 0; i < length; i++) result[i] = inverseNormal((draws[i]! + 0.5) / WORD);
  return result;
}

/** Evenly spread numbers in [0, 1), multiples of 2^-24. Arguments and errors as `normals`. */
export function uniforms(seed: number, stream: number, length: number): Float32Array {
  const draws = words(seed, stream, length);
  const result = new Float32Array(length);
  for (let i = 0; i < length; i++) result[i] = (draws[i]! >>> 8) / 2 ** 24;
  return result;
}

/**
 * `count` distinct numbers out of 0..length-1, ascending; every subset is equally likely (to 2^-32).
 * Selection sampling: Knuth, The Art of Computer Programming, vol. 2, 3.4.2, algorithm S.
 * @throws HdmError `bad-usage` when count is not in 0..length, or as `normals`
 */
export function chooseSorted(seed: number, stream: number, count: number, length: number): Int32Array {
  requireInteger('count', count, length);
  const draws = words(seed, stream, length);
  const chosen = new Int32Array(count);
  let found = 0;
  for (let i = 0; found < count; i++) {
    if (draws[i]! * (length - i) < (count - found) * WORD) chosen[found++] = i;
  }
  return chosen;
}

type Counter = readonly [number, number, number, number];

/**
 * One block of Philox4x32-10: four random 32-bit words from a counter and a key of 32-bit words.
 * Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011). Exported for its known answers.
 */
export function philox4x32(
  counter: Counter,
  key: readonly [number, number],
): [number, number, number, number] {
  const block = new Uint32Array(4);
  writeBlock(block, 0, ...counter, ...key);
  return [block[0]!, block[1]!, block[2]!, block[3]!];
}

/** The block at a place of `into`. It is made millions of times for a batch, so nothing is allocated. */
function writeBlock(
  into: Uint32Array,
  at: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = [multiplyHigh(MULTIPLIER_0, c0), Math.imul(MULTIPLIER_0, c0)];
    const [high1, low1] = [multiplyHigh(MULTIPLIER_1, c2), Math.imul(MULTIPLIER_1, c2)];
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + KEY_STEP_0) >>> 0;
    k1 = (k1 + KEY_STEP_1) >>> 0;
  }
  into[at] = c0;
  into[at + 1] = c1;
  into[at + 2] = c2;
  into[at + 3] = c3;
}

/**
 * The z below which a standard normal number falls with probability p, to 16 digits.
 * Wichura, Algorithm AS 241 (1988), without its farthest branch: p in 1e-10..1-1e-10 never gets there.
 * Exported for its known answers.
 */
export function inverseNormal(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  const tail = ratio(TAIL, Math.sqrt(-logarithm(q < 0 ? p : 1 - p)) - 1.6);
  return q < 0 ? -tail : tail;
}

/** 32-bit words: word i is word i mod 4 of block floor(i / 4). */
function words(seed: number, stream: number, length: number): Uint32Array {
  requireInteger('seed', seed, LARGEST_SEED);
  requireInteger('stream', stream, WORD - 1);
  requireInteger('length', length, WORD - 1);
  const [low, high] = [seed >>> 0, Math.floor(seed / WORD)];
  const result = new Uint32Array(Math.ceil(length / 4) * 4);
  for (let i = 0; i < length; i += 4) writeBlock(result, i, i / 4, stream, 0, 0, low, high);
  return result.subarray(0, length);
}

/** Upper 32 bits of a 64-bit product, by 16-bit halves: a double holds only 53 bits exactly. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * Natural logarithm of x in (0, 1]: x = m / 2^k with m in [sqrt(1/2), sqrt(2)], and
 * ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.172.
 */
function logarithm(x: number): number {
  let mantissa = x;
  let doublings = 0;
  for (; mantissa < SQRT_HALF; doublings++) mantissa *= 2; // exact
  const s = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let odd = 23; odd >= 1; odd -= 2) sum = sum * s * s + 1 / odd;
  return 2 * s * sum - doublings * LN2;
}

function ratio({ numerator, denominator }: typeof CENTRE | typeof TAIL, x: number): number {
  return polynomial(numerator, x) / polynomial(denominator, x);
}

/** Horner's rule; coefficients with the lowest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let power = coefficients.length - 1; power >= 0; power--) sum = sum * x + coefficients[power]!;
  return sum;
}

function requireInteger(name: string, value: number, largest: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= largest) return;
  throw new HdmError(
    'bad-usage',
    'random numbers',
    `${name} must be a whole number from 0 to ${largest}, got ${value}`,
  );
}
