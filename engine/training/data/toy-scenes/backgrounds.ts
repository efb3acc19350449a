/** @file What is behind the things of a scene, in short sides. */
import { COLORS, mix, type Rgb } from './colors.ts';
import { landscapeColors, type Background, type Box } from './scene.ts';
import { bands, circle, dots, type Part } from './shapes.ts';

/** The colour of a row. */
export type Paint = (y: number) => Rgb;

const STRIPE = 0.1;
const DOT_SPACING = 0.17;
const DOT_RADIUS = 0.034;
const STAR_RADIUS = 0.006;
const STARS_PER_WIDTH = 16;
/** Steps of the R2 sequence, which spreads points evenly (Roberts, 2018). */
const SPREAD = [0.7548776662, 0.569840291] as const;

interface Whole {
  readonly width: number;
  readonly height: number;
}

/** What every row begins with. */
export function backgroundPaint(background: Background, { height }: Whole): Paint {
  if (background.kind === 'landscape') {
    const [top, horizon] = landscapeColors(background.ground, background.daytime);
    return (y) => mix(top, horizon, Math.min(1, y / height / background.horizon));
  }
  const first: Rgb = COLORS[background.color];
  if (background.kind !== 'gradient') return () => first;
  const second = COLORS[background.second];
  return (y) => mix(first, second, y / height);
}

/** What lies on it, back to front. */
export function backgroundParts(background: Background, whole: Whole): Part[] {
  const box = { left: 0, top: 0, right: whole.width, bottom: whole.height };
  switch (background.kind) {
    case 'plain':
    case 'gradient':
      return [];
    case 'stripes':
      return [{ box, distance: bands(STRIPE, [1, 0]), color: COLORS[background.second] }];
    case 'dots':
      return [{ box, distance: dots(DOT_SPACING, DOT_RADIUS), color: COLORS[background.second] }];
    case 'landscape':
      return landscape(background, whole, box);
  }
}

function landscape(background: Background & { kind: 'landscape' }, whole: Whole, box: Box): Part[] {
  const { ground, daytime, horizon } = background;
  const [, sky, color] = landscapeColors(ground, daytime);
  const line = horizon * whole.height;
  const isFlat = ground === 'sea';
  const hills = (height: number, length: number) => (x: number, y: number) =>
    line - height - y + (isFlat ? 0 : 0.3 * height * Math.sin(x * length + 9 * horizon));
  const far: Part = { box, distance: hills(0.05, 3.1), color: mix(color, sky, 0.4) };
  const near: Part = { box, distance: hills(0, 0), color };
  const stars = daytime === 'night' ? nightStars(whole, line, horizon) : [];
  return isFlat ? [...stars, near] : [...stars, far, near];
}

function nightStars({ width }: Whole, line: number, start: number): Part[] {
  const count = Math.round(STARS_PER_WIDTH * width);
  return Array.from({ length: count }, (_, i) => {
    const place = SPREAD.map((step) => (start * 97 + i * step) % 1) as [number, number];
    const radius = STAR_RADIUS * (i % 3 === 0 ? 1.3 : 0.8);
    return { ...circle(place[0] * width, place[1] * line * 0.9, radius), color: COLORS.white };
  });
}
