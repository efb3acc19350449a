/** @file A built project and an Electron, both made up, of which electron-builder makes an unpacked program. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testFolder } from '../helpers/folder.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const CONFIG = 'build/package/electron-builder.config.mjs';
export const BUNDLES = [
  ...['count-worker.mjs', 'engine.mjs', 'hdm-studio.mjs', 'host.mjs'],
  ...['loader-worker.mjs', 'probe.mjs', 'report-worker.mjs'],
];

/** Fuses as Electron 45 comes with them. */
const FRESH_FUSES = '101100011';

/** As in build/package/targets.mjs. */
export interface Target {
  readonly name: string;
  readonly platform: 'linux' | 'win32' | 'darwin';
  readonly arch: string;
  readonly nodeFile: string;
  readonly sharpPackages: readonly string[];
}

/** What the build makes, made up, with the packages of this project. */
export function madeUpProject(): string {
  const root = testFolder();
  for (const name of BUNDLES) writeFile(join(root, 'out/host', name), `import 'node:fs'; import 'sharp';`);
  writeFile(join(root, 'out/main/main.cjs'), '// main');
  writeFile(join(root, 'out/main/preload.cjs'), '// preload');
  writeFile(join(root, 'out/renderer/index.html'), '<!doctype html>');
  writeFile(join(root, 'out/renderer/assets/index.js'), 'export {};');
  writeFile(join(root, 'resources/tags.csv'), '1girl,0\n');
  for (const file of ['package.json', 'LICENSE']) cpSync(join(ROOT, file), join(root, file));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
  return root;
}

/** The same, staged by hand, with the packaging of this project and an Electron for `target`. */
export function projectToPackage(target: Target): string {
  const root = madeUpProject();
  for (const folder of ['package', 'icons']) {
    cpSync(join(ROOT, 'build', folder), join(root, 'build', folder), { recursive: true });
  }
  const stage = join(root, 'out/stage', target.name);
  for (const name of BUNDLES) writeFile(join(stage, name), 'export {};');
  writeFile(join(stage, 'renderer/index.html'), '<!doctype html>');
  writeFile(join(stage, target.nodeFile), 'Node');
  chmodSync(join(stage, target.nodeFile), 0o755);
  for (const file of [
    ...['sharp', ...target.sharpPackages].map((name) => `${name}/package.json`),
    `onnxruntime-node/bin/napi-v6/${target.platform}/${target.arch}/onnxruntime_binding.node`,
    'webgpu/index.js',
    '@huggingface/transformers/dist/transformers.node.mjs',
  ]) {
    writeFile(join(stage, 'node_modules', file), file);
  }
  writeElectron(root, target);
  return root;
}

/** Puts `electron/` into the project: the folder that Electron's archive would unpack to. */
export function writeElectron(root: string, { platform }: Target, fuses = FRESH_FUSES): void {
  const folder = join(root, 'electron');
  if (platform === 'darwin') return writeElectronOfMac(folder, fuses);
  const program = join(folder, platform === 'win32' ? 'electron.exe' : 'electron');
  writeFile(program, fuseWire(fuses));
  chmodSync(program, 0o755);
  for (const language of ['de', 'en-US', 'ja', 'zh-CN'])
    writeFile(join(folder, `locales/${language}.pak`), '');
}

function writeElectronOfMac(folder: string, fuses: string): void {
  const contents = join(folder, 'Electron.app/Contents');
  const framework = join(contents, 'Frameworks/Electron Framework.framework');
  const helper = join(contents, 'Frameworks/Electron Helper.app/Contents');
  const plist = '<?xml version="1.0"?><plist version="1.0"><dict></dict></plist>';
  writeFile(join(contents, 'MacOS/Electron'), 'program');
  writeFile(join(contents, 'Info.plist'), plist);
  writeFile(join(helper, 'MacOS/Electron Helper'), 'program');
  writeFile(join(helper, 'Info.plist'), plist);
  writeFile(join(framework, 'Electron Framework'), fuseWire(fuses));
  for (const place of [join(contents, 'Resources'), join(framework, 'Versions/A/Resources')]) {
    for (const language of ['de', 'en', 'ja', 'zh_CN'])
      writeFile(join(place, `${language}.lproj/locale.pak`), '');
  }
}

/** How fuses lie in Electron's program: a mark, the version of the format, the count, a character for each. */
function fuseWire(states: string): Buffer {
  const mark = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
  return Buffer.concat([
    Buffer.from(`before${mark}`),
    Buffer.from([1, states.length]),
    Buffer.from(`${states}after`),
  ]);
}

/** Runs electron-builder on such a project, without the tools that it would download. */
export function runBuilder(
  root: string,
  target: Target,
): { readonly status: number | null; readonly output: string } {
  writeFile(join(root, 'icon.icns'), 'icns');
  const platform = {
    linux: ['--linux'],
    win32: ['--win', '--config.disableAsarIntegrity=true', '--config.win.signAndEditExecutable=false'],
    darwin: ['--mac', '--config.mac.icon=icon.icns', '--config.mac.identity=null'],
  }[target.platform];
  const options = [`--${target.arch}`, '--dir', `--config=${CONFIG}`, '--config.electronDist=electron'];
  const command = [join(ROOT, 'node_modules/electron-builder/cli.js'), ...platform, ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** Writes a file, and the folders above it where they are missing. */
export function writeFile(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** The files below a folder, with `/` between the parts of their names. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** Imports a file of plain JavaScript, which has no types of its own. */
export function importPlain(path: string): Promise<unknown> {
  return import(new URL(`../../${path}`, import.meta.url).href);
}
