/** @file `hdm-studio dataset`: what is in a dataset, and what the trainer will see of it. */
import { extname } from 'node:path';
import { Command, Option } from 'commander';
import { HdmError } from '../errors.ts';
import { fromPixels, type Pixels } from '../image/pixels.ts';
import { writeWhole } from '../image/save.ts';
import { openTokenizer } from '../text/tokenizer.ts';
import { contactSheet } from '../training/data/contact-sheet.ts';
import { datasetSource, openDataset, type Dataset, type DatasetSource } from '../training/data/dataset.ts';
import { openLoader, type Batch } from '../training/data/loader.ts';
import { datasetReport, type DatasetReport } from '../training/data/report.ts';
import { untilInterrupted } from './interrupt.ts';
import { jsonOption, toPath, toWhole } from './options.ts';
import { EXIT, openOutput, type Output } from './output.ts';
import { placesFor } from './places.ts';

interface ReportOptions {
  readonly size: number;
  readonly count: number;
  readonly seed: number;
  readonly tokenizer?: string;
  readonly context: number;
  readonly json?: boolean;
}

interface PreviewOptions {
  readonly out: string;
  readonly size: number;
  readonly count: number;
  readonly seed: number;
  readonly crop: 'shifted-square' | 'buckets';
  readonly json?: boolean;
}

const SOURCE =
  'a folder of pictures with .txt files beside them, a .jsonl or .csv list, or the words toy or toy-simple';
const MOST_PREVIEWED = 400;
const SHEET_COLUMNS = 6;
const SHEET_SIDE = 224;
/** Names that a line shows; --json has them all. */
const NAMED = 5;

export function datasetCommand(): Command {
  const dataset = new Command('dataset').description('look at data for training');
  dataset.addCommand(
    new Command('report')
      .description('what is in a dataset, and what is wrong with it')
      .argument('<source>', SOURCE, toPath)
      .option(
        '--size <pixels>',
        'side of the squares of training: what is too small is refused',
        toWhole,
        256,
      )
      .option('--tokenizer <folder>', 'count the tokens of captions with this tokenizer', toPath)
      .option('--context <tokens>', 'tokens that the model takes', toWhole, 256)
      .option('--count <number>', 'how many toy scenes', toWhole, 1000)
      .option('--seed <number>', 'seed of the toy scenes', toWhole, 0)
      .addOption(jsonOption())
      .action((source: string, options: ReportOptions) =>
        untilInterrupted((signal) => report(source, options, signal)),
      ),
  );
  dataset.addCommand(
    new Command('preview')
      .description('pictures as the trainer sees them, with captions, on one sheet')
      .argument('<source>', SOURCE, toPath)
      .requiredOption('--out <file>', 'a .png, .webp or .jpg file', toPath)
      .option('--size <pixels>', 'side of the squares of training', toWhole, 256)
      .option('--count <number>', 'how many pictures', toWhole, 24)
      .option('--seed <number>', 'seed of the order, the crops and the toy scenes', toWhole, 0)
      .addOption(
        new Option('--crop <kind>', 'how pictures are cut')
          .choices(['shifted-square', 'buckets'])
          .default('shifted-square'),
      )
      .addOption(jsonOption())
      .action((source: string, options: PreviewOptions) =>
        untilInterrupted((signal) => preview(source, options, signal)),
      ),
  );
  return dataset;
}

async function report(word: string, options: ReportOptions, signal: AbortSignal): Promise<void> {
  const { size, json = false, tokenizer: folder, context } = options;
  const output = openOutput(json);
  const tokenizer = folder === undefined ? undefined : openTokenizer(folder);
  const dataset = await openDataset(seeded(datasetSource(word), options.seed, options.count));
  const found = await datasetReport(dataset, {
    size,
    signal,
    onProgress: (done, total) => output.progress('looking at pictures', done, total),
    ...(tokenizer && { tokens: { count: (text: string) => tokenizer.encode(text).length, limit: context } }),
  });
  sayReport(found, size, output);
  output.result(found);
  if (found.refused.length === found.pictures) process.exitCode = EXIT.failed;
}

function seeded(source: DatasetSource, seed: number, count: number): DatasetSource {
  return source.kind === 'toy' ? { ...source, seed, count } : source;
}

