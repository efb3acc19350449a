/** @file A chart as an SVG that stands alone, for the report. */
import { formatNumber } from '../../format.ts';
import type { Curve } from './chart.ts';
import { escape } from './escape-html.ts';

/** Those of the window, in its light theme: dark enough on white, light enough on black. */
const COLORS = { 1: '#2b8cc4', 2: '#d0770f', 3: '#13996f', 4: '#b8609a', 5: '#8a7d10' } as const;
const [WIDTH, HEIGHT] = [960, 260];
const MARGIN = { left: 64, right: 12, top: 28, bottom: 26 };
const LINES = 4;

export function svgChart(title: string, curves: readonly Curve[], { isLog = false } = {}): string {
  const points = curves.map(({ x, y }) => x.flatMap((at, i) => pointOf(at, y[i], isLog)));
  const all = points.flat();
  if (all.length === 0) return '';
  const [minX, maxX] = rangeOf(all.map(([x]) => x));
  const [minY, maxY] = rangeOf(all.map(([, y]) => y));
  const px = (x: number): number =>
    MARGIN.left + ((x - minX) / (maxX - minX)) * (WIDTH - MARGIN.left - MARGIN.right);
  const py = (y: number): number =>
    HEIGHT - MARGIN.bottom - ((y - minY) / (maxY - minY)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = Array.from({ length: LINES + 1 }, (_, i) => {
    const y = minY + ((maxY - minY) * i) / LINES;
    const label = formatNumber(isLog ? 10 ** y : y, 4);
    return `<path d="M${MARGIN.left} ${py(y).toFixed(1)}H${WIDTH - MARGIN.right}" stroke="#8885"/><text x="${MARGIN.left - 6}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${label}</text>`;
  });
  const paths = curves.map(({ color, look }, i) => {
    const d = points[i]!.map(
      ([x, y], n) => `${n === 0 ? 'M' : 'L'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`,
    ).join('');
    const style = `${look === 'faint' ? ' opacity="0.35"' : ''}${look === 'dashed' ? ' stroke-dasharray="6 4"' : ''}`;
    return `<path d="${d}" fill="none" stroke="${COLORS[color]}" stroke-width="1.6"${style}/>`;
  });
  const legend = curves.map(({ label, color }, i) => {
    const x = MARGIN.left + i * 170;
    return `<rect x="${x}" y="8" width="14" height="3" fill="${COLORS[color]}"/><text x="${x + 20}" y="13">${escape(label)}</text>`;
  });
  const ends = `<text x="${MARGIN.left}" y="${HEIGHT - 6}">${formatNumber(minX, 0)}</text><text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 6}" text-anchor="end">${formatNumber(maxX, 0)}</text>`;
  return `<figure><figcaption>${escape(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}" font-size="11" fill="currentColor">${[...grid, ...paths, ...legend, ends].join('')}</svg></figure>`;
}

function pointOf(x: number, y: number | null | undefined, isLog: boolean): [number, number][] {
  if (y === null || y === undefined || (isLog && y <= 0)) return [];
  return [[x, isLog ? Math.log10(y) : y]];
}

/** Never empty, so that a flat curve has a place. */
function rangeOf(values: readonly number[]): [number, number] {
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  return min === max ? [min - 0.5, max + 0.5] : [min, max];
}
