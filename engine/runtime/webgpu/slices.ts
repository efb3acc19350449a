/**
 * @file What a slow GPU is given at a time. A display shares the GPU with us, and systems reset one that does not answer
 * for some seconds: long kernels run as several dispatches, long runs as several submissions.
 */
import { HdmError } from '../../errors.ts';
import type { Features, Kernel, Slice, Speeds } from './kernel.ts';
import { MAIN } from './kernels/wgsl.ts';

/** The longest dispatch and the longest submission, by what was measured. */
const [DISPATCH_MS, SUBMISSION_MS] = [50, 500];
/** Kernels reach at least this part of the speeds that were measured on large and simple ones. */
const SHARE = 1 / 4;
/** Dispatches that are submitted first, so that the GPU is at them while the driver takes in the others. */
const LEAD = 24;
/** More would only be dispatches of too little work each. */
const MOST_SLICES = 256;

/** Uniforms at dynamic offsets begin at multiples of this. */
const GRAIN = 256;
const [COMPUTE_STAGE, UNIFORM] = [0x4, 0x40];

/** How long a kernel takes at most, in milliseconds; 0 on a device that was not measured. */
export function estimate(kernel: Kernel, speeds: Speeds | undefined): number {
  if (!speeds) return 0;
  const slowest = Math.max(kernel.flops / productSpeed(kernel, speeds), kernel.bytes / speeds.memory);
  return slowest / SHARE / 1e6;
}

/** Of the way of the product itself, or of the slowest on the same hardware. */
function productSpeed({ speedKey, source }: Kernel, { products }: Speeds): number {
  const own = products[speedKey ?? ''];
  if (own) return own;
  const hardware = source.includes('subgroup_matrix') ? 'matrices' : 'tiled';
  const alike = Object.entries(products).filter(([key, speed]) => key.startsWith(hardware) && speed > 0);
  return Math.min(...alike.map(([, speed]) => speed));
}

/** The kernel as it is, or in slices where it takes too long. Its results are the same. */
export function sliced(kernel: Kernel, { speeds }: Features): Kernel {
  const parts = Math.ceil(estimate(kernel, speeds) / DISPATCH_MS);
  if (parts <= 1) return kernel;
  const [before, body, ...others] = kernel.source.split(MAIN);
  if (body === undefined || others.length > 0) {
    throw new HdmError('internal', `kernel ${kernel.name}`, 'it does not begin as all kernels do');
  }
  const main = MAIN.replace('group:', 'group_of_slice:');
  const source = `${before}${main}
  let group = group_of_slice + slice_offset.xyz;${body}
@group(1) @binding(0) var<uniform> slice_offset: vec4<u32>;
`;
  const whole = { offset: [0, 0, 0], workgroups: kernel.workgroups } as const;
  const slices = cut(whole, Math.min(parts, MOST_SLICES));
  return slices.length > 1 ? { ...kernel, source, slices } : kernel;
}

/** Cuts the longest axis, and where that does not suffice, each part again. */
function cut(whole: Slice, parts: number): Slice[] {
  const size = Math.max(...whole.workgroups);
  if (parts <= 1 || size === 1) return [whole];
  const axis = whole.workgroups.indexOf(size);
  const length = Math.ceil(size / parts);
  const starts = Array.from({ length: Math.ceil(size / length) }, (_, index) => index * length);
  return starts.flatMap((start) => {
    const offset = whole.offset.with(axis, whole.offset[axis]! + start) as [number, number, number];
    const workgroups = whole.workgroups.with(axis, Math.min(length, size - start)) as [
      number,
      number,
      number,
    ];
    return cut({ offset, workgroups }, Math.ceil(parts / starts.length));
  });
}

/** A kernel or a slice of one, as a run has it. */
export interface Dispatch {
  /** The step of the plan that it is of. */
  readonly step: number;
  /** Of a slice, with its workgroups and its share of the work. */
  readonly kernel: Kernel;
  /** Where the offset of a slice is in its buffer. */
  readonly at?: number;
}

/** All dispatches of a run, in its submissions: one or more, of which the first is short. */
export function submissions(kernels: readonly Kernel[], speeds: Speeds | undefined): Dispatch[][] {
  const result: Dispatch[][] = [[]];
  let ms = 0;
  for (const [index, dispatch] of kernels.flatMap(dispatchesOf).entries()) {
    const own = estimate(dispatch.kernel, speeds);
    if (index === LEAD || (ms > 0 && ms + own > SUBMISSION_MS)) {
      result.push([]);
      ms = 0;
    }
    result.at(-1)!.push(dispatch);
    ms += own;
  }
  return result;
}

function dispatchesOf(kernel: Kernel, step: number): Dispatch[] {
  const { slices, flops, bytes } = kernel;
  if (!slices) return [{ step, kernel }];
  const share = { flops: flops / slices.length, bytes: bytes / slices.length };
  return slices.map(({ workgroups }, index) => {
    return { step, kernel: { ...kernel, ...share, workgroups }, at: index * GRAIN };
  });
}

/** Encodes a dispatch, whose pipeline and buffers are set; `offsets` are those of its kernel's slices. */
export function encode(
  pass: GPUComputePassEncoder,
  { kernel, at }: Dispatch,
  offsets: GPUBindGroup | undefined,
): void {
  if (at !== undefined) pass.setBindGroup(1, offsets, [at]);
  pass.dispatchWorkgroups(...kernel.workgroups);
}

/** The bind group of the offsets of slices. */
export function sliceLayout(device: GPUDevice): GPUBindGroupLayout {
  const buffer = { type: 'uniform', hasDynamicOffset: true } as const;
  return device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE_STAGE, buffer }] });
}

export function bindSlices(
  device: GPUDevice,
  layout: GPUBindGroupLayout,
  slices: readonly Slice[],
): GPUBindGroup {
  const size = GRAIN * slices.length;
  const buffer = device.createBuffer({ size, usage: UNIFORM, mappedAtCreation: true });
  const words = new Uint32Array(buffer.getMappedRange());
  slices.forEach(({ offset }, index) => words.set(offset, (index * GRAIN) / 4));
  buffer.unmap();
  return device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, size: 16 } }] });
}
