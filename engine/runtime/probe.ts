/**
 * @file A program of its own: times a small network on a device and on the CPU and prints both, as JSON; or names the
 * GPUs that our own runtime can use.
 * Usage: node probe.ts DEVICE
 *        node probe.ts adapters
 */
import { f32 } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { matmul } from '../ops/matmul.ts';
import { mean } from '../ops/reduce.ts';
import { openNamed, type ConcreteDevice } from './open.ts';
import { listAdapters } from './webgpu/dawn.ts';

const [ROWS, WIDTH, LAYERS, RUNS] = [512, 1024, 4, 3];
/** A device that needs longer than this is no GPU, but a program that plays one. */
const PATIENCE_MS = 2000;

const what = process.argv[2] as ConcreteDevice | 'adapters';
try {
  const found = what === 'adapters' ? { adapters: await listAdapters() } : await compare(what);
  console.log(JSON.stringify(found));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function compare(device: ConcreteDevice): Promise<{ deviceMs: number; cpuMs: number }> {
  const deviceMs = await time(device);
  return { deviceMs, cpuMs: await time('cpu') };
}

/** The fastest of a few runs; the first also compiles. */
async function time(name: ConcreteDevice): Promise<number> {
  const graph = new Graph();
  let x = graph.input('x', 'f32', [ROWS, WIDTH]);
  const data = new Float32Array(WIDTH * WIDTH).fill(1 / WIDTH);
  for (let layer = 0; layer < LAYERS; layer++) {
    x = matmul(x, graph.constant(f32([WIDTH, WIDTH], data)));
  }
  graph.output('mean', mean(x, [0, 1]));
  const runtime = await openNamed(name);
  if (runtime.isSoftware) throw new Error('there is no GPU, only a program that plays one');
  const program = await runtime.compile(graph, new Map());
  const inputs = { x: f32([ROWS, WIDTH], new Float32Array(ROWS * WIDTH).fill(1)) };
  let fastest = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const { mean: result } = await program.run(inputs);
    const elapsedMs = performance.now() - start;
    if (elapsedMs > PATIENCE_MS) return elapsedMs;
    if (run > 0) fastest = Math.min(fastest, elapsedMs);
    if (Math.abs(Number(result!.data[0]) - 1) > 1e-3)
      throw new Error(`it computes wrongly: ${result!.data[0]} instead of 1`);
  }
  return fastest;
}
