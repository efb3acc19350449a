/** @file Line charts as inline SVG, for reports that open without a network. */

export interface Line {
  readonly name: string;
  /** (x, y), x rising. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn thin and pale, behind the others. */
  readonly isRaw?: boolean;
}

const [WIDTH, HEIGHT] = [720, 240];
const MARGIN = { left: 56, right: 12, top: 12, bottom: 28 };
const MOST_POINTS = 1000;
const TICKS = 5;
/** Okabe and Ito's colours, which colour-blind people can tell apart. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** A chart of lines over steps; empty when there is nothing to draw. */
export function lineChart(title: string, lines: readonly Line[]): string {
  const drawn = lines.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const all = drawn.flatMap(({ points }) => points);
  const [left, right] = range(all.map(([x]) => x));
  const [bottom, top] = range(all.map(([, y]) => y));
  const x = (value: number): number =>
    MARGIN.left + ((value - left) / (right - left)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((value - bottom) / (top - bottom)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const paths = drawn.map(({ points, isRaw }, index) => {
    const place = thinned(points)
      .map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`)
      .join(' ');
    const style = isRaw ? 'stroke-width="1" opacity="0.35"' : 'stroke-width="2"';
    return `<polyline points="${place}" fill="none" stroke="${colorOf(index)}" ${style}/>`;
  });
  const rows = ticks(bottom, top).map(
    (value) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" class="grid"/>` +
      `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`,
  );
  const columns = ticks(left, right).map(
    (value) => `<text x="${x(value)}" y="${HEIGHT - 8}" text-anchor="middle">${short(value)}</text>`,
  );
  const legend = drawn
    .map(({ name }, index) => `<span style="color:${colorOf(index)}">&#9644; ${escapeHtml(name)}</span>`)
    .join(' ');
  const picture = [...rows, ...columns, ...paths].join('');
  const svg = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${picture}</svg>`;
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}<p class="legend">${legend}</p></figure>`;
}

/** Exponentially weighted forwards and backwards, so that the line does not lag behind. */
export function smoothed(points: Line['points'], keep = 0.95): [number, number][] {
  const pass = (values: readonly number[]): number[] => {
    let mean = values[0]!;
    return values.map((value) => (mean = keep * mean + (1 - keep) * value));
  };
  const forwards = pass(points.map(([, y]) => y));
  const both = pass(forwards.toReversed()).toReversed();
  return points.map(([x], index) => [x, both[index]!]);
}

export function escapeHtml(text: string): string {
  const signs: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (sign) => signs[sign]!);
}

function colorOf(index: number): string {
  return COLORS[index % COLORS.length]!;
}

/** Smallest and largest, never the same. */
function range(values: readonly number[]): [low: number, high: number] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function thinned(points: Line['points']): Line['points'] {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
}

function ticks(low: number, high: number): number[] {
  return Array.from({ length: TICKS }, (_, i) => low + ((high - low) * i) / (TICKS - 1));
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
