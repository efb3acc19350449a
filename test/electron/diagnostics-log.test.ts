import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lastLogLines, openLog } from '../../electron/host/log.ts';
import { testFolder } from '../helpers/folder.ts';

it('a line is kept with its time, and one of several lines as one entry', () => {
  const folder = testFolder();
  const log = openLog(folder);
  log('engine: started');
  log('first\nsecond\n');
  expect(readFileSync(join(folder, 'studio.log'), 'utf8')).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z engine: started\n[^\n]+Z first\n {2}second\n$/,
  );
});

it('the log never takes more than three files of about a megabyte', () => {
  const folder = testFolder();
  const log = openLog(folder);
  for (let round = 0; round < 5; round++) {
    log(`round ${round}`);
    writeFileSync(join(folder, 'studio.log'), `round ${round} ${'x'.repeat(2 ** 20)}\n`);
  }
  log('the last');
  const first = (name: string): string => readFileSync(join(folder, name), 'utf8').slice(0, 60);
  expect(first('studio.log')).toMatch(/Z the last\n$/);
  expect(first('studio.1.log')).toMatch(/^round 4/);
  expect(first('studio.2.log')).toMatch(/^round 3/);
  expect(existsSync(join(folder, 'studio.3.log'))).toBe(false);
});

it('the last lines come from as many files as it takes, in their order', () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'studio.2.log'), 'a\n');
  writeFileSync(join(folder, 'studio.1.log'), 'b\nc\n');
  writeFileSync(join(folder, 'studio.log'), 'd\n');
  expect(lastLogLines(folder, 10)).toEqual(['a', 'b', 'c', 'd']);
  expect(lastLogLines(folder, 2)).toEqual(['c', 'd']);
  expect(lastLogLines(testFolder(), 2)).toEqual([]);
});

it('where nothing can be written the log is silent', () => {
  const file = join(testFolder(), 'file');
  writeFileSync(file, '');
  expect(() => openLog(join(file, 'no folder'))('a line')).not.toThrow();
  expect(statSync(file).size).toBe(0);
});
