/**
 * @file Pictures of the Library under a dragging hand: onto a folder here, or out of the window. In the desktop app
 * the system drags files, which come back as files when they are dropped here: what they are is remembered.
 */
import type { Picture } from '../../../electron/contract.ts';
import { t } from '../../messages/messages.svelte.ts';

let dragged = $state.raw<readonly string[]>([]);

/** Ids of the pictures that are dragged now. */
export function draggedPictures(): readonly string[] {
  return dragged;
}

/** Begins to drag the chosen pictures, `picture` being the one under the hand. */
export function startDrag(event: DragEvent, picture: Picture, ids: readonly string[]): void {
  dragged = ids;
  listenForEnd();
  if (window.studio) {
    event.preventDefault(); // the system's own dragging takes its place
    window.studio.dragOut(picture.id);
    return;
  }
  const data = event.dataTransfer;
  if (!data) return;
  data.effectAllowed = 'copyMove';
  // Chromium saves the file where it is let go, outside of the window.
  const url = new URL(picture.url, location.href).href;
  data.setData('DownloadURL', `application/octet-stream:${picture.fileName}:${url}`);
  data.setData('text/uri-list', url);
  if (ids.length > 1) showCount(data, ids.length);
}

export function endDrag(): void {
  dragged = [];
}

/** A hand that moves without a button has let go; one that took files out of the window may come back with others. */
function listenForEnd(): void {
  const ends = new AbortController();
  const end = (): void => {
    endDrag();
    ends.abort();
  };
  window.addEventListener('dragend', end, { signal: ends.signal });
  window.addEventListener('pointermove', ({ buttons }) => buttons === 0 && end(), { signal: ends.signal });
  if (!window.studio) return;
  window.addEventListener('dragleave', ({ relatedTarget }) => relatedTarget ?? end(), {
    signal: ends.signal,
  });
}

function showCount(data: DataTransfer, count: number): void {
  const badge = document.createElement('div');
  badge.className = 'drag-count';
  badge.textContent = t('library.count', { count });
  document.body.append(badge);
  data.setDragImage(badge, -12, -12);
  setTimeout(() => badge.remove()); // the browser took its picture of it
}
