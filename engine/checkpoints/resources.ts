/**
 * @file Folders that come with the program. Sources of this depth and bundles, in out/host/, both lie two folders below
 * the root; in a package the bundles lie beside the folders.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A folder of resources/, whose files are read as they are. It may not be there. */
export function resourceFolder(name: string): string {
  return programFolder(`./resources/${name}`, `../../resources/${name}`);
}

/** The place of a folder in a package, if it is there, else the usual one. */
export function programFolder(packaged: string, usual: string): string {
  const [inPackage, here] = [packaged, usual].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return existsSync(inPackage!) ? inPackage! : here!;
}
