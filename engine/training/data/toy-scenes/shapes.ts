/**
 * @file Shapes as signed distances: below 0 inside, above 0 outside, in the units of the coordinates. Most follow
 * Quilez, 2D distance functions (iquilezles.org/articles/distfunctions2d).
 */
import type { Rgb } from './colors.ts';
import type { Box } from './scene.ts';

export interface Shape {
  /** What it may reach. */
  readonly box: Box;
  readonly distance: (x: number, y: number) => number;
}

/** A shape in one colour. */
export interface Part extends Shape {
  readonly color: Rgb;
}

export type Point = readonly [x: number, y: number];

export function circle(x: number, y: number, radius: number): Shape {
  return {
    box: { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius },
    distance: (px, py) => Math.sqrt((px - x) ** 2 + (py - y) ** 2) - radius,
  };
}

/** A rectangle with rounded corners. */
export function rectangle(left: number, top: number, right: number, bottom: number, radius = 0): Shape {
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const [halfWidth, halfHeight] = [(right - left) / 2 - radius, (bottom - top) / 2 - radius];
  return {
    box: { left, top, right, bottom },
    distance(px, py) {
      const [dx, dy] = [Math.abs(px - x) - halfWidth, Math.abs(py - y) - halfHeight];
      const outside = Math.sqrt(Math.max(dx, 0) ** 2 + Math.max(dy, 0) ** 2);
      return outside + Math.min(Math.max(dx, dy), 0) - radius;
    },
  };
}

/** A polygon that may be hollow at places, with corners rounded outwards. */
export function polygon(points: readonly Point[], radius = 0): Shape {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const edges = points.map(([x, y], i) => {
    const [endX, endY] = points.at(i - 1)!;
    const [dx, dy] = [endX - x, endY - y];
    return { x, y, endY, dx, dy, squared: dx * dx + dy * dy };
  });
  return {
    box: {
      left: Math.min(...xs) - radius,
      top: Math.min(...ys) - radius,
      right: Math.max(...xs) + radius,
      bottom: Math.max(...ys) + radius,
    },
    distance(px, py) {
      let nearest = Infinity;
      let sign = 1;
      for (const { x, y, endY, dx, dy, squared } of edges) {
        const [wx, wy] = [px - x, py - y];
        const along = Math.min(1, Math.max(0, (wx * dx + wy * dy) / squared));
        nearest = Math.min(nearest, (wx - dx * along) ** 2 + (wy - dy * along) ** 2);
        const isBelow = py >= y;
        if (isBelow === py < endY && isBelow === dx * wy > dy * wx) sign = -sign;
      }
      return sign * Math.sqrt(nearest) - radius;
    },
  };
}

/** A closed curve, as a polygon: `point` goes round once while t goes from 0 to 1. */
export function curve(point: (t: number) => Point, corners = 40): Shape {
  return polygon(Array.from({ length: corners }, (_, i) => point(i / corners)));
}

/**
 * The edge of a shape as a polygon, seen from (x, y): unlike a union it knows how far away its edge is on the inside,
 * too. Every point of the edge must be visible from there, and nearer than 1.
 */
export function traced(shape: Shape, [x, y]: Point, corners = 72): Shape {
  return curve((t) => {
    const [dx, dy] = [Math.cos(2 * Math.PI * t), Math.sin(2 * Math.PI * t)];
    let [inside, outside] = [0, 1];
    for (let i = 0; i < 20; i++) {
      const middle = (inside + outside) / 2;
      if (shape.distance(x + middle * dx, y + middle * dy) < 0) inside = middle;
      else outside = middle;
    }
    return [x + inside * dx, y + inside * dy];
  }, corners);
}

export function ellipse(x: number, y: number, radiusX: number, radiusY: number): Shape {
  return curve((t) => [x + radiusX * Math.cos(2 * Math.PI * t), y + radiusY * Math.sin(2 * Math.PI * t)], 32);
}

/** A star with its first point up. */
export function star(x: number, y: number, points: number, outer: number, inner: number, radius = 0): Shape {
  const corner = (i: number): Point => {
    const angle = (Math.PI * i) / points;
    const length = i % 2 === 0 ? outer : inner;
    return [x + length * Math.sin(angle), y - length * Math.cos(angle)];
  };
  return polygon(
    Array.from({ length: 2 * points }, (_, i) => corner(i)),
    radius,
  );
}

/** All of them together. */
export function union(...shapes: readonly Shape[]): Shape {
  return {
    box: boxAround(shapes.map(({ box }) => box)),
    distance(x, y) {
      let nearest = Infinity;
      for (const { distance } of shapes) nearest = Math.min(nearest, distance(x, y));
      return nearest;
    },
  };
}

/** What is in the first and not in the second. */
export function without({ box, distance }: Shape, hole: Shape): Shape {
  return { box, distance: (x, y) => Math.max(distance(x, y), -hole.distance(x, y)) };
}

/** What is in both. */
export function within({ box, distance }: Shape, other: Shape['distance']): Shape {
  return { box, distance: (x, y) => Math.max(distance(x, y), other(x, y)) };
}

/** A line of this width along the inside of the edge. */
export function outline({ box, distance }: Shape, width: number): Shape {
  return { box, distance: (x, y) => Math.abs(distance(x, y) + width / 2) - width / 2 };
}

/** Bands of this width, as much again apart; across the direction (x, y) of length 1, one of them at 0. */
export function bands(width: number, [dx, dy]: Point): Shape['distance'] {
  return (x, y) => {
    const place = (x * dx + y * dy) / (2 * width);
    return (Math.abs(place - Math.round(place)) - 0.25) * 2 * width;
  };
}

/** Dots on a grid whose every second row is shifted by half, one of them at 0, 0. */
export function dots(spacing: number, radius: number): Shape['distance'] {
  const rowHeight = spacing * 0.87;
  return (x, y) => {
    const row = Math.round(y / rowHeight);
    const shifted = x - (row % 2 === 0 ? 0 : spacing / 2);
    const dx = shifted - spacing * Math.round(shifted / spacing);
    return Math.sqrt(dx * dx + (y - row * rowHeight) ** 2) - radius;
  };
}

function boxAround(boxes: readonly Box[]): Box {
  return {
    left: Math.min(...boxes.map(({ left }) => left)),
    top: Math.min(...boxes.map(({ top }) => top)),
    right: Math.max(...boxes.map(({ right }) => right)),
    bottom: Math.max(...boxes.map(({ bottom }) => bottom)),
  };
}
