/**
 * @file A host of its own, to be killed by a test. Usage: node host.ts ENTRY [TASK]
 * Starts the engine's process at ENTRY, with a task as JSON to draw; its log and `drawing` go to stdout.
 */
import { EngineProcess } from '../../../electron/host/engine.ts';
import { Events } from '../../../electron/host/events.ts';
import type { DrawTask } from '../../../electron/engine/protocol.ts';

const [entry, task] = process.argv.slice(2);
const log = (line: string): void => console.log(line);
const engine = new EngineProcess({ events: new Events(), log, ...(entry && { entry }) });
const onProgress = ({ step }: { step: number }): void => {
  if (step === 1) console.log('drawing');
};
await engine.draw(JSON.parse(task!) as DrawTask, { signal: new AbortController().signal, onProgress });
