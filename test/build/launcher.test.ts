import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url));
const COMMAND_LINE = `
export async function hdmStudio(words: string[]): Promise<number> {
  console.log(JSON.stringify(words));
  return words.length;
}`;

describe('hdm-studio', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hdm-launcher-'));
    cpSync(BUILD, join(folder, 'build'), { recursive: true });
    mkdirSync(join(folder, 'electron'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'electron/cli.ts'), COMMAND_LINE);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('passes its arguments to the command line and the result back as exit code', () => {
    const words = ['draw', 'a cat & "a dog"', '--steps=4'];
    const { stdout, status } = spawnSync(process.execPath, [join(folder, 'build/hdm-studio.mjs'), ...words]);
    expect(JSON.parse(stdout.toString())).toEqual(words);
    expect(status).toBe(3);
  });
});

describe('the tests', () => {
  it('run in the Node the engine needs', () => {
    expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(24);
  });
});
