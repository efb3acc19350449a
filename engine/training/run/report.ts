/** @file A run as one HTML file that opens anywhere: its curves, samples, recipe and events, nothing from outside. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import type { Recipe } from '../recipe.ts';
import { escapeHtml, lineChart, smoothed, type Line } from './charts.ts';
import type { TrainingEvent } from './events.ts';
import { openRunFolder, RUN_FILES, type RunInfo } from './folder.ts';
import { readLog } from './log.ts';

type Of<Kind extends TrainingEvent['kind']> = Extract<TrainingEvent, { kind: Kind }>;

/** Side of a sample in the report, and how many steps of each prompt are shown. */
const THUMBNAIL = 160;
const MOST_COLUMNS = 24;

/** The report of the run in `folder`. Errors as `openRunFolder`. */
export async function reportHtml(folder: string): Promise<string> {
  const { recipe, info } = openRunFolder(folder);
  const events = readLog(join(folder, RUN_FILES.log));
  const title = `${recipe.name}: training report`;
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    summary(recipe, info, events),
    ...charts(events),
    await filmStrip(folder, of(events, 'sample')),
    eventTable(events),
    `<details><summary>Recipe</summary><pre>${escapeHtml(JSON.stringify(recipe, null, 2))}</pre></details>`,
  ].join('\n');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style><body>${body}</body></html>\n`;
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 760px; margin: 2rem auto; padding: 0 1rem }
figure { margin: 1.5rem 0 } figcaption { font-weight: 600 }
svg { width: 100%; height: auto } svg text { font-size: 11px; fill: currentColor }
.grid { stroke: currentColor; opacity: 0.15 } .legend span { margin-right: 1rem }
.strip { display: flex; overflow-x: auto; gap: 4px } .strip figure { margin: 0; flex: none; font-size: 11px }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: 2px 8px; vertical-align: top }
pre { overflow-x: auto }`;

function of<Kind extends TrainingEvent['kind']>(events: readonly TrainingEvent[], kind: Kind): Of<Kind>[] {
  return events.filter((event): event is Of<Kind> => event.kind === kind);
}

function summary(recipe: Recipe, info: RunInfo, events: readonly TrainingEvent[]): string {
  const [steps, starts] = [of(events, 'step'), of(events, 'started')];
  const [first, last] = [steps[0], steps.at(-1)];
  const end = of(events, 'ended').at(-1);
  const best = of(events, 'checkpoint').findLast(({ isBest }) => isBest);
  const busyMs = steps.reduce((sum, { stepMs }) => sum + stepMs, 0);
  const rows: [string, string | undefined][] = [
    ['Method', recipe.method],
    ['About', recipe.about],
    ['Device', `${info.device}, ${info.precision}`],
    ['Data', `${'path' in info.data ? basename(info.data.path) : 'toy scenes'}, ${info.pictures} pictures`],
    ['Parameters', starts.at(-1)?.parameters.toLocaleString('en')],
    ['Steps', last && `${last.step} of ${starts.at(-1)?.totalSteps}, ${last.seen} pictures seen`],
    ['Time in steps', last && `${(busyMs / 3_600_000).toPrecision(3)} hours`],
    ['Loss', first && last && `${first.loss.toPrecision(4)} at first, ${last.loss.toPrecision(4)} at last`],
    ['Best checkpoint', best?.folder],
    ['Ended', end && [end.reason, end.detail].filter(Boolean).join(': ')],
  ];
  const shown = rows.filter(([, value]) => value);
  return `<table>${shown.map(([name, value]) => `<tr><th>${name}<td>${escapeHtml(value!)}`).join('')}</table>`;
}

