/** @file What can be done with pictures of the library, one or many. Each says what was done, or why not. */
import type { Input, Picture } from '../../../electron/contract.ts';
import { t } from '../../messages/messages.svelte.ts';
import { attempt, showDone } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';

/** The host takes so many ids at once. */
const MOST_IDS = 10_000;
/** And gives so many pictures. */
const MOST_LISTED = 500;

/** What is listed, and how. */
export type Query = Pick<Input<'library.list'>, 'filter' | 'order'>;

export interface Range {
  readonly offset: number;
  readonly count: number;
}

/** Ids of pictures in the order of the list, as many as there are. Throws `CallError`. */
export async function idsOf(
  studio: Studio,
  query: Query,
  { offset, count }: Range = { offset: 0, count: Infinity },
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const limit = Math.min(MOST_LISTED, count - ids.length);
    const page = await studio.call('library.list', { ...query, offset: offset + ids.length, limit });
    if (page.pictures.length === 0) break;
    ids.push(...page.pictures.map(({ id }) => id));
  }
  return ids;
}

export interface Change {
  readonly isStarred?: boolean;
  /** null: out of its folder. */
  readonly folder?: string | null;
  readonly addTags?: string[];
  readonly removeTags?: string[];
}

/** Returns whether it was done. */
export function changePictures(studio: Studio, ids: readonly string[], change: Change): Promise<boolean> {
  return attempt(inParts(ids, (part) => studio.call('library.change', { ids: part, ...change })));
}

export async function movePictures(
  studio: Studio,
  ids: readonly string[],
  folder: string | null,
): Promise<void> {
  if (!(await changePictures(studio, ids, { folder }))) return;
  const count = ids.length;
  showDone(folder === null ? t('library.movedOut', { count }) : t('library.moved', { count, folder }));
}

/** Into the trash, with a way back. Returns whether it was done. */
export async function deletePictures(studio: Studio, ids: readonly string[]): Promise<boolean> {
  const isDone = await attempt(inParts(ids, (part) => studio.call('library.delete', { ids: part })));
  if (isDone) {
    showDone(t('library.deleted', { count: ids.length }), () => void restorePictures(studio, ids));
  }
  return isDone;
}

/** Back from the trash. Returns whether it was done. */
export async function restorePictures(studio: Studio, ids: readonly string[]): Promise<boolean> {
  const isDone = await attempt(inParts(ids, (part) => studio.call('library.restore', { ids: part })));
  if (isDone) showDone(t('library.restored', { count: ids.length }));
  return isDone;
}

/** Copies into a folder (desktop), or a zip file to download (browser). */
export async function exportPictures(studio: Studio, ids: readonly string[]): Promise<void> {
  const chosen = window.studio ? (await window.studio.choose('folder'))[0] : undefined;
  if (window.studio && chosen === undefined) return;
  await attempt(
    (async () => {
      const place = chosen === undefined ? {} : { folder: chosen };
      let count = 0;
      await inParts(ids, async (part) => {
        const answer = await studio.call('library.export', { ids: part, ...place });
        if (answer.url) download(answer.url);
        count += answer.count;
      });
      showDone(chosen === undefined ? t('library.exportedZip', { count }) : t('library.exported', { count }));
    })(),
  );
}

/** Saves a file of the studio's, or one made in the window, where the browser puts downloads. */
export function download(url: string, name = ''): void {
  const link = document.createElement('a');
  link.href = url.startsWith('blob:') ? url : `${url}?download`;
  link.download = name;
  link.click();
}

export function downloadPicture({ url, fileName }: Picture): void {
  download(url, fileName);
}

export async function copyText(text: string): Promise<void> {
  if (await attempt(writeClipboard(text))) showDone(t('library.copied'));
}

/** Over plain http a browser may give no clipboard; an old command still works there. */
async function writeClipboard(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'visually-hidden';
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (!isDone) throw new Error(t('library.noClipboard'));
}

async function inParts(ids: readonly string[], work: (part: string[]) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < ids.length; start += MOST_IDS) await work(ids.slice(start, start + MOST_IDS));
}
