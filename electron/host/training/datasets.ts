/** @file Datasets as people look through them: pages of pictures with captions, captions changed in place, reports. */
import { createHash } from 'node:crypto';
import { HdmError } from '../../../engine/errors.ts';
import type { Dataset } from '../../../engine/training/data/dataset.ts';
import { PLACES, type DatasetItem, type DatasetSource, type Input, type Output } from '../../contract.ts';
import { THUMBNAIL_SIDE } from '../../engine/protocol.ts';
import type { Events } from '../events.ts';
import type { HandlersOf } from '../handlers.ts';
import { writeCaption } from './captions.ts';
import { Reports } from './reports.ts';

/** Whoever looks through one has at most a few in mind. */
const KEPT = 4;
/** Scenes that can be searched without making a person wait: each is thought up anew. */
const MOST_SEARCHED_SCENES = 5_000;

interface Opened {
  readonly key: string;
  readonly dataset: Dataset;
  /** Captions that were changed since it was opened, by index. */
  readonly changed: Map<number, string>;
}

export class Datasets {
  readonly #reports: Reports;
  /** The last ones, the newest at the end. */
  readonly #opened = new Map<string, Promise<Opened>>();
  readonly handlers: HandlersOf<'datasets'>;

  constructor(events: Events) {
    this.#reports = new Reports(events);
    this.handlers = {
      'datasets.open': ({ source }) => this.#look(source),
      'datasets.items': (wish) => this.#items(wish),
      'datasets.setCaption': (wish) => this.#setCaption(wish),
      'datasets.report': (wish) => this.#reports.make(wish),
      'datasets.cancelReport': ({ source }) => {
        this.#reports.cancel(source);
        return {};
      },
    };
  }

  /** WebP. Throws `bad-usage` for an unknown name, `bad-file` for a picture that cannot be read. */
  async thumbnail(name: string): Promise<Uint8Array> {
    const [key, index] = name.split('-');
    const opened = await this.#opened.get(key ?? '');
    if (!opened || !(Number(index) < opened.dataset.length)) {
      throw new HdmError('bad-usage', name, 'this dataset is not open any more', 'Look at it again');
    }
    const { toPlainWebp } = await import('../../../engine/image/thumbnail.ts');
    return toPlainWebp(await smallPicture(opened.dataset, Number(index)), THUMBNAIL_SIDE);
  }

  close(): void {
    this.#reports.close();
  }

  /** Reads the source anew: whoever opens it wants to see what is there now. */
  async #look(source: DatasetSource): Promise<Output<'datasets.open'>> {
    this.#opened.delete(keyOf(source));
    const { dataset } = await this.#open(source);
    return { source, length: dataset.length, isEditable: source.kind === 'folder' };
  }

  #open(source: DatasetSource): Promise<Opened> {
    const key = keyOf(source);
    const known = this.#opened.get(key);
    // Only when needed: it brings the library for pictures along.
    const opened =
      known ??
      import('../../../engine/training/data/dataset.ts')
        .then(({ openDataset }) => openDataset(source))
        .then((dataset) => ({ key, dataset, changed: new Map<number, string>() }));
    this.#opened.delete(key);
    this.#opened.set(key, opened);
    opened.catch(() => this.#opened.delete(key)); // it may be there the next time
    const [oldest] = this.#opened.keys();
    if (this.#opened.size > KEPT) this.#opened.delete(oldest!);
    return opened;
  }

  async #items(wish: Input<'datasets.items'>): Promise<Output<'datasets.items'>> {
    const { search = '', withoutCaption = false, offset, limit } = wish;
    const opened = await this.#open(wish.source);
    const { length } = opened.dataset;
    const isAll = search.trim() === '' && !withoutCaption;
    const slice = isAll
      ? range(offset, Math.min(length, offset + limit))
      : found(opened, search, withoutCaption);
    const shown = isAll ? slice : slice.slice(offset, offset + limit);
    return { total: isAll ? length : slice.length, items: shown.map((index) => toItem(opened, index)) };
  }

  async #setCaption({ source, name, caption }: Input<'datasets.setCaption'>): Promise<DatasetItem> {
    const opened = await this.#open(source);
    const { dataset, changed } = opened;
    const index = range(0, dataset.length).find((i) => dataset.item(i).name === name);
    const picture = index === undefined ? undefined : dataset.item(index).picture;
    if (source.kind !== 'folder' || index === undefined || picture?.kind !== 'file') {
      throw new HdmError(
        'bad-usage',
        name,
        'it has no text file of its own',
        'Change the caption where it stands',
      );
    }
    const line = caption.replace(/\s*[\r\n]+\s*/g, ' ');
    await writeCaption(picture.path, line);
    changed.set(index, line);
    return toItem(opened, index);
  }
}

function found(opened: Opened, search: string, withoutCaption: boolean): number[] {
  const { dataset } = opened;
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const length =
    dataset.source.kind === 'toy' ? Math.min(dataset.length, MOST_SEARCHED_SCENES) : dataset.length;
  return range(0, length).filter((index) => {
    const caption = captionOf(opened, index);
    if (withoutCaption && caption !== '') return false;
    const text = `${dataset.item(index).name} ${caption}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function toItem(opened: Opened, index: number): DatasetItem {
  const { key, dataset, changed } = opened;
  const { name, captionFrom, repeats } = dataset.item(index);
  const caption = captionOf(opened, index);
  return {
    index,
    name,
    caption,
    captionFrom: changed.has(index) ? (caption === '' ? 'none' : 'file') : captionFrom,
    repeats,
    thumbnail: `${PLACES.datasets}${key}-${index}.webp`,
  };
}

function captionOf({ dataset, changed }: Opened, index: number): string {
  return changed.get(index) ?? dataset.captions(index)[0] ?? '';
}

/** Scaled while it is decoded or drawn, which takes a tenth of the time and memory. */
async function smallPicture(dataset: Dataset, index: number) {
  const { width, height } = await dataset.size(index);
  const scale = Math.min(1, THUMBNAIL_SIDE / Math.max(width, height));
  const [partWidth, partHeight] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  return dataset.picture(index, {
    ...{ width: partWidth!, height: partHeight!, left: 0, top: 0 },
    ...{ partWidth: partWidth!, partHeight: partHeight! },
  });
}

function keyOf(source: DatasetSource): string {
  return createHash('sha256').update(JSON.stringify(source)).digest('hex').slice(0, 16);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
