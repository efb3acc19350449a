/** @file Golden adapters, merged into base weights. */
import type { TensorData } from '../graph/dtype.ts';
import { Graph } from '../graph/graph.ts';
import { adaptWeight, openAdapter } from '../weights/adapters.ts';
import { writeSafetensors } from '../weights/write-safetensors.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, type Comparison, type GoldenFile, inMemory, tensorsBelow } from './golden-file.ts';

/** LyCORIS' merged weights; see `Scaling` in adapters.ts for what is special about them. */
export async function checkLycoris(golden: GoldenFile): Promise<Comparison[]> {
  const below = (prefix: string): Map<string, TensorData> => tensorsBelow(golden, prefix);
  const sources = new Map([...below('base.')].map(([name, tensor]) => [name, inMemory(tensor)]));
  const adapter = withTemporaryFile((path) => {
    writeSafetensors(path, below('adapter.'));
    return openAdapter(path, sources, 'as-lycoris-merges');
  });
  const graph = new Graph();
  for (const [name, { dtype, shape }] of sources) {
    graph.output(name, adaptWeight(name, graph.weight(name, dtype, shape), [{ adapter, strength: 1 }]));
  }
  const program = await golden.runtime.compile(graph, sources);
  const merged = await program.run({});
  await program.dispose();
  return [...below('merged.')].map(([name, expected]) =>
    compare(golden, name, merged[name]!, expected, { tolerance: 1e-5 }),
  );
}

function withTemporaryFile<T>(use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-'));
  try {
    return use(join(folder, 'adapter.safetensors'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
