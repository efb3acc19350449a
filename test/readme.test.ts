/** @file What the READMEs show must work as it stands there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const ENGINE = fileURLToPath(new URL('../engine/', import.meta.url));
const folder = mkdtempSync(join(ENGINE, '.readme-'));

afterAll(() => rmSync(folder, { recursive: true }));

it('builds a graph and runs it in the lines that open the README of the engine', async () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ENGINE, 'README.md'), 'utf8'))!;
  const file = join(folder, 'example.ts');
  writeFileSync(file, `${code!.replaceAll("'./", "'../")}\nexport { y };\n`);
  const { y } = (await import(/* @vite-ignore */ file)) as { y: { data: Float32Array } };
  expect([...y.data]).toEqual([3, 4]);
});
