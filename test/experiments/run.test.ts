/** @file Experiments from end to end with a tiny model: broken off, gone on with, shared. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseExperiment } from '../../engine/experiments/document.ts';
import type { Job } from '../../engine/experiments/jobs.ts';
import { resultsSchema } from '../../engine/experiments/results.ts';
import { runExperiment, type ExperimentHooks } from '../../engine/experiments/run-experiment.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import type { TrainingEvent } from '../../engine/training/run/events.ts';
import { hdmStudio, refusal } from '../helpers/command-line.ts';
import { DOCUMENT } from './made-up.ts';

// Graphs are compiled for each run, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let folder = '';
let file = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hdm-experiment-'));
  file = join(folder, 'tiny.json');
  writeFileSync(file, JSON.stringify(DOCUMENT));
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Told {
  readonly jobs: Job[];
  readonly events: TrainingEvent[];
  readonly pictures: string[];
}

/** Runs the experiment with one seed; `isEnd` breaks it off. */
async function run(isEnd: (told: Told) => boolean = () => false) {
  const stop = new AbortController();
  const told: Told = { jobs: [], events: [], pictures: [] };
  const endIfDue = (): void => (isEnd(told) ? stop.abort() : undefined);
  const hooks: ExperimentHooks = {
    signal: stop.signal,
    onJob: (job) => void told.jobs.push(job),
    onEvent(event) {
      told.events.push(event);
      endIfDue();
    },
    onPicture(evaluation) {
      told.pictures.push(evaluation);
      endIfDue();
    },
  };
  const options = {
    folder: join(folder, 'out'),
    seeds: 1,
    appVersion: 'test',
  };
  const experiment = parseExperiment(DOCUMENT, 'tiny');
  const end = await runExperiment(onnxRuntime('cpu'), experiment, options, hooks).catch(
    (error: unknown) => error,
  );
  return { end, ...told };
}

describe('an experiment', () => {
  it('that is broken off goes on where it was, and does nothing twice', async () => {
    const isSecondRun = ({ jobs, events }: Told) =>
      jobs.length === 2 && events.findLast(({ kind }) => kind === 'step')?.step === 4;
    const first = await run(isSecondRun);
    expect(first.end).toMatchObject({ code: 'cancelled' });
    expect(first.pictures).toEqual(['euler', 'unipc']); // of the first run

    const second = await run(({ pictures }) => pictures.length === 1);
    expect(second.end).toMatchObject({ code: 'cancelled' });
    expect(second.events.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([
      5, 6, 7, 8, 9, 10,
    ]);
    expect(second.events.find(({ kind }) => kind === 'started')).toMatchObject({ isResumed: true });

    const third = await run();
    expect(third.events).toEqual([]);
    const left = third.pictures;
    expect(left.length).toBeGreaterThan(0);
    expect(left.length + second.pictures.length).toBeLessThanOrEqual(3);
    const results = resultsSchema.parse(third.end);
    expect(results.runs.map(({ variant, curve }) => [variant, curve.map(({ step }) => step)])).toEqual([
      ['usual', [0, 5, 10]],
      ['stack', [0, 5, 10]],
    ]);
    for (const { steps, trainMs, parameters, scores } of results.runs) {
      expect(steps).toBe(10);
      expect(trainMs).toBeGreaterThan(0);
      expect(parameters).toBeGreaterThan(100_000);
      expect(Object.keys(scores)).toEqual(['euler', 'unipc']);
      expect(scores['euler']).toMatchObject({ all: { of: 1 }, passes: 2 });
    }
    const runs = join(folder, 'out', 'runs');
    expect(existsSync(join(runs, third.jobs[0]!.folder, 'checkpoints'))).toBe(true);
    expect(existsSync(join(runs, third.jobs[0]!.folder, 'state'))).toBe(false);
  });

  it('does not take another run for its own', async () => {
    const [job] = (await run()).jobs;
    const path = join(folder, 'out', 'runs', job!.folder, 'recipe.json');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replace('"rank": 16', '"rank": 4'));
    expect((await run()).end).toMatchObject({ message: expect.stringContaining('another recipe') as string });
    writeFileSync(path, before);
  });

  it('is a command: results, tables and charts, from the runs that are there', async () => {
    const { code, stdout } = await hdmStudio(
      ...['experiment', file, '--out', join(folder, 'out'), '--seeds', '1', '--device', 'cpu'],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/Measured on cpu in f32, autoencoder: mosaic, 1 seed/);
    expect(stdout).toContain('open: one seed');
    const results = JSON.parse(readFileSync(join(folder, 'out', 'tiny', 'results.json'), 'utf8')) as object;
    expect(resultsSchema.parse(results)).toEqual(results);
    for (const name of ['results.md', 'steps.svg', 'time.svg']) {
      expect(existsSync(join(folder, 'out', 'tiny', name))).toBe(true);
    }
  });
});

describe('the command', () => {
  it('lists what there is to try', async () => {
    const { stdout } = await hdmStudio('experiment', '--list', '--json');
    const listed = JSON.parse(stdout) as { name: string; section: string }[];
    expect(listed.find(({ name }) => name === 'tread')).toMatchObject({ section: '3.6' });
  });

  it.each<[args: string, says: string]>([
    ['', 'the experiment is missing'],
    ['nothing-like-it', 'no experiment of that name'],
    ['tread --seeds 0', 'expected at least 1'],
    ['tread --seeds x', 'expected a number'],
  ])('refuses "%s"', async (args, says) => {
    expect(refusal(await hdmStudio('experiment', ...args.split(' ').filter(Boolean)), 2)).toContain(says);
  });
});
