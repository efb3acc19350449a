/** @file A run as one HTML file, saved where the browser puts downloads. */
import type { Run, RunHistory } from '../../../electron/contract.ts';
import { currentLanguage } from '../../messages/messages.svelte.ts';
import { download } from '../library/verbs.ts';
import { strips } from './film-strip.ts';
import { htmlReport } from './html-report.ts';

/** Pictures of each prompt in it. */
const FRAMES = 8;
const SIDE = 256;

export async function saveReport(run: Run, history: RunHistory): Promise<void> {
  const rows = await Promise.all(
    strips(history.samples).map(async (strip) => {
      const every = Math.max(1, strip.frames.length / FRAMES);
      const chosen = strip.frames.filter((_, i, { length }) => (length - 1 - i) % Math.ceil(every) === 0);
      const frames = chosen.map(async ({ step, url }) => ({ step, picture: await smallPicture(url) }));
      return { prompt: strip.prompt, frames: await Promise.all(frames) };
    }),
  );
  const html = htmlReport({ run, history, rows, language: currentLanguage() });
  const url = URL.createObjectURL(new Blob([html], { type: 'text/html' }));
  download(url, `${run.plan.name}.html`);
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still read it
}

/** As an address that holds the bytes. Empty for a picture that is gone. */
async function smallPicture(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) return '';
  const picture = await createImageBitmap(await response.blob());
  const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/webp', 0.8);
}
