/**
 * @file Draws the program's icons from icon.svg. Usage: node build/icons/draw-icons.mjs
 * `icon.png` is kept with the sources: electron-builder makes the icons of Windows and macOS of it. Linux wants one
 * file for each size; those go to out/icons/ and are drawn again at each packaging.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SVG_SIDE = 1024;
const DPI = 72; // at which one unit of an SVG is one pixel
const LINUX_SIDES = [16, 24, 32, 48, 64, 128, 256, 512];

/** Draws the icons of Linux, `<side>x<side>.png`, into a folder. */
export async function drawLinuxIcons(folder) {
  mkdirSync(folder, { recursive: true });
  await Promise.all(LINUX_SIDES.map((side) => draw(side, join(folder, `${side}x${side}.png`))));
}

async function draw(side, file) {
  const density = Math.max(1, (DPI * side) / SVG_SIDE);
  await sharp(join(HERE, 'icon.svg'), { density })
    .resize(side, side)
    .png({ compressionLevel: 9 })
    .toFile(file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await draw(SVG_SIDE, join(HERE, 'icon.png'));
