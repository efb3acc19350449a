/** @file Validation losses of an experiment as charts: a line for each variant, the spread of its seeds around it. */
import { lineChartFile, type Line } from '../training/run/charts.ts';
import type { Results } from './results.ts';
import type { RunResult } from './run-result.ts';
import { spreadOf } from './statistics.ts';

type Point = RunResult['curve'][number];

/** What losses are drawn over. */
const AXES = {
  steps: { title: 'validation loss over steps', at: ({ step }) => step },
  time: { title: 'validation loss over seconds of training steps', at: ({ ms }) => ms / 1000 },
} as const satisfies Record<string, { title: string; at: (point: Point) => number }>;

/** Part of the steps that is not drawn: the first fall is the same for all and would hide the rest. */
const LEFT_OUT = 0.1;

/** SVG files by the ends of their names. */
export function lossCharts(results: Results): Map<string, string> {
  return new Map(
    Object.entries(AXES).map(([name, { title, at }]) => {
      const lines = Object.keys(results.document.variants).map((variant) => lineOf(results, variant, at));
      return [`${name}.svg`, lineChartFile(`${results.name}: ${title}`, lines)];
    }),
  );
}

function lineOf({ runs }: Results, variant: string, at: (point: Point) => number): Line {
  const own = runs.filter((run) => run.variant === variant);
  const first = LEFT_OUT * Math.max(...own.map(({ steps }) => steps));
  const points = own.flatMap(({ curve }) => curve).filter(({ step }) => step >= first);
  const steps = [...Map.groupBy(points, ({ step }) => step).values()].map((group) => ({
    x: spreadOf(group.map(at))!.mean,
    ...spreadOf(group.map(({ loss }) => loss))!,
  }));
  return {
    name: variant,
    points: steps.map(({ x, mean }) => [x, mean]),
    band: steps.map(({ x, mean, spread }) => [x, mean - spread, mean + spread]),
  };
}
