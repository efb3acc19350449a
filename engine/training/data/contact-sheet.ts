/** @file Many pictures with their captions on one, to look a dataset through at a glance. */
import sharp, { type OverlayOptions } from 'sharp';
import { fromPixels, type Pixels } from '../../image/pixels.ts';

export interface Captioned {
  readonly pixels: Pixels;
  readonly caption: string;
}

export interface SheetOptions {
  /** Pictures in a row. */
  readonly columns: number;
  /** Longest side of a picture on the sheet, in pixels. */
  readonly side: number;
}

const GAP = 10;
const FONT_PX = 13;
const LINE_HEIGHT = 1.3;
const LINES = 5;
const TEXT_HEIGHT = Math.ceil(FONT_PX * LINE_HEIGHT * (LINES + 0.4));
/** More would only run out of its lines. */
const MOST_CHARACTERS = 220;
const PAPER = '#dddde2';
const INK = '#222222';

/** The sheet as RGB. Where the system has no fonts the captions are missing. */
export async function contactSheet(
  pictures: readonly Captioned[],
  { columns, side }: SheetOptions,
): Promise<Pixels> {
  const rows = Math.ceil(pictures.length / columns);
  const width = GAP + Math.min(columns, pictures.length) * (side + GAP);
  const cellHeight = side + TEXT_HEIGHT + 2 * GAP;
  const height = GAP + rows * cellHeight;
  const cells = await Promise.all(
    pictures.map(async ({ pixels, caption }, i): Promise<OverlayOptions[]> => {
      const left = GAP + (i % columns) * (side + GAP);
      const top = GAP + Math.floor(i / columns) * cellHeight;
      return [
        { input: await thumbnail(pixels, side), left, top },
        { input: await textPicture(caption, side), left, top: top + side + GAP / 2 },
      ];
    }),
  );
  const paper = sharp({ create: { width, height, channels: 3, background: PAPER } });
  const { data, info } = await paper
    .composite(cells.flat())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

function thumbnail(pixels: Pixels, side: number): Promise<Buffer> {
  return fromPixels(pixels).resize(side, side, { fit: 'inside' }).png().toBuffer();
}

/** A text in lines, as a picture of the same size for every text. */
function textPicture(text: string, width: number): Promise<Buffer> {
  const perLine = Math.floor(width / (FONT_PX * 0.56));
  const lines = wrap(text.slice(0, MOST_CHARACTERS) || '(no caption)', perLine).slice(0, LINES);
  const spans = lines.map(
    (line, i) => `<text x="0" y="${(i + 1) * FONT_PX * LINE_HEIGHT}">${escaped(line)}</text>`,
  );
  const style = `font-family="sans-serif" font-size="${FONT_PX}" fill="${INK}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${TEXT_HEIGHT}"><g ${style}>${spans.join('')}</g></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** Words into lines of at most so many characters; a longer word stands alone. */
function wrap(text: string, perLine: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < perLine)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** For XML, which allows no control characters at all. */
function escaped(text: string): string {
  return text
    .replace(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}
