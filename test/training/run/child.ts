/** @file Trains in a process of its own, so that a test can kill it: `child.ts OPTIONS`, an event as JSON per line. */
import { onnxRuntime } from '../../../engine/runtime/onnx/runtime.ts';
import type { RunOptions } from '../../../engine/training/run/open-run.ts';
import { trainRun } from '../../../engine/training/run/run.ts';

const options = JSON.parse(process.argv[2]!) as RunOptions;
await trainRun(onnxRuntime('cpu'), options, undefined, (event) => console.log(JSON.stringify(event)));
