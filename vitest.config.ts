import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Vulkan in software, as Chromium brings it: the WebGPU tests run on it where there is no GPU, slowly. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** They take minutes: begun last, one of them alone would keep the whole run waiting. */
const LONG = ['golden', 'training/run/starter', 'pipeline/pictures'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONG.some((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // native addons are not made for several threads, and one that aborts ends one file only
    maxWorkers: Math.min(4, availableParallelism()), // the runtimes under test use several cores themselves
    sequence: { sequencer: LongFirst },
    testTimeout: 300_000, // ends what hangs; how long something takes on a busy machine is nobody's failure
    hookTimeout: 300_000,
    env: { ...vulkanDriver(), ...runtimeFolder() },
  },
});

function vulkanDriver(): Record<string, string> {
  if (process.env.VK_DRIVER_FILES || !existsSync(SWIFTSHADER)) return {};
  return { VK_DRIVER_FILES: SWIFTSHADER };
}

/** The Vulkan loader complains at each start when it has no such folder. */
function runtimeFolder(): Record<string, string> {
  if (process.env.XDG_RUNTIME_DIR || process.platform !== 'linux') return {};
  const folder = join(tmpdir(), `hdm-studio-test-${process.getuid?.()}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { XDG_RUNTIME_DIR: folder };
}
