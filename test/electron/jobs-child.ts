/** @file A host that queues four pictures in a folder and is killed while it draws the second one. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DRAWING, TestHost, writePicture } from './fakes.ts';

/** How far the second picture is then: its file is whole from `written` on, the library has it from `told` on. */
export type KillPoint = 'denoising' | 'half-written' | 'written' | 'told';

const [folder, point] = process.argv.slice(2) as [string, KillPoint];
const host = new TestHost(folder);

/** As `kill -9` from outside: nothing of this process runs after it. */
function dieAt(here: KillPoint): void {
  if (here === point && host.engine.tasks.length === 2) process.kill(process.pid, 'SIGKILL');
}

host.engine.onDraw = async (task, { onProgress }) => {
  onProgress({ phase: 'denoising', step: 1, steps: 4 });
  dieAt('denoising');
  if (point === 'half-written') writeFileSync(join(dirname(task.file), '.hdm-1.tmp'), 'half of a picture');
  dieAt('half-written');
  await writePicture(task);
  dieAt('written');
};
host.events.listen((name) => {
  if (name === 'library') dieAt('told');
});
await host.call['jobs.add']({ drawing: DRAWING, count: 4 });
