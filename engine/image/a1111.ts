/**
 * @file The text that the A1111 web UI puts into pictures ("infotext"): the prompt, a line that begins with
 * `Negative prompt:`, and one line of `Name: value` pairs that begins with `Steps:`. Settings that A1111 does
 * not have are named `HDM ...`; other programs show them and take no offence.
 */
import { fromForeignName, SAMPLER_NAMES, SCHEDULE_NAMES, toForeignName } from './names.ts';
import { keepValid, type PictureSettings } from './settings.ts';

const NEGATIVE = 'Negative prompt:';
const SETTINGS_LINE = /^Steps: *\d/;
/** No program writes that much; the rest of a hostile line is not read. */
const MAX_SETTINGS_LENGTH = 1 << 20;
/** As many digits of a model's SHA-256 as A1111 writes. */
const SHORT_HASH_LENGTH = 10;

/** Settings as A1111 text. */
export function toParametersText(settings: PictureSettings): string {
  const { prompt, negativePrompt } = settings;
  const negativeLines = negativePrompt === '' ? [] : [`${NEGATIVE} ${negativePrompt}`];
  return [prompt, ...negativeLines, settingsLine(settings)].join('\n');
}

/** Whether a text has the line of settings that makes it A1111's. */
export function isParametersText(text: string): boolean {
  return /^Steps: *\d/m.test(text);
}

/**
 * Settings from A1111 text, by any program. What it does not say, or says in words unknown here (a sampler we
 * lack), is left out; a text without settings is all prompt.
 */
export function fromParametersText(text: string): Partial<PictureSettings> {
  const lines = text.split('\n');
  const settingsAt = lines.findLastIndex((line) => SETTINGS_LINE.test(line));
  const fields = readFields((lines[settingsAt] ?? '').slice(0, MAX_SETTINGS_LENGTH));
  const prompts = splitPrompts(settingsAt < 0 ? lines : lines.slice(0, settingsAt), fields);
  return keepValid({ ...prompts, ...readSettings(fields) });
}

