/** @file Golden position maps, cameras and crops. */
import { HdmError } from '../errors.ts';
import { f32, type TensorData } from '../graph/dtype.ts';
import { applyCamera, cropPositions, positionMap, type PositionReading } from '../models/positions.ts';
import { AGAIN, compare, type Comparison, type GoldenFile } from './golden-file.ts';

/** `bounding_box.13x7`, `camera.8x8`, `crop.unit_area.400x256.at77_0`: the names carry reading and sizes. */
export async function checkPositions(golden: GoldenFile): Promise<Comparison[]> {
  return [...golden.tensors].map(([name, expected]) => {
    const parts = name.split('.');
    const [height, width] = parts
      .find((part) => /^\d+x\d+$/.test(part))!
      .split('x')
      .map(Number) as [number, number];
    const got = positionsFor(name, parts, height, width, expected);
    return compare(golden, name, f32(expected.shape, got), expected, { tolerance: 1e-5 });
  });
}

function positionsFor(
  name: string,
  [kind, reading, , place]: string[],
  height: number,
  width: number,
  expected: TensorData,
): Float32Array {
  if (kind === 'crop') {
    const [top, left] = place!.slice('at'.length).split('_').map(Number) as [number, number];
    const size = Math.sqrt(expected.shape[0]!) * 8;
    return cropPositions(reading as PositionReading, height, width, top, left, size);
  }
  if (kind === 'camera') {
    return applyCamera(positionMap('bounding_box', height, width), {
      xShift: 0.25,
      yShift: -0.25,
      zoom: 0.75,
    });
  }
  if (kind === 'bounding_box' || kind === 'unit_area') return positionMap(kind, height, width);
  throw new HdmError('bad-file', name, 'this kind of position map is not known', AGAIN);
}
