/** @file What `bench train` measures: whole training steps on random latents and context. */
import { f32, i64 } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { positionMap } from '../models/positions.ts';
import { xut, xutInputs } from '../models/xut.ts';
import { XUT_PRESETS } from '../models/xut-config.ts';
import type { Values } from '../runtime/runtime.ts';
import { chooseSorted, normals, uniforms } from '../sampling/noise.ts';
import { CONTEXT, denoisingLoss } from '../training/objective.ts';
import { optimizerSettings } from '../training/optimizer.ts';
import { Trainer } from '../training/trainer.ts';
import { variableWeights } from '../training/variables.ts';
import { declaredWeights } from '../weights/weights.ts';
import { round, type Measurement } from './bench.ts';
import { GRID, medianMs, randomTensors, type BenchModel } from './workloads.ts';

export interface TrainSetting {
  readonly preset: keyof typeof XUT_PRESETS;
  readonly size: number;
  readonly ctx: number;
  readonly batch: number;
  /** Part of the image tokens that are routed around the middle. */
  readonly tread: number;
  readonly checkpointing?: boolean;
  readonly reps: number;
}

/** ms_per_step and images_per_s: forward, backward and AdamW, as `torch_baseline.py train` does. */
export async function benchTrain(model: BenchModel, setting: TrainSetting): Promise<Measurement> {
  const { runtime, precision } = model;
  const config = XUT_PRESETS[setting.preset];
  const shapes = declaredWeights((graph, weights) => {
    graph.output('velocity', xut(config, weights, xutInputs(graph, config, { context: true })));
  });
  const trainer = await Trainer.open(runtime, {
    values: randomTensors(shapes, 'f32'),
    objective: (graph) =>
      denoisingLoss(graph, {
        config,
        weights: variableWeights(graph, '', precision),
        isRouted: setting.tread > 0,
        precision,
      }),
    frozen: new Map(),
    optimizer: optimizerSettings.parse({}),
    checkpointing: setting.checkpointing ?? false,
    hasAverages: false,
    scalesLoss: precision === 'f16',
  });
  const { ctx_dim } = config;
  const contextShape = [setting.batch, setting.ctx, ctx_dim!];
  await trainer.variables.write(CONTEXT, f32(contextShape, normals(0, 1, count(contextShape))));
  const values = batchValues(setting);
  const ms = await medianMs(setting.reps, async () => {
    const { norm } = await trainer.accumulate(values);
    await trainer.update(norm, 1e-3);
  });
  await trainer.dispose();
  return {
    key: 'ms_per_step',
    values: { ms_per_step: ms, batch: setting.batch, images_per_s: round((setting.batch / ms) * 1000) },
  };
}

function batchValues({ size, batch, tread }: TrainSetting): Values {
  const [side, grid] = [size / 8, size / GRID];
  const tokens = grid * grid;
  const number = tokens - Math.floor(tokens * tread);
  const latentShape = [batch, 4, side, side];
  const positions = new Float32Array(batch * tokens * 2);
  const kept = Array.from({ length: batch }, (_, sample) => [
    ...chooseSorted(0, 10 + sample, number, tokens),
  ]);
  for (let sample = 0; sample < batch; sample++) {
    positions.set(positionMap('bounding_box', grid, grid), sample * tokens * 2);
  }
  return {
    latent: f32(latentShape, normals(0, 2, count(latentShape))),
    noise: f32(latentShape, normals(0, 3, count(latentShape))),
    t: f32([batch], uniforms(0, 4, batch)),
    positions: f32([batch, tokens, 2], positions),
    addon: f32([batch, 1], new Float32Array(batch)),
    ...(tread > 0 && { kept: i64([batch, number], kept.flat()) }),
  };
}
