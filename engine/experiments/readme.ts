/** @file The README of a folder of experiments, made from their documents and kept results: nothing in it is typed. */
import { isDeepStrictEqual } from 'node:util';
import type { Experiment } from './document.ts';
import { EXPERIMENTS, experimentNames, KEPT, keptResults, readExperiment } from './files.ts';
import { lossCharts } from './plot.ts';
import { RESULTS_FILE, type Results } from './results.ts';
import { resultTables } from './table.ts';

const HEAD = `# Experiments at home scale

Each asks one question of the technical report of HDM, with a small model from nothing on toy scenes, within an hour on
one GPU of a home. Run one again and it goes on where it was; in one folder, experiments share the runs that are the same.

    npm run hdm -- experiment NAME --out FOLDER

Numbers are the mean of the seeds ± their standard deviation. A difference is taken seed by seed, as all variants of a
seed see the same pictures and noise; of shares it is in percentage points. It counts when it is larger than the spread
of the seeds allows by chance: when zero is outside of its 95 % interval (Student's t). "The same loss" is, for each
seed, the lowest validation loss that all variants reach; seconds are those of training steps alone. What is true of a
small model on toy scenes need not be true of a large one on pictures. Where no variant draws a scene right in everything,
training was too short to judge pictures by: there, read losses and times alone.

Copy \`${RESULTS_FILE}\` of an experiment to \`${KEPT}/NAME.json\` and write this file again with
\`npm run hdm -- experiment --readme\`.
`;

/** The README and its charts: texts by their paths in the folder. */
export function readmeFiles(folder = EXPERIMENTS): Map<string, string> {
  const files = new Map<string, string>();
  const sections = experimentNames(folder).map((name) => {
    const results = keptResults(name, folder);
    const charts = results ? lossCharts(results) : new Map<string, string>();
    const images = [...charts].map(([end, svg]) => {
      const path = `${KEPT}/${name}-${end}`;
      files.set(path, svg);
      return `![${name}](${path})`;
    });
    return section(readExperiment(name, folder), results, images);
  });
  return files.set('README.md', [HEAD, ...sections].join('\n'));
}

function section({ name, document }: Experiment, results: Results | undefined, images: string[]): string {
  const isChanged = results && !isDeepStrictEqual(results.document, document);
  const measured = results ? [resultTables(results), images.join('\n')] : ['Not run yet.'];
  return [
    `## ${name}`,
    document.question,
    `The report, section ${document.section}: ${document.claim}`,
    `    npm run hdm -- experiment ${name}`,
    ...(isChanged ? ['The experiment was changed since it was run.'] : []),
    ...measured,
  ]
    .join('\n\n')
    .concat('\n');
}
