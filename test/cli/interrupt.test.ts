import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

const PROGRAM = fileURLToPath(new URL('../../build/hdm-studio.mjs', import.meta.url));
const COMMAND_LINE = fileURLToPath(new URL('../../engine/cli.ts', import.meta.url));

let model = '';
let folder = '';

beforeAll(() => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-interrupt-'))).folder;
});
afterAll(() => rmSync(model, { recursive: true }));
beforeEach(() => {
  folder = testFolder();
});

describe('a drawing in a process of its own', () => {
  it('makes the picture', async () => {
    const { code, stdout } = await finished(start(['--steps', '1']));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(folder, 'a.png')} (seed 1)\n` });
    expect(readdirSync(folder)).toEqual(['a.png']);
  });

  it.skipIf(process.platform === 'win32')('ends at SIGINT with exit code 1 and no file', async () => {
    const child = start(['--steps', '1000', '--size', '128', '--json']);
    await firstQuarter(child);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished(child);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cancelled' } });
    expect(stderr).toMatch(/^(drawing (500|750)\/1000\n)*picture: it was cancelled\.\n$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('leaves no file under the name when it is killed', async () => {
    const child = start(['--steps', '1000', '--size', '128']);
    await firstQuarter(child);
    child.kill('SIGKILL');
    expect(await finished(child)).toMatchObject({ code: null, stdout: '' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('the command hdm-studio', () => {
  it('ends at SIGINT with exit code 1 also while its program is still being read', async () => {
    const interrupting = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) {
        if (url.endsWith('engine/cli/sample.ts')) process.kill(process.pid, 'SIGINT');
        return next(url, context);
      } });`;
    const hook = `data:text/javascript,${encodeURIComponent(interrupting)}`;
    const wish = ['sample', '--model', model, '--prompt', 'a cat', '--steps', '1000', '--out', folder];
    const child = spawn(process.execPath, ['--import', hook, PROGRAM, ...wish]);
    expect(await finished(child)).toMatchObject({ code: 1, stdout: '' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('an evaluation', () => {
  it('that ends at SIGINT keeps the scores of what was drawn', async () => {
    const out = join(folder, 'scores');
    const wish = '--categories one --prompts 400 --steps 1 --device cpu --out'.split(' ');
    const child = spawn(process.execPath, [COMMAND_LINE, 'eval', model, ...wish, out]);
    await firstQuarter(child);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished(child);
    expect(code).toBe(1);
    expect(stderr).toContain('not all was drawn; of what was:');
    expect(stderr).toContain('it was cancelled');
    const { categories } = JSON.parse(readFileSync(join(out, 'scores.json'), 'utf8')) as {
      categories: { one: { pictures: number } };
    };
    const { pictures } = categories.one;
    expect(pictures).toBeGreaterThanOrEqual(100);
    expect(pictures).toBeLessThan(400);
    expect(stdout).toContain(`of ${pictures} right in everything`);
  });
});

describe('inspect', () => {
  it('ends well when the reader of its output goes away', async () => {
    const child = spawn(process.execPath, [COMMAND_LINE, 'inspect', model]);
    child.stdout.destroy();
    expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  });
});

function start(args: string[]): ChildProcess {
  const usual = ['--model', model, '--prompt', 'a cat', '--seed', '1', '--device', 'cpu'];
  const out = ['--out', join(folder, 'a.png')];
  return spawn(process.execPath, [COMMAND_LINE, 'sample', ...usual, ...out, ...args]);
}

/** When a quarter of the steps is done. */
async function firstQuarter(child: ChildProcess): Promise<void> {
  await once(child.stderr!, 'data');
}

async function finished(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => (texts.stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (texts.stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}
