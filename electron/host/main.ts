/** @file The host's process, as Electron's main process starts it: the studio behind the pipe to its parent. */
import { serveDesktop, type ParentPipe } from './desktop.ts';
import { openStudio } from './studio.ts';

if (process.send) {
  // The terminal sends Ctrl-C to app and host alike; the app decides, and its end ends the host.
  process.on('SIGINT', () => {});
  serveDesktop(process as ParentPipe, openStudio, () => process.exit());
} else {
  console.error(
    'HDM Studio: this is a part of the desktop app, which starts it. Run `hdm-studio serve` for a browser.',
  );
  process.exitCode = 1;
}
