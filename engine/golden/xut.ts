/** @file Golden files of XUT: one forward pass, and a whole sampling loop. */
import { f32, i64, type TensorData, toFloat32 } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { positionMap, toTokenGrid } from '../models/positions.ts';
import { xut, xutInputs } from '../models/xut.ts';
import { xutConfig, type XutConfig } from '../models/xut-config.ts';
import type { Program } from '../runtime/runtime.ts';
import { type SamplerName, SAMPLERS } from '../sampling/samplers.ts';
import { sampleTimes } from '../sampling/schedules.ts';
import { graphWeights } from '../weights/weights.ts';
import { z } from 'zod';
import {
  compare,
  type Comparison,
  configOf,
  type GoldenFile,
  input,
  optional,
  output,
  parseMetadata,
  weightsOf,
} from './golden-file.ts';

export async function checkXut(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, xutConfig);
  const program = await compileXut(golden, config, {
    context: golden.tensors.has('input.ctx'),
    r: golden.tensors.has('input.r'),
    classIds: golden.tensors.has('input.class_ids'),
    kept: golden.tensors.has('input.keep'),
  });
  const [batch, , height, width] = input(golden, 'x').shape as [number, number, number, number];
  const { velocity } = await program.run({
    x: input(golden, 'x'),
    t: input(golden, 't'),
    positions: tokenPositions(golden, config, batch, height, width),
    ...optional('context', golden.tensors.get('input.ctx')),
    ...optional('addon', addonOf(golden, config)),
    ...optional('r', golden.tensors.get('input.r')),
    ...optional('classIds', golden.tensors.get('input.class_ids')),
    ...optional('kept', keptOf(golden)),
  });
  await program.dispose();
  return [compare(golden, 'velocity', velocity!, output(golden, 'velocity'))];
}

export async function checkSample(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, xutConfig);
  const { name, steps, guidance } = parseMetadata(golden, 'sampler', samplerMetadata);
  const program = await compileXut(golden, config, { context: true });
  const noise = input(golden, 'noise');
  const [, , height, width] = noise.shape as [number, number, number, number];
  const constant = {
    positions: tokenPositions(golden, config, 1, height, width),
    ...optional('addon', addonOf(golden, config)),
  };
  const velocity = async (x: Float32Array, t: number, context: string): Promise<Float32Array> => {
    const values = { x: f32(noise.shape, x), t: f32([1], [t]), context: input(golden, context), ...constant };
    return toFloat32((await program.run(values)).velocity!);
  };
  const expected = output(golden, 'steps');
  const size = noise.data.length;
  const comparisons: Comparison[] = [];
  await SAMPLERS[name as SamplerName](
    async (x, t) => {
      const [c, u] = [await velocity(x, t, 'cond'), await velocity(x, t, 'uncond')];
      return c.map((value, i) => u[i]! + guidance * (value - u[i]!));
    },
    toFloat32(noise),
    sampleTimes('uniform', steps),
    ({ step, x }) => {
      const part = toFloat32(expected).subarray((step - 1) * size, step * size);
      comparisons.push(compare(golden, `step ${step}`, f32(noise.shape, x), f32(noise.shape, part)));
    },
  );
  await program.dispose();
  return comparisons;
}

const samplerMetadata = z.object({
  name: z.enum(Object.keys(SAMPLERS) as [string, ...string[]]),
  steps: z.int().positive(),
  guidance: z.number(),
});

async function compileXut(
  golden: GoldenFile,
  config: XutConfig,
  given: Parameters<typeof xutInputs>[2],
): Promise<Program> {
  const graph = new Graph();
  const sources = weightsOf(golden);
  const inputs = xutInputs(graph, config, given);
  const usesAddon = golden.tensors.has('input.addon');
  const { addon, ...others } = inputs;
  const weights = graphWeights(graph, sources, golden.precision);
  const velocity = xut(config, weights, usesAddon && addon ? inputs : others);
  graph.output('velocity', velocity);
  return golden.runtime.compile(graph, sources);
}

/** The given map on the token grid, for each sample; without one, the token grid's own. */
export function tokenPositions(
  golden: GoldenFile,
  config: XutConfig,
  batch: number,
  height: number,
  width: number,
): TensorData {
  const patch = config.patch_size;
  const [rows, columns] = [height / patch, width / patch];
  const given = golden.tensors.get('input.pos');
  const data = new Float32Array(batch * rows * columns * 2);
  for (let sample = 0; sample < batch; sample++) {
    const size = height * width * 2;
    const map = given
      ? toTokenGrid(toFloat32(given).slice(sample * size, (sample + 1) * size), height, width)
      : positionMap(config.positions, rows, columns);
    data.set(map, sample * map.length);
  }
  return f32([batch, rows * columns, 2], data);
}

export function addonOf(golden: GoldenFile, config: XutConfig): TensorData | undefined {
  const addon = golden.tensors.get('input.addon');
  if (!addon || !config.addon_info_embs_dim) return undefined;
  return { ...addon, shape: [addon.shape[0]!, config.addon_info_embs_dim] };
}

/** The mask of kept tokens as their numbers. */
export function keptOf({ tensors }: GoldenFile): TensorData | undefined {
  const mask = tensors.get('input.keep');
  if (!mask) return undefined;
  const [batch, tokens] = mask.shape as [number, number];
  const kept = Array.from(mask.data, Number).flatMap((keep, index) => (keep ? [index % tokens] : []));
  return i64([batch, kept.length / batch], kept);
}
