/** @file Statistics, tables and charts of made-up results. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPERIMENTS } from '../../engine/experiments/files.ts';
import { lossCharts } from '../../engine/experiments/plot.ts';
import { readmeFiles } from '../../engine/experiments/readme.ts';
import { resultsSchema } from '../../engine/experiments/results.ts';
import { compare, spreadOf, valuesAt, type Verdict } from '../../engine/experiments/statistics.ts';
import { resultTables } from '../../engine/experiments/table.ts';
import { testFolder } from '../helpers/folder.ts';
import { DOCUMENT, madeUpResults } from './made-up.ts';

describe('numbers of several seeds', () => {
  it('have a mean and a standard deviation', () => {
    expect(spreadOf([1, 2, 3])).toEqual({ mean: 2, spread: 1, seeds: 3 });
    expect(spreadOf([5])).toEqual({ mean: 5, spread: 0, seeds: 1 });
    expect(spreadOf([])).toBeUndefined();
  });

  it('reach the loss that all variants reach, between two validations', () => {
    const results = madeUpResults({ usual: [1, 1.1], stack: [0.5, 1.1] });
    const at = (variant: string, measure: 'stepsToLoss' | 'secondsToLoss') => [
      ...valuesAt(results, measure, { variant, evaluation: undefined }).values(),
    ];
    expect(at('usual', 'stepsToLoss')).toEqual([10, 10]);
    expect(at('stack', 'stepsToLoss')).toEqual([7.5, 10]); // from 1.5 to 0.5, 1 is half of the way
    expect(at('stack', 'secondsToLoss')[0]).toBeCloseTo(0.6);
  });
});

describe('a verdict', () => {
  const verdict = (...[losses, expected]: Parameters<typeof madeUpResults>): Verdict => {
    const results = madeUpResults(losses, expected);
    return compare(results, results.document.expects[0]!)!.verdict;
  };

  it('takes differences seed by seed: seeds that differ much do not hide a small one', () => {
    expect(verdict({ usual: [1, 1.2, 1.4], stack: [0.99, 1.189, 1.391] })).toBe('yes');
    expect(verdict({ usual: [1, 1.2, 1.4], stack: [1.01, 1.211, 1.409] })).toBe('no');
  });

  it('is open within the spread of the seeds, and of one seed', () => {
    expect(verdict({ usual: [1, 1.2, 1.4], stack: [0.9, 1.25, 1.3] })).toBe('open');
    expect(verdict({ usual: [1], stack: [0.5] })).toBe('open');
  });

  it('needs for "alike" that the whole interval is narrow', () => {
    const alike = { is: 'alike', within: 0.05 } as const;
    expect(verdict({ usual: [1, 1, 1], stack: [1.01, 1.012, 1.008] }, alike)).toBe('yes');
    expect(verdict({ usual: [1, 1, 1], stack: [1.1, 1.11, 1.09] }, alike)).toBe('no');
    expect(verdict({ usual: [1, 1, 1], stack: [1.1, 0.9, 1] }, alike)).toBe('open');
  });

  it('of numbers without any spread is certain', () => {
    expect(verdict({ usual: [1, 1, 1], stack: [1, 1, 1] }, { measure: 'parameters' })).toBe('yes');
  });

  it('is none where nothing was measured', () => {
    const results = madeUpResults(
      { usual: [1], stack: [1] },
      { measure: 'right', of: { evaluation: 'unipc' } },
    );
    expect(compare(results, results.document.expects[0]!)).toBeUndefined();
    expect(resultTables(results)).toContain('| lower | not measured |');
  });
});

describe('tables', () => {
  const results = madeUpResults({ usual: [1, 1.1, 1.2], stack: [0.9, 1.01, 1.11] });
  const lines = resultTables(results).split('\n');

  it('have a row for each variant', () => {
    expect(lines[0]).toBe('Measured on cpu in f32, autoencoder: mosaic, 3 seeds; 2026-11-27.');
    expect(lines).toContain(
      '| variant | parameters | validation loss | ms per step | steps to the same loss | seconds to the same loss |',
    );
    expect(lines).toContain('| usual | 2.00 M | 1.1000 ± 0.1000 | 100 | 10 | 1.0 |');
    expect(lines.some((line) => line.startsWith('| stack | 1.50 M | 1.0067 ± 0.1050 | 80.0 | 9 ± 0 |'))).toBe(
      true,
    );
  });

  it('have a row for each evaluation of each variant', () => {
    expect(lines).toContain('| usual | euler | 25.0 % ± 25.0 % | 50.0 % | 2 | 25.0 |');
    expect(lines).toContain('| stack | unipc | – | – | – | – |');
  });

  it('say whether it is as the report lets one expect', () => {
    expect(lines.at(-1)).toBe('| lower | validation loss | 1.0067 against 1.1000 | -0.0933 ± 0.0058 | yes |');
  });
});

it('charts show each variant with the spread of its seeds, over steps and over time', () => {
  const charts = lossCharts(madeUpResults({ usual: [1, 1.1, 1.2], stack: [0.9, 1, 1.1] }));
  expect([...charts.keys()]).toEqual(['steps.svg', 'time.svg']);
  const svg = charts.get('steps.svg')!;
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg.match(/<polygon/g)).toHaveLength(2);
  expect(svg).toContain('made-up: validation loss over steps');
  expect(svg).not.toContain('NaN');
  expect(svg).toContain('>10</text>');
  expect(charts.get('time.svg')).toContain('>1</text>'); // seconds
});

describe('the README of the experiments', () => {
  it('is what its documents and results make it', () => {
    for (const [path, text] of readmeFiles())
      expect(readFileSync(join(EXPERIMENTS, path), 'utf8'), path).toBe(text);
  });

  it('shows kept results, and says when the experiment was changed since', () => {
    const folder = testFolder();
    const results = madeUpResults({ usual: [1, 1, 1], stack: [0.9, 0.9, 0.9] });
    writeFileSync(join(folder, 'other.json'), JSON.stringify(DOCUMENT));
    writeFileSync(join(folder, 'made-up.json'), JSON.stringify(DOCUMENT));
    mkdirSync(join(folder, 'results'));
    const keep = (value: object) =>
      writeFileSync(join(folder, 'results', 'made-up.json'), JSON.stringify(resultsSchema.parse(value)));
    keep(results);
    const files = readmeFiles(folder);
    expect([...files.keys()]).toEqual(['results/made-up-steps.svg', 'results/made-up-time.svg', 'README.md']);
    const [, madeUp, other] = files.get('README.md')!.split('\n## ');
    expect(madeUp).toContain('| usual | 2.00 M | 1.0000 |');
    expect(madeUp).toContain('![made-up](results/made-up-steps.svg)');
    expect(madeUp).not.toContain('was changed');
    expect(other).toMatch(/^other\n[^]*Not run yet\.\n$/);
    keep({ ...results, document: { ...results.document, question: 'Another?' } });
    expect(readmeFiles(folder).get('README.md')).toContain('was changed since it was run');
  });
});
