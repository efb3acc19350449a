/** @file Charts as uPlot draws them: what a chart is told, and its options. Colours are those of the window's theme. */
import uPlot from 'uplot';
import { formatNumber } from '../../format.ts';

export interface Curve {
  readonly label: string;
  /** x rising. */
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** Which of the window's colours, 1 to 5. */
  readonly color: 1 | 2 | 3 | 4 | 5;
  readonly look?: 'line' | 'faint' | 'dashed' | 'dots';
}

/** Charts of one run move their cursors together. */
const SYNC = 'train';
/** Pixels between two numbers of the lower axis. */
const LEAST_SPACE = 60;
/** Distances between them: there are no halves of a step. */
const WHOLE_STEPS = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
);
const FAINT = '55';
const LOG_MARGIN = 1.12;
/** Of the range of values, as uPlot has it. */
const LINEAR_MARGIN = 0.1;
const ROUNDING = 1e-9;

/** One column of x for all curves. */
export function alignedData(curves: readonly Curve[]): uPlot.AlignedData {
  const tables = curves.map(({ x, y }) => [[...x], [...y]] as uPlot.AlignedData);
  return tables.length === 0 ? [[]] : tables.length === 1 ? tables[0]! : uPlot.join(tables);
}

export interface ChartLook {
  readonly element: HTMLElement;
  readonly width: number;
  readonly height: number;
  readonly isLog: boolean;
  readonly format: (value: number) => string;
  readonly onCursor: (index: number | null) => void;
}

export function chartOptions(curves: readonly Curve[], look: ChartLook): uPlot.Options {
  const style = getComputedStyle(look.element);
  const color = (name: string): string => resolved(style.getPropertyValue(name), look.element);
  const axis: uPlot.Axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1, size: 4 },
    font: `11px ${style.fontFamily}`,
  };
  return {
    width: look.width,
    height: look.height,
    legend: { show: false }, // ours tells the values as text
    padding: [8, 24, 0, 0],
    cursor: { sync: { key: SYNC }, y: false, points: { size: 7 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: look.isLog ? { distr: 3, range: logRange } : { range: linearRange } },
    axes: [
      {
        ...axis,
        size: 30,
        space: LEAST_SPACE,
        incrs: WHOLE_STEPS,
        values: (_, values) => values.map((v) => formatNumber(v, 0)),
      },
      {
        ...axis,
        size: 58,
        values: (_, values) => values.map((v: number | null) => (v === null ? '' : look.format(v))),
      },
    ],
    series: [{}, ...curves.map((curve) => seriesOf(curve, color(`--curve-${curve.color}`)))],
    hooks: { setCursor: [(plot) => look.onCursor(plot.cursor.idx ?? null)] },
  };
}

/** Numbers that differ by rounding alone are one: their axis would have more marks than memory holds. */
function linearRange(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [null, null];
  return uPlot.rangeNum(min, isFlat(min, max) ? min : max, LINEAR_MARGIN, true);
}

function isFlat(min: number, max: number): boolean {
  return max - min <= Math.abs(max) * ROUNDING;
}

/** Close around the values: whole powers of ten would leave most of a chart empty. */
function logRange(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null || min <= 0) return [0.1, 1];
  return [min / LOG_MARGIN, max * LOG_MARGIN];
}

function seriesOf({ label, look = 'line' }: Curve, stroke: string): uPlot.Series {
  const series: uPlot.Series = { label, stroke, width: 1.75, spanGaps: true, points: { show: false } };
  switch (look) {
    case 'faint':
      return { ...series, stroke: `${stroke}${FAINT}`, width: 1 };
    case 'dashed':
      return { ...series, dash: [6, 4] };
    case 'dots':
      return { ...series, points: { show: true, size: 6, fill: stroke } };
    case 'line':
      return series;
  }
}

/** A custom property holds `light-dark(…)` as text; a canvas wants the colour itself, in #rrggbb. */
function resolved(value: string, element: HTMLElement): string {
  const probe = document.createElement('span');
  probe.style.color = value;
  element.append(probe);
  const channels = getComputedStyle(probe).color.match(/\d+/g) ?? ['0', '0', '0'];
  probe.remove();
  return `#${channels
    .slice(0, 3)
    .map((channel) => Number(channel).toString(16).padStart(2, '0'))
    .join('')}`;
}