function sayReport(found: DatasetReport, size: number, { line }: Output): void {
  const { sizes, refused, captions, traits, duplicates, folders, enlarged } = found;
  line(`${found.pictures} pictures, ${found.samplesPerEpoch} samples in an epoch`);
  if (folders.length > 1 || folders.some(({ repeats }) => repeats > 1)) {
    for (const { name, pictures, repeats } of folders) line(`  ${name}: ${pictures} x ${repeats}`);
  }
  if (sizes) {
    const { smallest, median, largest } = sizes;
    const shown = ({ width, height }: typeof smallest) => `${width}x${height}`;
    line(`sizes: ${shown(smallest)} to ${shown(largest)}, half have a short side of ${median} or more`);
  }
  line(
    `ratios: ${found.ratios.flatMap(({ name, count }) => (count > 0 ? [`${name} ${count}`] : [])).join(', ')}`,
  );
  sayNames(line, `too small for ${size}, will be enlarged`, enlarged);
  sayNames(line, 'turned as their EXIF says', traits.isTurned);
  sayNames(line, 'animated, the first frame counts', traits.isAnimated);
  sayNames(line, 'CMYK, converted', traits.isCmyk);
  sayNames(line, 'greyscale', traits.isGrey);
  sayNames(line, 'with transparency, put on white', traits.hasAlpha);
  sayNames(line, 'more than 8 bits, reduced', traits.isDeep);
  sayNames(line, 'without a caption', captions.missing);
  if (captions.fromFolderName > 0) line(`captioned by the name of their folder: ${captions.fromFolderName}`);
  for (const { name, count } of captions.duplicates.slice(0, NAMED))
    line(`${count} pictures share a caption: ${name}`);
  if (captions.tags.length > 0) {
    line(
      `most frequent: ${captions.tags
        .slice(0, 3 * NAMED)
        .map(({ name, count }) => `${name} ${count}`)
        .join(', ')}`,
    );
  }
  if (captions.tokens) {
    const { median, largest, limit, cut } = captions.tokens;
    line(`tokens of captions: half have ${median} or more, the longest ${largest}, the model takes ${limit}`);
    sayNames(line, 'captions that are cut', cut);
  }
  for (const group of duplicates.slice(0, NAMED)) line(`look the same: ${group.slice(0, NAMED).join(', ')}`);
  if (duplicates.length > NAMED) line(`and ${duplicates.length - NAMED} more groups that look the same`);
  for (const { reason } of refused) line(`refused: ${reason}`);
}

function sayNames(line: Output['line'], what: string, names: readonly string[]): void {
  if (names.length === 0) return;
  const more = names.length > NAMED ? ' …' : '';
  line(`${what}: ${names.length} (${names.slice(0, NAMED).join(', ')}${more})`);
}

async function preview(word: string, options: PreviewOptions, signal: AbortSignal): Promise<void> {
  const { count, size, seed, crop, json = false } = options;
  if (count < 1 || count > MOST_PREVIEWED) {
    const problem = `the count must be from 1 to ${MOST_PREVIEWED}, got ${count}`;
    throw new HdmError('bad-usage', 'preview', problem, 'A sheet of some dozens can be looked at');
  }
  const output = openOutput(json);
  const out = placesFor(options.out, 1)(seed);
  const source = datasetSource(word);
  const dataset = await openDataset(seeded(source, seed, source.kind === 'toy' ? source.count : 0));
  const batches = await firstBatches(dataset, { count, size, seed, crop }, signal, output);
  const pictures = batches.map((batch) => ({ pixels: toPixels(batch), caption: batch.captions[0]! }));
  const sheet = await contactSheet(pictures, { columns: SHEET_COLUMNS, side: SHEET_SIDE });
  const format = extname(out).slice(1).toLowerCase().replace('jpg', 'jpeg') as 'png' | 'webp' | 'jpeg';
  await writeWhole(out, await fromPixels(sheet).toFormat(format).toBuffer());
  const skipped = batches.flatMap((batch) => batch.skipped);
  for (const { reason } of skipped) output.note(`skipped: ${reason}`);
  for (const { names, captions } of batches) output.line(`${names[0]}: ${captions[0] || '(no caption)'}`);
  output.line(out);
  output.result({
    out,
    pictures: batches.map(({ names, captions, width, height, addon }) => {
      return { name: names[0], caption: captions[0], width, height, ratio: Math.exp(addon[0]!) };
    }),
    skipped,
  });
}

/** One sample each: with aspect buckets a larger batch would be all of one shape. */
async function firstBatches(
  dataset: Dataset,
  { count, size, seed, crop }: Omit<PreviewOptions, 'out'>,
  signal: AbortSignal,
  output: Output,
): Promise<Batch[]> {
  const loader = await openLoader(dataset, { seed, size, crop, batch: 1 }, { signal });
  try {
    const batches: Batch[] = [];
    const total = Math.min(count, loader.samplesPerEpoch);
    for (let step = 0; step < total; step++) {
      if (signal.aborted) throw new HdmError('cancelled', 'preview', 'it was cancelled');
      batches.push(await loader.batch(step));
      output.progress('making samples', step + 1, total);
    }
    return batches;
  } finally {
    await loader.close();
  }
}

/** The first picture of a batch, as bytes. */
function toPixels({ pixels, width, height }: Batch): Pixels {
  const plane = width * height;
  const data = Uint8Array.from({ length: 3 * plane }, (_, i) => {
    return Math.round((pixels[(i % 3) * plane + Math.floor(i / 3)]! + 1) * 127.5);
  });
  return { width, height, data };
}
