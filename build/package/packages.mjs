/** @file Which packages the engine needs when it runs, and which of their files. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** What the bundles in out/host import; everything else is inside them. */
const ROOTS = ['onnxruntime-node', 'webgpu', 'sharp', '@huggingface/transformers'];

/** Dependencies that do not run here. */
const UNUSED = {
  'onnxruntime-node': ['adm-zip', 'global-agent'], // its install script, which we switch off, fetches CUDA
  webgpu: ['@webgpu/types', 'debug'], // types, and what its own build needs
  // Both tokenizer libraries are inside its bundle for Node, and the 144 MB of onnxruntime-web are for browsers.
  '@huggingface/transformers': ['@huggingface/jinja', '@huggingface/tokenizers', 'onnxruntime-web'],
};

/** The files to keep of packages that are much larger than what runs. */
const PARTS = {
  '@huggingface/transformers': ['dist/transformers.node.mjs'],
  'onnxruntime-node': ['dist/', 'bin/napi-v6/$platform/$arch/'],
  sharp: ['dist/'],
  webgpu: ['index.js', 'dist/$platform-$arch/', 'dist/$platform-universal/'], // for Macs one file serves both
};

/**
 * Never needed to run: maps, types, sources, documents, and the second copy of ONNX Runtime for Macs, whose name
 * has the full version while the one that is loaded has the first number alone.
 */
const UNUSED_FILE = /\.(map|d\.[cm]?ts|ts|cc|h|md)$|\/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/;
const LICENCE = /(^|\/)(licen[cs]e|notice)[^/]*$/i;

/**
 * The packages that run, by name: the folder of each and its files, relative to that folder. Throws, naming what
 * is missing and the command that gets it.
 */
export function packagesToStage(root, target) {
  const found = new Map();
  const queue = [...ROOTS, ...target.sharpPackages].map((name) => ({ name, from: root }));
  for (const { name, from } of queue) {
    const folder = findPackage(name, from, root, target);
    if (!folder) throw missingPackages(root, target, name);
    const known = found.get(name);
    if (known && known.folder !== folder) {
      throw new Error(`${name}: two versions are needed, one can be staged: ${known.folder} and ${folder}.`);
    }
    if (known) continue;
    found.set(name, { folder, files: filesToStage(name, folder, target) });
    queue.push(...dependencies(name, folder).map((dependency) => ({ name: dependency, from: folder })));
  }
  return found;
}

/** How programs begin. */
const MAGIC = { linux: '7f454c46', win32: '4d5a', darwin: 'cffaedfe' };

/** Where Node for a target is: the one given, else that of its npm package. Throws when there is neither. */
export function findNode(root, target, given) {
  if (given) return requireProgram(given, target);
  if (!target.nodePackage) {
    throw new Error(
      `${target.name}: npm has no package with Node for this system. Download Node 24 from https://nodejs.org, ` +
        `unpack it and give its bin/${target.nodeFile} with --node. One of a package manager (Homebrew) loads ` +
        'libraries that other machines do not have.',
    );
  }
  const folder = findPackage(target.nodePackage, root, root, target);
  if (folder) return requireProgram(join(folder, 'bin', target.nodeFile), target);
  throw missingPackages(root, target, target.nodePackage);
}

function requireProgram(file, target) {
  if (!existsSync(file)) throw new Error(`${file}: there is no such file, and it should be Node.`);
  if (firstBytes(file, 4).startsWith(MAGIC[target.platform])) return file;
  throw new Error(`${file}: expected Node for ${target.name}, got a file of another kind.`);
}

/** In hexadecimal. */
function firstBytes(file, count) {
  const handle = openSync(file);
  const bytes = Buffer.alloc(count);
  readSync(handle, bytes);
  closeSync(handle);
  return bytes.toString('hex');
}

/** The folder of a package, looked for as Node does: beside the one that needs it, then further up. */
function findPackage(name, from, root, target) {
  const places = [];
  for (let folder = from; !relative(root, folder).startsWith('..'); folder = dirname(folder)) {
    places.push(folder);
  }
  places.push(join(root, packagesFolder(target)));
  return places.map((place) => join(place, 'node_modules', name)).find((folder) => existsSync(folder));
}

/** For packages of other systems than this one: in node_modules, npm would remove them again, or our own. */
function packagesFolder(target) {
  return `out/packages/${target.name}`;
}

function missingPackages(root, target, name) {
  const natives = nativePackages(root, target);
  if (!Object.hasOwn(natives, name)) {
    return new Error(`${name}: it is not in node_modules, but the engine needs it. Run \`npm ci\`.`);
  }
  const wanted = Object.entries(natives).map(([native, version]) => `${native}@${version}`);
  const system = `--os=${target.platform} --cpu=${target.arch}${target.platform === 'linux' ? ' --libc=glibc' : ''}`;
  return new Error(
    `${name}: this package for ${target.name} is not installed. Get what this target needs with\n` +
      `  npm install --prefix ${packagesFolder(target)} ${system} --force --no-save --ignore-scripts ${wanted.join(' ')}`,
  );
}

/** The packages of a target alone, with their versions. */
function nativePackages(root, target) {
  const versions = {
    ...readManifest(root).optionalDependencies,
    ...readManifest(join(root, 'node_modules/sharp')).optionalDependencies,
  };
  const names = [...target.sharpPackages, ...(target.nodePackage ? [target.nodePackage] : [])];
  return Object.fromEntries(names.map((name) => [name, versions[name]]));
}

function dependencies(name, folder) {
  const names = Object.keys(readManifest(folder).dependencies ?? {});
  return names.filter((dependency) => !UNUSED[name]?.includes(dependency));
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function filesToStage(name, folder, { platform, arch }) {
  const parts = (PARTS[name] ?? ['']).map((part) =>
    part.replace('$platform', platform).replace('$arch', arch),
  );
  const isUsed = (file) => parts.some((part) => file.startsWith(part)) && !UNUSED_FILE.test(file);
  const files = listFiles(folder).filter((file) => !file.startsWith('node_modules/')); // those are packages too
  const licence = files.some((file) => LICENCE.test(file)) ? LICENCE : /^README\.md$/i; // which then names it
  return files.filter((file) => file === 'package.json' || licence.test(file) || isUsed(file));
}

/** All files below a folder, relative to it, with `/` between the parts. */
export function listFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
