/**
 * @file `npm run stage`: makes out/stage/<target>/, the engine with all it needs for one system, and tries it.
 * Usage: node build/package/stage-engine.mjs [--target linux-x64] [--node PATH]
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stageEngine, tryStage } from './stage.mjs';
import { findTarget, THIS_TARGET } from './targets.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

try {
  const { values } = parseArgs({
    options: { target: { type: 'string', default: THIS_TARGET }, node: { type: 'string' } },
  });
  const target = findTarget(values.target);
  const { folder, bytes } = stageEngine({ root: ROOT, target, node: values.node });
  const isTried = tryStage(folder, target);
  const verdict = isTried ? 'it runs' : `not tried, this is ${THIS_TARGET}`;
  console.log(`${relative(ROOT, folder)}: ${Math.round(bytes / 1e6)} MB, ${verdict}.`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
