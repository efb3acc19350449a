/**
 * @file Screenshots: always written, to be looked at; some are compared with references, as
 * far as this machine has the browser and fonts that those were made with.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from '@playwright/test';
import sharp from 'sharp';

const REFERENCES = fileURLToPath(new URL('./screens/', import.meta.url));
const LOOK = join(REFERENCES, 'look.json');
/** Where all screenshots of a run lie. */
export const SCREENS = fileURLToPath(new URL('../../out/e2e/screens', import.meta.url));

/** `UPDATE_SCREENS=1` makes the references anew. */
const IS_UPDATE = Boolean(process.env['UPDATE_SCREENS']);
const QUALITY = 70;
/** Of 255, on pictures of half the size: less is the work of the compression. */
const NOTICEABLE = 40;

/** Writes a screenshot and returns its path. What is in `hidden` differs from run to run. */
export async function shoot(page: Page, name: string, hidden: readonly Locator[] = []): Promise<string> {
  mkdirSync(SCREENS, { recursive: true });
  const path = join(SCREENS, `${name}.png`);
  await page.screenshot({ path, animations: 'disabled', mask: [...hidden], maskColor: '#808080' });
  return path;
}

/** The part of the pixels, 0 to 1, that are noticeably other than in the reference. Makes it when that was asked for. */
export async function differenceFrom(name: string, screenshot: string): Promise<number> {
  const reference = join(REFERENCES, `${name}.webp`);
  if (IS_UPDATE) {
    mkdirSync(REFERENCES, { recursive: true });
    await sharp(screenshot).webp({ quality: QUALITY, effort: 6 }).toFile(reference);
  }
  const [now, then] = await Promise.all([halved(screenshot), halved(reference)]);
  if (now.length !== then.length) return 1;
  let count = 0;
  for (let index = 0; index < now.length; index += 3) {
    const differences = [0, 1, 2].map((channel) => Math.abs(now[index + channel]! - then[index + channel]!));
    if (Math.max(...differences) > NOTICEABLE) count++;
  }
  return count / (now.length / 3);
}

async function halved(path: string): Promise<Buffer> {
  const { width } = await sharp(path).metadata();
  return sharp(path)
    .resize(Math.round(width / 2))
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** What stands against comparing on this machine; undefined: nothing. */
export async function obstacleToComparing(page: Page): Promise<string | undefined> {
  const look = await lookOf(page);
  if (IS_UPDATE) {
    mkdirSync(REFERENCES, { recursive: true });
    writeFileSync(LOOK, `${JSON.stringify(look, null, 2)}\n`);
  }
  if (!existsSync(LOOK)) return 'there are no references';
  const expected = JSON.parse(readFileSync(LOOK, 'utf8')) as typeof look;
  if (expected.chromium !== look.chromium) {
    return `the references are of Chromium ${expected.chromium}, this is ${look.chromium}`;
  }
  return expected.fonts === look.fonts ? undefined : 'the references were made with other fonts';
}

/** The browser, and its fonts by how wide they are: the same for the same pixels. */
async function lookOf(page: Page): Promise<{ chromium: string; fonts: string }> {
  const fonts = await page.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d')!;
    const families = [getComputedStyle(document.body).fontFamily, 'monospace'];
    return families.flatMap((family) =>
      ['normal', 'bold'].flatMap((weight) =>
        ['The quick brown fox, 0123', 'Größe Ångström', '设置 设定 生成'].map((text) => {
          context.font = `${weight} 50px ${family}`;
          return context.measureText(text).width.toFixed(1);
        }),
      ),
    );
  });
  const chromium = page.context().browser()!.version().split('.')[0]!;
  return { chromium, fonts: fonts.join(' ') };
}