function charts(events: readonly TrainingEvent[]): string[] {
  const steps = of(events, 'step');
  const line = (name: string, value: (event: Of<'step'>) => number | null): Line => ({
    name,
    points: steps.flatMap((event) => {
      const y = value(event);
      return y === null ? [] : [[event.step, y] as const];
    }),
  });
  const loss = line('each step', ({ loss }) => loss);
  const speed = line('each step', ({ images, stepMs }) => (images * 1000) / stepMs);
  const smooth = ({ points }: Line): Line => ({ name: 'smoothed', points: smoothed(points) });
  return [
    lineChart('Loss', [{ ...loss, isRaw: true }, smooth(loss)]),
    lineChart('Validation loss, by time t', bands(of(events, 'validation'))),
    lineChart('Norm of the gradient', [line('norm', ({ norm }) => norm)]),
    lineChart('Learning rate', [line('rate', ({ learningRate }) => learningRate)]),
    lineChart('Images per second', [{ ...speed, isRaw: true }, smooth(speed)]),
    lineChart('Memory in MiB', [line('memory', ({ memoryBytes }) => memoryBytes / 2 ** 20)]),
  ];
}

function bands(validations: readonly Of<'validation'>[]): Line[] {
  const names = new Set(validations.flatMap((event) => event.bands.map(nameOf)));
  const lines = [...names].map((name) => ({
    name,
    points: validations.flatMap(({ step, bands: all }) => {
      const band = all.find((each) => nameOf(each) === name);
      return band ? [[step, band.loss] as const] : [];
    }),
  }));
  return [{ name: 'all', points: validations.map(({ step, loss }) => [step, loss] as const) }, ...lines];
}

function nameOf({ from, to }: { from: number; to: number }): string {
  return `${from.toFixed(2)} to ${to.toFixed(2)}`;
}

/** A row for each prompt, a picture for each step. */
async function filmStrip(folder: string, samples: readonly Of<'sample'>[]): Promise<string> {
  const rows = Map.groupBy(samples, ({ prompt, seed }) => `${prompt} (seed ${seed})`);
  const strips: string[] = [];
  for (const [name, row] of rows) {
    const pictures: string[] = [];
    for (const { step, file } of evenly(row)) {
      const address = await thumbnail(join(folder, file));
      if (address) pictures.push(`<figure><img src="${address}" alt="step ${step}"><br>${step}</figure>`);
    }
    strips.push(`<h3>${escapeHtml(name)}</h3><div class="strip">${pictures.join('')}</div>`);
  }
  return strips.length > 0 ? `<h2>Samples</h2>${strips.join('')}` : '';
}

function evenly<T>(list: readonly T[]): T[] {
  const step = Math.ceil(list.length / MOST_COLUMNS);
  return list.filter((_, index) => index % step === 0 || index === list.length - 1);
}

/** A small copy as a data address; `undefined` when the picture is gone. */
async function thumbnail(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const size = { width: THUMBNAIL, height: THUMBNAIL, fit: 'inside', kernel: 'nearest' } as const;
  const bytes = await sharp(readFileSync(path)).resize(size).webp({ quality: 85 }).toBuffer();
  return `data:image/webp;base64,${bytes.toString('base64')}`;
}

function eventTable(events: readonly TrainingEvent[]): string {
  const rows = events.flatMap((event) => {
    const text = wordsOf(event);
    return text
      ? [`<tr><td>${new Date(event.at).toISOString()}<td>${event.step}<td>${escapeHtml(text)}`]
      : [];
  });
  return `<details><summary>Events</summary><table><tr><th>Time<th>Step<th>What${rows.join('')}</table></details>`;
}

function wordsOf(event: TrainingEvent): string | undefined {
  switch (event.kind) {
    case 'started':
      return `${event.isResumed ? 'went on' : 'started'} on ${event.device} in ${event.precision}`;
    case 'rehearsed':
      return `rehearsed: ${event.tensors} tensors the same bit for bit`;
    case 'checkpoint':
      return `${event.folder}, change ${event.change.toPrecision(3)}${event.isBest ? ', best so far' : ''}`;
    case 'removed':
      return `${event.folder} removed`;
    case 'warning':
      return `${event.warning}: ${event.detail}`;
    case 'ended':
      return [event.reason, event.detail].filter(Boolean).join(': ');
    case 'phase':
    case 'step':
    case 'validation':
    case 'sample':
      return undefined;
  }
}
