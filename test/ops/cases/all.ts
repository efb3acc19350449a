/**
 * @file Every op in small: the values, the fused lowering and the gradient of each case are checked by the tests
 * beside this folder. A new op needs a case; a test fails while it has none.
 */
import type { Case } from './case.ts';
import { ELEMENTWISE_CASES } from './elementwise.ts';
import { INDEXING_CASES } from './indexing.ts';
import { MATMUL_CASES, REDUCE_CASES } from './matmul.ts';
import { MOVEMENT_CASES } from './movement.ts';
import { NETWORK_CASES } from './networks.ts';

export const CASES: readonly Case[] = [
  ...ELEMENTWISE_CASES,
  ...MOVEMENT_CASES,
  ...REDUCE_CASES,
  ...MATMUL_CASES,
  ...NETWORK_CASES,
  ...INDEXING_CASES,
];
