/**
 * @file What electron-builder runs on each unpacked program before it makes installers of it. electron-builder only
 * logs a source that is missing and says nothing when it leaves a file out; here both end the packaging.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { listPackage, statFile } from '@electron/asar';
import { Arch } from 'electron-builder';
import { setFuses } from './fuses.mjs';
import { listFiles } from './packages.mjs';
import { BUNDLES } from './stage.mjs';
import { findTarget, stageFolder } from './targets.mjs';

/** The folders that are in app.asar, and of each the files without which nothing works. */
const APP_FOLDERS = {
  'out/main': ['main.cjs', 'preload.cjs'],
  'out/renderer': ['index.html'],
};

/** Checks that the package holds all it must, nothing else, and sets its fuses. Throws, naming the file. */
export async function afterPack(context) {
  const { appOutDir, packager } = context;
  const target = findTarget(`${context.electronPlatformName}-${Arch[context.arch]}`);
  const resources = packager.getResourcesDir(appOutDir);
  checkEngine(packager.projectDir, target, join(resources, 'engine'));
  checkArchive(packager.projectDir, join(resources, 'app.asar'));
  await setFuses(join(appOutDir, programOf(target, packager)));
}

function checkEngine(root, target, packaged) {
  const staged = stageFolder(target);
  const needed = [
    target.nodeFile,
    ...BUNDLES,
    'renderer/index.html',
    `node_modules/onnxruntime-node/bin/napi-v6/${target.platform}/${target.arch}/onnxruntime_binding.node`,
    ...target.sharpPackages.map((name) => `node_modules/${name}/package.json`),
    'node_modules/@huggingface/transformers/dist/transformers.node.mjs',
  ];
  requireFiles(root, staged, needed, `Run \`npm run stage -- --target ${target.name}\` first`);

  const lost = listFiles(join(root, staged)).find(
    (file) => !isSame(join(root, staged, file), join(packaged, file), target),
  );
  if (lost) throw new Error(`${staged}/${lost}: it did not come into the package whole. See extraResources.`);
  const isExecutable = process.platform === 'win32' || statSync(join(packaged, target.nodeFile)).mode & 0o111;
  if (!isExecutable) throw new Error(`${staged}/${target.nodeFile}: it may not be executed.`);
}

function isSame(source, copy, { platform }) {
  if (!existsSync(copy)) return false;
  if (platform === 'win32' && /\.(exe|dll|node)$/.test(copy)) return true; // signing, which changes it, comes before
  return statSync(source).size === statSync(copy).size;
}

function checkArchive(root, archive) {
  for (const [folder, needed] of Object.entries(APP_FOLDERS)) {
    requireFiles(root, folder, needed, 'Run `npm run build` first');
  }
  const inFolders = Object.keys(APP_FOLDERS).flatMap((folder) =>
    listFiles(join(root, folder)).map((file) => `${folder}/${file}`),
  );
  const wanted = new Set(['package.json', ...inFolders]);
  const packed = new Set(listArchive(archive));
  const lost = [...wanted].find((file) => !packed.has(file));
  if (lost) throw new Error(`${lost}: it did not come into app.asar. See \`files\`.`);
  const stray = [...packed].find((file) => !wanted.has(file));
  if (stray)
    throw new Error(`${stray}: it is in app.asar, where only the window and Electron's side belong.`);
}

function requireFiles(root, folder, files, advice) {
  const missing = files.find((file) => !existsSync(join(root, folder, file)));
  if (missing)
    throw new Error(`${folder}/${missing}: the package needs this file, and it is not there. ${advice}.`);
}

/** The files in an archive, with `/` between the parts. */
function listArchive(archive) {
  return listPackage(archive)
    .map((name) => name.slice(1)) // each begins with a separator
    .filter((name) => !('files' in statFile(archive, name)))
    .map((name) => name.replaceAll('\\', '/'));
}

/** What carries the fuses, in the folder of the unpacked program. */
function programOf({ platform }, packager) {
  if (platform === 'linux') return packager.executableName;
  return `${packager.appInfo.productFilename}${platform === 'win32' ? '.exe' : '.app'}`;
}
