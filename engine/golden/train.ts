/** @file Golden files of training: the loss, the gradient of every weight, and a few AdamW steps. */
import { z } from 'zod';
import { f32, toFloat32, type FloatDType, type TensorData } from '../graph/dtype.ts';
import { xutConfig } from '../models/xut-config.ts';
import { denoisingLoss, CONTEXT } from '../training/objective.ts';
import { optimizerSettings } from '../training/optimizer.ts';
import { Trainer } from '../training/trainer.ts';
import { variableWeights } from '../training/variables.ts';
import { compare, configOf, input, optional, output, parseMetadata, tensorsBelow } from './golden-file.ts';
import type { Comparison, GoldenFile } from './golden-file.ts';
import { addonOf, keptOf, tokenPositions } from './xut.ts';

/**
 * Relative to the norm of what is expected; `weights` absolute, for all but `others` of them. Half precision rounds each
 * stored number to 5e-4 of itself, on the way forward and back; Adam turns a gradient that is rounding alone into a
 * whole step of the learning rate, so there weights are only compared as whole tensors.
 */
const TOLERANCES: Readonly<
  Record<FloatDType, { gradients: number; all: number; weights: number; others: number }>
> = {
  f32: { gradients: 1e-3, all: 1e-4, weights: 1e-5, others: 0.005 },
  f16: { gradients: 2e-2, all: 1e-2, weights: 2e-3, others: 0.005 },
  bf16: { gradients: 0.16, all: 8e-2, weights: 1.6e-2, others: 0.005 },
};

type Tolerances = (typeof TOLERANCES)[FloatDType];

const optimizerMetadata = z.object({
  name: z.literal('adamw'),
  lr: z.number().positive(),
  lr_scale: z.literal('1/fan_in'),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number().positive(),
  weight_decay: z.number().nonnegative(),
  grad_clip: z.number().positive(),
  steps: z.int().positive(),
});

export async function checkTrain(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, xutConfig);
  const { precision } = golden;
  const tolerances = TOLERANCES[precision];
  const { steps, ...settings } = parseMetadata(golden, 'optimizer', optimizerMetadata);
  const kept = keptOf(golden);
  const latent = input(golden, 'latent');
  const [batch, , height, width] = latent.shape as [number, number, number, number];
  const trainer = await Trainer.open(golden.runtime, {
    values: tensorsBelow(golden, 'weight.'),
    frozen: new Map(),
    objective: (graph) =>
      denoisingLoss(graph, {
        config,
        weights: variableWeights(graph, '', precision),
        isRouted: kept !== undefined,
        precision,
      }),
    optimizer: optimizerSettings.parse({
      learningRate: settings.lr,
      betas: settings.betas,
      epsilon: settings.eps,
      weightDecay: settings.weight_decay,
      clip: settings.grad_clip,
    }),
    checkpointing: false,
    hasAverages: false,
    scalesLoss: precision === 'f16',
  });
  const values = {
    latent,
    noise: input(golden, 'noise'),
    t: input(golden, 't'),
    positions: tokenPositions(golden, config, batch, height, width),
    ...optional('addon', addonOf(golden, config)),
    ...optional('kept', kept),
  };
  if (golden.tensors.has('input.ctx')) await trainer.variables.write(CONTEXT, input(golden, 'ctx'));

  const comparisons: Comparison[] = [];
  const [losses, norms]: [number[], number[]] = [[], []];
  while (losses.length < steps) {
    const { loss, norm } = await trainer.accumulate(values);
    // In half precision the first updates only bring the loss scale down, as in any training.
    const isUsable = Number.isFinite(norm) || trainer.counters.lossScale === 1;
    if (isUsable && losses.length === 0) {
      comparisons.push(...(await compareGradients(golden, trainer, loss, tolerances)));
    }
    if (isUsable) {
      losses.push(loss);
      norms.push(norm);
    }
    await trainer.update(norm, settings.lr);
  }
  const list = (numbers: readonly number[]): TensorData => f32([numbers.length], numbers);
  comparisons.push(relative('losses', list(losses), output(golden, 'step_losses'), tolerances.all));
  comparisons.push(relative('norms', list(norms), output(golden, 'step_grad_norms'), tolerances.gradients));
  comparisons.push(...compareValues(golden, await trainer.read('value'), tolerances));
  await trainer.dispose();
  return comparisons;
}

/**
 * Weights after the last step: all but a few by themselves, and each tensor as a whole. Adam divides a gradient by its
 * own size, so where it is rounding alone the weight goes anywhere, and the next steps with it: float64 finds
 * PyTorch's float32 weights after three steps of a model with large values up to 4e-3 from the truth.
 */
function compareValues(
  golden: GoldenFile,
  after: ReadonlyMap<string, TensorData>,
  { weights, others, all }: Tolerances,
): Comparison[] {
  const expected = tensorsBelow(golden, 'after.');
  const errors = [...expected].flatMap(([name, tensor]) => {
    const [a, b] = [toFloat32(after.get(name)!), toFloat32(tensor)];
    return Array.from(a, (value, index) => Math.abs(value - b[index]!));
  });
  errors.sort((a, b) => a - b);
  const counted = errors[Math.ceil(errors.length * (1 - others)) - 1]!;
  return [
    { name: 'weights after', error: counted, tolerance: weights },
    ...[...expected].map(([name, tensor]) => relative(`${name} after`, after.get(name)!, tensor, all)),
  ];
}

async function compareGradients(
  golden: GoldenFile,
  trainer: Trainer,
  loss: number,
  tolerances: Tolerances,
): Promise<Comparison[]> {
  const found = await trainer.read('gradient');
  const { lossScale } = trainer.counters;
  const comparisons = [compare(golden, 'loss', f32([1], [loss]), output(golden, 'loss'))];
  for (const [name, expected] of tensorsBelow(golden, 'grad.')) {
    const gradient = toFloat32(found.get(name)!).map((value) => value / lossScale);
    comparisons.push(
      relative(`gradient ${name}`, f32(expected.shape, gradient), expected, tolerances.gradients),
    );
  }
  return comparisons;
}

/** Norm of the difference over the norm of what is expected. */
function relative(name: string, found: TensorData, expected: TensorData, tolerance: number): Comparison {
  const [a, b] = [toFloat32(found), toFloat32(expected)];
  const difference = normOf(a.map((value, index) => value - b[index]!));
  const size = normOf(b);
  return { name, error: size === 0 ? difference : difference / size, tolerance };
}

function normOf(numbers: Float32Array): number {
  return Math.sqrt(numbers.reduce((total, value) => total + value * value, 0));
}
