/** @file The settings inside a picture, whoever made it. */
import sharp from 'sharp';
import { HdmError, toHdmError } from '../errors.ts';
import { fromParametersText, isParametersText } from './a1111.ts';
import { readBytes } from './bytes.ts';
import { fromComfyPrompt } from './comfyui-read.ts';
import { readExif } from './exif.ts';
import { isPng, readPngText } from './png-text.ts';
import { PNG_KEYWORDS } from './save.ts';
import { parseSettings, type PictureSettings } from './settings.ts';

export type SettingsSource = 'hdm-studio' | 'a1111' | 'comfyui';

export interface RestoredSettings {
  readonly source: SettingsSource;
  /** Everything when the source is ours, else what the other program said. */
  readonly settings: Partial<PictureSettings>;
}

/** What was found, unread; the order is the order of preference. */
type Texts = readonly [source: SettingsSource, text: string | undefined][];

const READERS: Readonly<Record<SettingsSource, (text: string) => Partial<PictureSettings>>> = {
  'hdm-studio': parseSettings,
  a1111: fromParametersText,
  comfyui: fromComfyPrompt,
};

/**
 * Settings from a PNG, WebP or JPEG: ours, else A1111's, else ComfyUI's. Throws 'bad-file' when there are none,
 * or none that can be read; 'disk' when the file cannot be.
 */
export async function readSettings(path: string): Promise<RestoredSettings> {
  const { name, bytes } = await readBytes(path);
  const texts = isPng(bytes) ? pngTexts(bytes) : exifTexts(await exifOf(name, bytes));
  let firstError: HdmError | undefined;
  for (const [source, text] of texts) {
    if (text === undefined) continue;
    try {
      return { source, settings: READERS[source](text) };
    } catch (error) {
      firstError ??= toHdmError(error, name, 'bad-file');
    }
  }
  const advice = 'Choose a picture as it was saved; many websites and programs remove the settings';
  throw firstError ?? new HdmError('bad-file', name, 'found no settings in this picture', advice);
}

function pngTexts(bytes: Uint8Array): Texts {
  const texts = readPngText(bytes);
  return [
    ['hdm-studio', texts.get(PNG_KEYWORDS.ours)],
    ['a1111', onlyParameters(texts.get(PNG_KEYWORDS.a1111))],
    ['comfyui', texts.get(PNG_KEYWORDS.comfyPrompt)],
  ];
}

function exifTexts(exif: Uint8Array): Texts {
  const { description, comment, comfyPrompt } = readExif(exif);
  return [
    // A camera's description of the scene is no JSON of ours.
    ['hdm-studio', description?.startsWith('{') ? description : undefined],
    ['a1111', onlyParameters(comment)],
    ['comfyui', comfyPrompt],
  ];
}

function onlyParameters(text: string | undefined): string | undefined {
  return text !== undefined && isParametersText(text) ? text : undefined;
}

async function exifOf(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    const { exif } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return exif ?? new Uint8Array();
  } catch (error) {
    const advice = 'Choose a PNG, WebP or JPEG';
    throw new HdmError('bad-file', name, 'this is not a picture we can read', advice, error);
  }
}