function settingsLine(settings: PictureSettings): string {
  const { sampler, schedule, model, image2image, adapters, guidanceInterval, prompt } = settings;
  const hasMisleadingLine = prompt.split('\n').some((line) => line.startsWith(NEGATIVE));
  const fields: [name: string, value: string | number | undefined][] = [
    ['Steps', settings.steps],
    ['Sampler', toForeignName(SAMPLER_NAMES, 'a1111', sampler) ?? sampler],
    ['Schedule type', toForeignName(SCHEDULE_NAMES, 'a1111', schedule.name) ?? schedule.name],
    ['CFG scale', settings.guidanceScale],
    ['Seed', settings.seed],
    ['Size', `${settings.width}x${settings.height}`],
    ['Model hash', model.sha256?.slice(0, SHORT_HASH_LENGTH)],
    ['Model', model.name],
    ['Denoising strength', image2image?.strength],
    ['HDM mask', image2image && String(image2image.mask)],
    ['HDM shift', schedule.shift],
    ['HDM guidance interval', guidanceInterval.join(' ')],
    ['HDM zoom', settings.zoom],
    ['HDM x shift', settings.xShift],
    ['HDM y shift', settings.yShift],
    ['HDM TREAD guidance', settings.treadGuidance],
    ['HDM adapters', JSON.stringify(adapters)],
    ['HDM model hash', model.sha256],
    ['HDM precision', settings.precision],
    ['HDM device', settings.device],
    ['HDM prompt lines', hasMisleadingLine ? prompt.split('\n').length : undefined],
    ['Version', `HDM Studio ${settings.appVersion}`],
  ];
  return fields
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}: ${quote(value)}`))
    .join(', ');
}

type Fields = ReadonlyMap<string, string>;

function readSettings(fields: Fields): Partial<Record<keyof PictureSettings, unknown>> {
  const number = (name: string) => toNumber(fields.get(name));
  const [width, height] = (fields.get('Size') ?? '').split('x').map(toNumber);
  const scheduleName = fromForeignName(SCHEDULE_NAMES, 'a1111', fields.get('Schedule type'));
  const strength = number('Denoising strength');
  // With "Hires upscale" the strength is of a second pass, not of a picture that came in.
  const isImage2image = strength !== undefined && !fields.has('Hires upscale');
  return {
    width,
    height,
    steps: number('Steps'),
    guidanceScale: number('CFG scale'),
    guidanceInterval: fields.get('HDM guidance interval')?.split(' ').map(toNumber),
    sampler: fromForeignName(SAMPLER_NAMES, 'a1111', fields.get('Sampler')),
    schedule: { name: scheduleName, ...optional('shift', number('HDM shift')) },
    seed: number('Seed'),
    zoom: number('HDM zoom'),
    xShift: number('HDM x shift'),
    yShift: number('HDM y shift'),
    treadGuidance: number('HDM TREAD guidance'),
    adapters: parseJson(fields.get('HDM adapters')),
    model: { name: fields.get('Model'), ...optional('sha256', fields.get('HDM model hash')) },
    image2image: isImage2image ? { strength, mask: fields.get('HDM mask') === 'true' } : undefined,
    precision: fields.get('HDM precision'),
    device: fields.get('HDM device'),
  };
}

/** The prompt ends at the first negative line, unless our own count of its lines says otherwise. */
function splitPrompts(lines: readonly string[], fields: Fields): { prompt: string; negativePrompt: string } {
  const firstNegative = lines.findIndex((line) => line.startsWith(NEGATIVE));
  const usual = firstNegative < 0 ? lines.length : firstNegative;
  const promptLines = toNumber(fields.get('HDM prompt lines')) ?? usual;
  const negative = lines.slice(promptLines).join('\n');
  return {
    prompt: lines.slice(0, promptLines).join('\n'),
    negativePrompt: negative.startsWith(NEGATIVE)
      ? negative.slice(NEGATIVE.length).replace(/^ /, '')
      : negative,
  };
}

/** `Name: value` pairs, separated by commas. Read by position, not by pattern: a hostile line costs no time. */
function readFields(line: string): Fields {
  const fields = new Map<string, string>();
  for (let at = 0; at < line.length;) {
    const colon = line.indexOf(':', at);
    if (colon < 0) break;
    const name = line.slice(line.lastIndexOf(',', colon) + 1, colon);
    const end = valueEnd(line, colon + 1);
    fields.set(name.trim(), unquote(line.slice(colon + 1, end).trim()));
    at = end + 1;
  }
  return fields;
}

/** Position of the comma after a value that begins at `start`, or of the line's end. */
function valueEnd(line: string, start: number): number {
  const quoteAt = line[start] === ' ' ? start + 1 : start;
  const closing = line[quoteAt] === '"' ? closingQuote(line, quoteAt) : -1;
  const comma = line.indexOf(',', closing < 0 ? start : closing);
  return comma < 0 ? line.length : comma;
}

function closingQuote(line: string, opening: number): number {
  for (let at = opening + 1; at < line.length; at++) {
    if (line[at] === '\\') at++;
    else if (line[at] === '"') return at;
  }
  return -1;
}

/** As A1111: JSON for what would break the line; also for what would lose its spaces or quotes. */
function quote(value: string | number): string {
  const text = String(value);
  return /[,:\n"]|^\s|\s$/.test(text) ? JSON.stringify(text) : text;
}

function unquote(text: string): string {
  const value = text.startsWith('"') ? parseJson(text) : text;
  return typeof value === 'string' ? value : text;
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toNumber(text: string | undefined): number | undefined {
  const value = text?.trim() ? Number(text) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

function optional<Key extends string>(key: Key, value: unknown): { [K in Key]?: unknown } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: unknown });
}
