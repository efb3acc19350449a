/**
 * @file One folder with everything the host and the engine need on one system: Node, the bundles, resources, the
 * window for browsers and the packages that cannot be bundled. It needs nothing else, so it runs wherever it lies.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vite';
import { findNode, listFiles, packagesToStage } from './packages.mjs';
import { stageFolder, THIS_TARGET } from './targets.mjs';

/** The programs that `npm run build` makes for Node; what else is in out/host, they share or start. */
export const BUNDLES = [
  ...['host.mjs', 'hdm-studio.mjs', 'engine.mjs'],
  ...['probe.mjs', 'count-worker.mjs', 'loader-worker.mjs', 'report-worker.mjs'],
];

const TRIAL = fileURLToPath(new URL('trial.mjs', import.meta.url));
const TRIAL_TIMEOUT_MS = 120_000;

/**
 * Stages the engine of the project in `root` for `target`; `node` is the path of a Node for it, needed where npm
 * has none. Returns the folder and what is in it, in bytes. Throws, naming what is missing and how to get it.
 */
export function stageEngine({ root, target, node }) {
  const built = [...BUNDLES.map((name) => `out/host/${name}`), 'out/renderer/index.html'];
  const missing = built.find((file) => !existsSync(join(root, file)));
  if (missing) throw new Error(`${missing}: there is no such file. Run \`npm run build\` first.`);
  const nodeFile = findNode(root, target, node);
  const packages = packagesToStage(root, target);

  const folder = join(root, stageFolder(target));
  rmSync(folder, { recursive: true, force: true });
  copyNode(nodeFile, folder, target);
  copyFiles(join(root, 'out/host'), folder, (file) => !file.endsWith('.map'));
  copyFiles(join(root, 'resources'), join(folder, 'resources'));
  // For `hdm-studio serve`: a plain Node cannot read the window in Electron's archive.
  copyFiles(join(root, 'out/renderer'), join(folder, 'renderer'));
  for (const [name, { folder: source, files }] of packages) {
    for (const file of files) copyFile(join(source, file), join(folder, 'node_modules', name, file));
  }
  requireStagedImports(folder, packages);
  return { folder, bytes: totalBytes(folder) };
}

/**
 * Runs the staged Node in its folder with `trial.mjs`. Returns whether it could: this machine must be the target.
 * Throws what went wrong.
 */
export function tryStage(folder, target) {
  if (target.name !== THIS_TARGET) return false;
  const { status, stderr, error } = spawnSync(join(folder, target.nodeFile), ['--input-type=module'], {
    cwd: folder,
    input: readFileSync(TRIAL),
    encoding: 'utf8',
    timeout: TRIAL_TIMEOUT_MS,
  });
  if (status === 0) return true;
  throw new Error(`${stageFolder(target)}: it does not run: ${error?.message ?? stderr.trim()}`);
}

function copyNode(nodeFile, folder, target) {
  copyFile(nodeFile, join(folder, target.nodeFile));
  chmodSync(join(folder, target.nodeFile), 0o755);
  // Node's own archive and its npm packages have the licence one folder above the program, on Windows beside it.
  const places = [join(dirname(nodeFile), '../LICENSE'), join(dirname(nodeFile), 'LICENSE')];
  const licence = places.find((place) => existsSync(place));
  if (licence) copyFile(licence, join(folder, 'LICENSE.node.txt'));
}

function copyFiles(from, to, isWanted = () => true) {
  for (const file of listFiles(from).filter(isWanted)) copyFile(join(from, file), join(to, file));
}

function copyFile(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** A package in the project's own node_modules would hide, until the program is elsewhere, that it is not staged. */
function requireStagedImports(folder, packages) {
  for (const file of listFiles(folder).filter((name) => name.endsWith('.mjs') && !name.includes('/'))) {
    const names = importedPackages(readFileSync(join(folder, file), 'utf8'));
    const absent = names.find((name) => !packages.has(name));
    if (!absent) continue;
    throw new Error(
      `out/host/${file} imports ${absent}, which is not staged. ` +
        'Let the build bundle it, or name it in ROOTS of build/package/packages.mjs.',
    );
  }
}

/** The packages that a module imports, without those of Node. */
function importedPackages(code) {
  const sources = [];
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    const isImport = /^(Import|Export)/.test(node.type) && typeof node.source?.value === 'string';
    if (isImport) sources.push(node.source.value);
    Object.values(node).forEach(visit);
  };
  visit(parseAst(code).body);
  return sources.filter((source) => !/^(\.|node:)/.test(source) && !isBuiltin(source)).map(packageOf);
}

/** `@scope/name/file` is a file of `@scope/name`. */
function packageOf(source) {
  return source.split('/', source.startsWith('@') ? 2 : 1).join('/');
}

function totalBytes(folder) {
  return listFiles(folder).reduce((total, file) => total + statSync(join(folder, file)).size, 0);
}
