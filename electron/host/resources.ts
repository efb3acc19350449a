/**
 * @file Folders that belong to the program. Sources lie in electron/host/ and bundles in out/host/, both two folders
 * below the root; in a package the bundles lie beside them.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A folder of resources/, whose files are read as they are. */
export function resourceFolder(name: string): string {
  return firstFolder(`./resources/${name}`, `../../resources/${name}`);
}

/** The built window. */
export function windowFolder(): string {
  return firstFolder('./renderer', '../../out/renderer');
}

function firstFolder(packaged: string, usual: string): string {
  const [inPackage, here] = [packaged, usual].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return existsSync(inPackage!) ? inPackage! : here!;
}
