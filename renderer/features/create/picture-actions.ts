/** @file What can be done with a finished picture. */
import type { Picture } from '../../../electron/contract.ts';
import { t } from '../../messages/messages.svelte.ts';
import { goTo } from '../../navigation.svelte.ts';
import { attempt, showDone } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';
import type { Library } from '../library/library.svelte.ts';
import type { Desk } from './desk.svelte.ts';
import { applyFound } from './drop.svelte.ts';
import type { DrawingForm } from './form.svelte.ts';

/** A browser on plain http has no clipboard for pictures. */
export const CAN_COPY =
  navigator.clipboard !== undefined && 'write' in navigator.clipboard && 'ClipboardItem' in window;

export async function star(studio: Studio, { id, isStarred }: Picture): Promise<void> {
  await attempt(studio.call('library.change', { ids: [id], isStarred: !isStarred }));
}

export async function useSettings(studio: Studio, form: DrawingForm, { id }: Picture): Promise<void> {
  const work = async (): Promise<void> => applyFound(form, await studio.call('library.settings', { id }));
  await attempt(work());
}

export async function copyPicture({ url }: Picture): Promise<void> {
  // The promise goes into the item: some browsers want to be asked within the click.
  const item = new ClipboardItem({ 'image/png': pngOf(url) });
  if (await attempt(navigator.clipboard.write([item]))) showDone(t('create.copied'));
}

/** Shows it large there. The recent pictures are the first of the library, newest first. */
export function openInLibrary(library: Library, { recent }: Desk, { id }: Picture): void {
  library.widen();
  library.goTo({});
  library.orderBy('newest');
  library.open(
    Math.max(
      0,
      recent.pictures.findIndex((picture) => picture.id === id),
    ),
  );
  goTo('library');
}

export async function reveal(studio: Studio, { id }: Picture): Promise<void> {
  await attempt(studio.call('library.reveal', { id }));
}

/** Into the trash; the canvas goes on with the next one. */
export async function remove(studio: Studio, desk: Desk, picture: Picture): Promise<void> {
  const { recent, stage } = desk;
  const next = recent.beside(picture.id, 1) ?? recent.beside(picture.id, -1);
  if (!(await attempt(studio.call('library.delete', { ids: [picture.id] })))) return;
  if (next && stage.picture?.id === picture.id) stage.show(next);
  showDone(t('create.deleted'), () => {
    void attempt(studio.call('library.restore', { ids: [picture.id] })).then((isBack) => {
      if (isBack) stage.show(picture);
    });
  });
}

/** Clipboards take PNG only. */
async function pngOf(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(t('create.cannotShow'));
  const blob = await response.blob();
  if (blob.type === 'image/png') return blob;
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}
