/**
 * @file `npm run package`: from a built project to installers for one system, in out/installers/.
 * Usage: node build/package/package.mjs [--target linux-x64] [--node PATH] [--dir] [--electron FOLDER]
 * --dir makes the unpacked program only. --electron takes an unpacked Electron instead of downloading one.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawLinuxIcons } from '../icons/draw-icons.mjs';
import { findNode24, missingNode24 } from '../node24.mjs';
import { stageEngine, tryStage } from './stage.mjs';
import { findTarget, THIS_TARGET } from './targets.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

try {
  process.exitCode = await makeInstallers(readOptions());
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function readOptions() {
  return parseArgs({
    options: {
      target: { type: 'string', default: THIS_TARGET },
      node: { type: 'string' },
      dir: { type: 'boolean', default: false },
      electron: { type: 'string' },
    },
  }).values;
}

/** Returns the exit code of electron-builder. */
async function makeInstallers({ target: name, node, dir, electron }) {
  const target = findTarget(name);
  const { folder } = stageEngine({ root: ROOT, target, node });
  tryStage(folder, target);
  await drawLinuxIcons(join(ROOT, 'out/icons'));

  const node24 = findNode24();
  if (!node24) throw new Error(missingNode24());
  const args = [
    join(ROOT, 'node_modules/electron-builder/cli.js'),
    `--${target.builder}`,
    `--${target.arch}`,
    '--config=build/package/electron-builder.config.mjs',
    ...(dir ? ['--dir'] : []),
    ...(electron ? [`--config.electronDist=${electron}`] : []),
  ];
  return spawnSync(node24, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
}
