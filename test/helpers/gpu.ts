/** @file The GPU of a test: a real one, or the software one that Chromium brings. */
import { HdmError } from '../../engine/errors.ts';
import { webgpuRuntime, type WebgpuRuntime } from '../../engine/runtime/webgpu/runtime.ts';

export interface TestGpu {
  readonly runtime: WebgpuRuntime | undefined;
  /** Why there is none. */
  readonly reason: string;
}

/** The runtime in float32, with Dawn checking every call. */
export async function testGpu(): Promise<TestGpu> {
  try {
    return { runtime: await webgpuRuntime({ checks: true, half: false }), reason: '' };
  } catch (error) {
    if (error instanceof HdmError && error.code === 'device') {
      return { runtime: undefined, reason: error.message };
    }
    throw error;
  }
}
