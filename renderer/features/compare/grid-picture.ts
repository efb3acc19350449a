/** @file A grid as one picture, with its values along the edges. */
import type { Grid } from '../../../electron/contract.ts';

export interface GridPictureOptions {
  readonly grid: Grid;
  readonly columnNames: readonly string[];
  readonly rowNames: readonly string[];
  /** Names of the settings that vary, x first. */
  readonly axes: readonly string[];
  readonly title: string;
}

/** What browsers still make a picture of. */
const MOST_SIDE = 16_000;
const MOST_PIXELS = 100_000_000;
const GAP = 8;

/**
 * A PNG with the pictures in their own size, smaller when it would be too large for a browser. Cells without a
 * picture stay grey. Throws when a picture cannot be read or no PNG can be made.
 */
export async function paintGrid(options: GridPictureOptions): Promise<Blob> {
  const { grid, columnNames, rowNames } = options;
  const images = await Promise.all(grid.cells.map(({ picture }) => load(picture?.url)));
  const known = images.flatMap((image) => (image ? [image] : []));
  const full = {
    width: Math.max(...known.map(({ naturalWidth }) => naturalWidth)),
    height: Math.max(...known.map(({ naturalHeight }) => naturalHeight)),
  };
  const scale = Math.min(
    1,
    MOST_SIDE / ((full.width + GAP) * columnNames.length),
    MOST_SIDE / ((full.height + GAP) * rowNames.length),
    Math.sqrt(MOST_PIXELS / (full.width * full.height * grid.cells.length)),
  );
  const cell = { width: Math.round(full.width * scale), height: Math.round(full.height * scale) };
  const canvas = paint(options, images, cell);
  return canvas.convertToBlob({ type: 'image/png' });
}

async function load(url: string | undefined): Promise<HTMLImageElement | undefined> {
  if (url === undefined) return undefined;
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function paint(
  { grid, columnNames, rowNames, axes, title }: GridPictureOptions,
  images: readonly (HTMLImageElement | undefined)[],
  cell: { readonly width: number; readonly height: number },
): OffscreenCanvas {
  const text = Math.max(12, Math.round(cell.width / 16));
  const bold = `600 ${text}px sans-serif`;
  const left = grid.y ? Math.min(cell.width, widest(rowNames, bold)) + 3 * GAP : GAP;
  const top = text * 5;
  const width = left + columnNames.length * (cell.width + GAP);
  const canvas = new OffscreenCanvas(width, top + rowNames.length * (cell.height + GAP));
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  const write = (words: string, x: number, y: number, room: number): void =>
    context.fillText(shortened(context, words, room), x, y);

  context.fillStyle = '#1d1c1a';
  context.textBaseline = 'middle';
  context.font = `${text}px sans-serif`;
  write(title, GAP, text, width - 2 * GAP);
  context.fillStyle = '#5e5a53';
  write(axes.join(' × '), GAP, text * 2.4, width - 2 * GAP);
  context.fillStyle = '#1d1c1a';
  context.font = bold;
  context.textAlign = 'center';
  columnNames.forEach((name, column) =>
    write(name, left + column * (cell.width + GAP) + cell.width / 2, top - text, cell.width),
  );
  context.textAlign = 'right';
  if (grid.y) {
    rowNames.forEach((name, row) =>
      write(name, left - 2 * GAP, top + row * (cell.height + GAP) + cell.height / 2, left - 3 * GAP),
    );
  }

  images.forEach((image, index) => {
    const x = left + (index % columnNames.length) * (cell.width + GAP);
    const y = top + Math.floor(index / columnNames.length) * (cell.height + GAP);
    context.fillStyle = '#eae8e3';
    context.fillRect(x, y, cell.width, cell.height);
    if (image) drawInside(context, image, { x, y, ...cell });
  });
  return canvas;
}

function widest(words: readonly string[], font: string): number {
  const context = new OffscreenCanvas(1, 1).getContext('2d')!;
  context.font = font;
  return Math.ceil(Math.max(...words.map((word) => context.measureText(word).width)));
}

/** In the middle of its cell, whole. */
function drawInside(
  context: OffscreenCanvasRenderingContext2D,
  image: HTMLImageElement,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): void {
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.drawImage(image, box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height);
}

function shortened(context: OffscreenCanvasRenderingContext2D, words: string, room: number): string {
  if (context.measureText(words).width <= room) return words;
  let end = words.length;
  while (end > 1 && context.measureText(`${words.slice(0, end)}…`).width > room) end--;
  return `${words.slice(0, end)}…`;
}
