/** @file Line charts as SVG: inside reports that open without a network, and as files. */

export interface Line {
  readonly name: string;
  /** (x, y), x rising. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Around the line, as of several runs: (x, low, high), x rising. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[];
  /** Drawn thin and pale, behind the others. */
  readonly isRaw?: boolean;
}

const [WIDTH, HEIGHT] = [720, 240];
const MARGIN = { left: 56, right: 12, top: 12, bottom: 28 };
/** Of a file: height of its title, and of a line of its legend. */
const [TITLE, LEGEND] = [24, 16];
const FILE_STYLE =
  'text { font: 11px system-ui, sans-serif } .title { font-weight: 600 } .grid { stroke: #ddd }';
const MOST_POINTS = 1000;
const TICKS = 5;
/** Okabe and Ito's colours, which colour-blind people can tell apart. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** A chart of lines over steps; empty when there is nothing to draw. */
export function lineChart(title: string, lines: readonly Line[]): string {
  const drawn = drawable(lines);
  if (drawn.length === 0) return '';
  const legend = drawn
    .map(({ name }, index) => `<span style="color:${colorOf(index)}">&#9644; ${escapeHtml(name)}</span>`)
    .join(' ');
  const svg = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${plot(drawn)}</svg>`;
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}<p class="legend">${legend}</p></figure>`;
}

/** The same as an SVG file of its own, title and legend inside; empty when there is nothing to draw. */
export function lineChartFile(title: string, lines: readonly Line[]): string {
  const drawn = drawable(lines);
  if (drawn.length === 0) return '';
  const height = TITLE + HEIGHT + LEGEND * (drawn.length + 1);
  const legend = drawn.map(
    ({ name }, index) =>
      `<text x="${MARGIN.left}" y="${TITLE + HEIGHT + LEGEND * (index + 1)}" fill="${colorOf(index)}">` +
      `&#9644; ${escapeHtml(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    `<style>${FILE_STYLE}</style><rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="${LEGEND}" class="title">${escapeHtml(title)}</text>`,
    `<g transform="translate(0 ${TITLE})">${plot(drawn)}</g>`,
    ...legend,
    '</svg>\n',
  ].join('\n');
}

function drawable(lines: readonly Line[]): Line[] {
  return lines.filter(({ points }) => points.length > 0);
}

/** Axes, bands and lines, without the `svg` around them. */
function plot(lines: readonly Line[]): string {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  const ys = lines.flatMap(({ points, band = [] }) =>
    [...points, ...band].flatMap(([, ...values]) => values),
  );
  const [left, right] = range(xs);
  const [bottom, top] = range(ys);
  const x = (value: number): number =>
    MARGIN.left + ((value - left) / (right - left)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((value - bottom) / (top - bottom)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const place = (points: Line['points']): string =>
    thinned(points)
      .map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`)
      .join(' ');
  const bands = lines.map(({ band = [] }, index) => {
    const around = [
      ...band.map(([at, low]) => [at, low] as const),
      ...band.map(([at, , high]) => [at, high] as const).toReversed(),
    ];
    return band.length > 0
      ? `<polygon points="${place(around)}" fill="${colorOf(index)}" opacity="0.15"/>`
      : '';
  });
  const paths = lines.map(({ points, isRaw }, index) => {
    const style = isRaw ? 'stroke-width="1" opacity="0.35"' : 'stroke-width="2"';
    return `<polyline points="${place(points)}" fill="none" stroke="${colorOf(index)}" ${style}/>`;
  });
  const rows = ticks(bottom, top).map(
    (value) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" class="grid"/>` +
      `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`,
  );
  const columns = ticks(left, right).map(
    (value) => `<text x="${x(value)}" y="${HEIGHT - 8}" text-anchor="middle">${short(value)}</text>`,
  );
  return [...rows, ...columns, ...bands, ...paths].join('');
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
