/**
 * @file The host's process with a fake studio, for tests of what is around it. `HDM_TEST` says how it fails: `refuse`
 * cannot open the studio, `crash` ends at once.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { HdmError } from '../../engine/errors.ts';
import type { Settings } from '../../electron/contract.ts';
import { serveDesktop, type ParentPipe } from '../../electron/host/desktop.ts';
import type { Studio, StudioOptions } from '../../electron/host/wire.ts';
import { fakeStudio } from './fake-studio.ts';

if (process.env['HDM_TEST'] === 'crash') process.kill(process.pid, 'SIGKILL');

serveDesktop(process as ParentPipe, openFake, () => process.exit());

async function openFake({ data, reveal }: StudioOptions): Promise<Studio> {
  if (process.env['HDM_TEST'] === 'refuse') {
    throw new HdmError(
      'bad-file',
      'studio.db',
      'this database has version 9',
      'Install the newest HDM Studio',
    );
  }
  const picture = join(data!, 'one.png');
  await sharp({ create: { width: 300, height: 200, channels: 3, background: 'red' } }).toFile(picture);
  const settings = { language: 'ja', theme: 'dark' } as Settings;

  const studio = fakeStudio({
    handlers: {
      'settings.change'(patch) {
        const changed = { ...settings, ...patch } as Settings;
        studio.events.emit('settings', changed);
        return changed;
      },
      'library.reveal'() {
        reveal?.(picture);
        return {};
      },
      'prompts.wildcards': () => ['animals'],
      /** What the process was given by its parent. */
      'prompts.history': () => [JSON.stringify({ pid: process.pid, argv: process.argv, env: process.env })],
    },
    files: { picture: () => picture, thumbnail: async () => picture },
  });
  return {
    ...studio,
    async close() {
      writeFileSync(join(data!, 'closed'), '');
    },
  };
}
