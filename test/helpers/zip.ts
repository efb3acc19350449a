/** @file Zip files, as far as the studio writes them. */
import { inflateRawSync } from 'node:zlib';

/** Files of a zip file by their names: those in `pictures/` byte by byte (latin1), others as UTF-8. */
export function unzipped(zip: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  const end = zip.lastIndexOf('PK\u0005\u0006', undefined, 'latin1');
  let entry = zip.readUInt32LE(end + 16);
  for (let count = zip.readUInt16LE(end + 10); count > 0; count--) {
    const [method, size] = [zip.readUInt16LE(entry + 10), zip.readUInt32LE(entry + 20)];
    const [nameLength, extra] = [zip.readUInt16LE(entry + 28), zip.readUInt16LE(entry + 30)];
    const name = zip.toString('utf8', entry + 46, entry + 46 + nameLength);
    const local = zip.readUInt32LE(entry + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const bytes = zip.subarray(start, start + size);
    const content = method === 0 ? bytes : inflateRawSync(bytes);
    files.set(name, content.toString(name.startsWith('pictures/') ? 'latin1' : 'utf8'));
    entry += 46 + nameLength + extra + zip.readUInt16LE(entry + 32);
  }
  return files;
}
