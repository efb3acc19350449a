/** @file Bundles: the programs of the host for plain Node, Electron's main process and preload. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Native addons, and a package that chooses its own files for Node. They stay in node_modules. */
const PACKAGES_OUTSIDE = ['onnxruntime-node', 'webgpu', 'sharp', '@huggingface/transformers'];
/** Packages that ws uses when somebody installed them. */
const NEVER_THERE = ['bufferutil', 'utf-8-validate'];

/** The host, the command line and every program that they start, with what they share, in the folder host of `out`. */
export async function bundleHost(root, out = join(root, 'out')) {
  const dir = emptyFolder(out, 'host');
  const bundle = await rolldown({
    cwd: root,
    input: {
      host: 'electron/host/main.ts',
      'hdm-studio': 'electron/cli.ts',
      // What these start as processes or threads of their own, and look for beside themselves.
      engine: 'electron/engine/main.ts',
      'count-worker': 'electron/host/prompts/count-worker.ts',
      probe: 'engine/runtime/probe.ts',
      'loader-worker': 'engine/training/data/loader-worker.ts',
      'report-worker': 'electron/host/training/report-worker.ts',
    },
    platform: 'node',
    external: isOutside,
    plugins: [commandLineProgram()],
  });
  await bundle.write({
    dir,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'shared-[hash].mjs', // beside the programs: `import.meta.url` has to stay right
  });
  await bundle.close();
}

/** Electron's main process and the preload, which may be one file only, in the folder main of `out`. */
export async function bundleShell(root, out = join(root, 'out')) {
  const dir = emptyFolder(out, 'main');
  for (const name of ['main', 'preload']) {
    const bundle = await rolldown({
      cwd: root,
      input: { [name]: `electron/${name}.ts` },
      platform: 'node',
      external: ['electron', /^node:/],
    });
    await bundle.write({ dir, format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false });
    await bundle.close();
  }
}

function emptyFolder(parent, name) {
  const folder = join(parent, name);
  rmSync(folder, { recursive: true, force: true });
  return folder;
}

function isOutside(id) {
  if (id.startsWith('node:') || NEVER_THERE.includes(id)) return true;
  return PACKAGES_OUTSIDE.some((name) => id === name || id.startsWith(`${name}/`));
}

/** engine/cli.ts can be started by itself. Bundled it is a part of the command line, and nobody but that starts. */
function commandLineProgram() {
  return {
    name: 'command-line-program',
    transform: {
      filter: { id: /[\\/]engine[\\/]cli(\.ts|[\\/]workloads\.ts)$/ },
      handler: (code) =>
        code
          .replace('import.meta.main', 'false')
          .replace("new URL('../cli.ts', import", "new URL('./hdm-studio.mjs', import"),
    },
  };
}
