/** @file A mask as what was done to it, and how that is painted. Places and widths are pixels of the mask. */

export interface Place {
  readonly x: number;
  readonly y: number;
}

export type MaskOperation =
  | {
      readonly kind: 'stroke';
      readonly places: readonly Place[];
      readonly width: number;
      readonly erases: boolean;
    }
  | { readonly kind: 'invert' };

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Paints everything anew: opaque in `colour` where the picture is to be painted anew, transparent elsewhere. */
export function paintMask(context: Context, operations: readonly MaskOperation[], colour: string): void {
  const { width, height } = context.canvas;
  context.globalCompositeOperation = 'source-over';
  context.clearRect(0, 0, width, height);
  for (const operation of operations) paintOperation(context, operation, colour);
}

/** Adds one operation to what is painted. */
export function paintOperation(context: Context, operation: MaskOperation, colour: string): void {
  context.fillStyle = colour;
  context.strokeStyle = colour;
  if (operation.kind === 'invert') {
    // What comes is painted only where nothing is, and what is there goes.
    context.globalCompositeOperation = 'source-out';
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    return;
  }
  const [first, ...rest] = operation.places;
  if (!first) return;
  context.globalCompositeOperation = operation.erases ? 'destination-out' : 'source-over';
  context.lineWidth = operation.width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (const { x, y } of rest) context.lineTo(x, y);
  if (rest.length === 0) context.lineTo(first.x, first.y); // a dot
  context.stroke();
}

/** PNG: white is painted anew, black stays. Undefined when nothing is white. */
export async function maskFile(
  operations: readonly MaskOperation[],
  size: { readonly width: number; readonly height: number },
): Promise<Blob | undefined> {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  paintMask(context, operations, 'white');
  const { data } = context.getImageData(0, 0, size.width, size.height);
  if (!data.some((value, i) => i % 4 === 3 && value > 0)) return undefined;
  context.globalCompositeOperation = 'destination-over';
  context.fillStyle = 'black';
  context.fillRect(0, 0, size.width, size.height);
  return canvas.convertToBlob({ type: 'image/png' });
}
