/** @file Pictures and folders of pictures for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** RGB whose red grows to the right and green downwards; blue tells pictures apart. */
export function slope(width: number, height: number, blue = 0): Sharp {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data[3 * i] = ((i % width) * 255) / (width - 1);
    data[3 * i + 1] = (Math.floor(i / width) * 255) / (height - 1);
    data[3 * i + 2] = blue;
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

export function png(width: number, height: number, blue = 0): Promise<Buffer> {
  return slope(width, height, blue).png().toBuffer();
}

/** Writes files by their path in the folder; folders come by themselves. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}
