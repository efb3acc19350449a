/**
 * @file Settings from the graph that any ComfyUI picture carries in its API form: a record of nodes, each
 * { class_type, inputs }, an input being a value or a link [node, output]. We look at the names of inputs more
 * than at classes, for there are thousands of those.
 */
import { z } from 'zod';
import { HdmError } from '../errors.ts';
import { fromForeignName, SAMPLER_NAMES, SCHEDULE_NAMES } from './names.ts';
import { keepValid, type PictureSettings } from './settings.ts';

const MAX_JSON_LENGTH = 4 << 20;
const MAX_NODES = 2000;

const NodeSchema = z.object({ class_type: z.string(), inputs: z.record(z.string(), z.unknown()) });

type Node = z.infer<typeof NodeSchema>;
type Link = readonly [node: string | number, slot: number];
type Graph = ReadonlyMap<string, Node>;

/** Inputs that hold what we look for, in the order of looking. */
const TEXT_INPUTS = ['text', 'text_g', 't5xxl', 'prompt', 'string', 'value'] as const;
const VALUE_INPUTS = ['value', 'seed', 'noise_seed', 'int', 'float', 'number'] as const;
const CONDITIONING_INPUTS = ['conditioning', 'conditioning_1', 'conditioning_to'] as const;
const LATENT_INPUTS = ['samples', 'latent_image', 'latent'] as const;
const MODEL_FILE_INPUTS = ['ckpt_name', 'unet_name'] as const;

/**
 * Settings from a ComfyUI picture's `prompt` text: from the first sampler backwards along its links. What is not
 * there is left out, as are samplers we lack. Throws 'bad-file' when it is no graph, has no sampler, or is over
 * 4 MiB or 2000 nodes.
 */
export function fromComfyPrompt(json: string): Partial<PictureSettings> {
  const graph = readGraph(json);
  const inputs = findSampler(graph).inputs;
  const models = follow(graph, inputs['model'], (node) => node.inputs['model']);
  const positives = followConditioning(graph, inputs['positive']);
  const negatives = followConditioning(graph, inputs['negative']);
  const value = (from: Node['inputs'] | undefined, ...names: string[]) =>
    resolve(graph, from && firstOf(from, names), VALUE_INPUTS);
  const latent = follow(graph, inputs['latent_image'], (node) => firstOf(node.inputs, LATENT_INPUTS));
  const size = latent.find((node) => 'width' in node.inputs && 'height' in node.inputs)?.inputs;
  const camera = positives.find((node) => node.class_type === 'HDMCameraParam')?.inputs;
  const tread = negatives.find((node) => node.class_type === 'HDMTreadGamma')?.inputs;
  return keepValid({
    prompt: textOf(graph, positives),
    negativePrompt: textOf(graph, negatives),
    width: value(size, 'width'),
    height: value(size, 'height'),
    steps: value(inputs, 'steps'),
    guidanceScale: value(inputs, 'cfg'),
    sampler: fromForeignName(SAMPLER_NAMES, 'comfyui', value(inputs, 'sampler_name')),
    schedule: readSchedule(value(inputs, 'scheduler'), models),
    seed: value(inputs, 'seed', 'noise_seed'),
    // A graph is complete: a node that is not there does nothing.
    zoom: camera ? value(camera, 'zoom') : 1,
    xShift: camera ? value(camera, 'x_shift') : 0,
    yShift: camera ? value(camera, 'y_shift') : 0,
    treadGuidance: tread ? value(tread, 'negative_gamma') : 0,
    adapters: readAdapters(models),
    model: { name: modelName(models) },
  });
}

function readGraph(json: string): Graph {
  if (json.length > MAX_JSON_LENGTH) throw notReadable(`expected at most ${MAX_JSON_LENGTH} characters`);
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(json));
  if (!parsed.success) throw notReadable('expected a record of nodes');
  const entries = Object.entries(parsed.data);
  if (entries.length > MAX_NODES)
    throw notReadable(`expected at most ${MAX_NODES} nodes, got ${entries.length}`);
  return new Map(
    entries.flatMap(([id, value]) => {
      const node = NodeSchema.safeParse(value);
      return node.success ? [[id, node.data]] : [];
    }),
  );
}

/** The first sampler that starts from no other sampler's picture: later ones only refine. */
function findSampler(graph: Graph): Node {
  const samplers = [...graph.values()].filter(isSampler);
  const isFirst = ({ inputs }: Node) =>
    !follow(graph, inputs['latent_image'], (node) => firstOf(node.inputs, LATENT_INPUTS)).some(isSampler);
  const sampler = samplers.find(isFirst) ?? samplers[0];
  if (!sampler) throw notReadable('found no sampler node');
  return sampler;
}

function isSampler({ inputs }: Node): boolean {
  return ['positive', 'negative', 'latent_image'].every((name) => isLink(inputs[name]));
}

/** The nodes along a chain of links; `next` gives a node's link onwards. Ends at a node it has seen. */
function follow(graph: Graph, start: unknown, next: (node: Node, slot: number) => unknown): Node[] {
  const seen = new Set<Node>();
  let link = start;
  while (isLink(link)) {
    const node = graph.get(String(link[0]));
    if (!node || seen.has(node)) break;
    seen.add(node);
    link = next(node, link[1]);
  }
  return [...seen];
}

/** Nodes that take both conditionings give them out in the same order. */
function followConditioning(graph: Graph, start: unknown): Node[] {
  return follow(graph, start, ({ inputs }, slot) => {
    if ('positive' in inputs && 'negative' in inputs)
      return slot === 1 ? inputs['negative'] : inputs['positive'];
    return firstOf(inputs, CONDITIONING_INPUTS);
  });
}

function textOf(graph: Graph, conditionings: readonly Node[]): unknown {
  if (conditionings.some((node) => node.class_type === 'ConditioningZeroOut')) return '';
  const encoder = conditionings.at(-1);
  return encoder && resolve(graph, firstOf(encoder.inputs, TEXT_INPUTS), TEXT_INPUTS);
}

/** A value, or what the nodes it is linked to hold in one of the inputs `names`. */
function resolve(graph: Graph, value: unknown, names: readonly string[]): unknown {
  if (!isLink(value)) return value;
  const holder = follow(graph, value, (node) => firstOf(node.inputs, names)).at(-1);
  return holder && firstOf(holder.inputs, names);
}

function readSchedule(scheduler: unknown, models: readonly Node[]): unknown {
  const shift = models.find((node) => node.class_type.startsWith('ModelSampling'))?.inputs['shift'];
  if (typeof shift === 'number' && scheduler === SCHEDULE_NAMES.shifted.comfyui)
    return { name: 'shifted', shift };
  return { name: fromForeignName(SCHEDULE_NAMES, 'comfyui', scheduler) };
}

/** The chain runs from the sampler back to the loader; adapters are listed as they were applied. */
function readAdapters(models: readonly Node[]): unknown {
  return models
    .filter(({ inputs }) => 'lora_name' in inputs && 'strength_model' in inputs)
    .map(({ inputs }) => ({ file: inputs['lora_name'], strength: inputs['strength_model'] }))
    .reverse();
}

function modelName(models: readonly Node[]): unknown {
  const file = models
    .map(({ inputs }) => firstOf(inputs, MODEL_FILE_INPUTS))
    .find((name) => typeof name === 'string');
  return typeof file === 'string' ? file.replace(/\.safetensors$/, '') : undefined;
}

function firstOf(inputs: Node['inputs'], names: readonly string[]): unknown {
  const name = names.find((candidate) => Object.hasOwn(inputs, candidate));
  return name === undefined ? undefined : inputs[name];
}

function isLink(value: unknown): value is Link {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [node, slot] = value as unknown[];
  return (typeof node === 'string' || typeof node === 'number') && typeof slot === 'number';
}

/** Python writes NaN where JSON has no such word; ComfyUI does so in `is_changed`. */
function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseStrictJson(json.replace(/(?<=[[,:] ?)(?:NaN|-?Infinity)(?= ?[\],}])/g, 'null'));
  }
}

function parseStrictJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw notReadable('this is no JSON', error);
  }
}

function notReadable(problem: string, cause?: unknown): HdmError {
  return new HdmError('bad-file', 'ComfyUI graph', problem, 'Choose a picture that ComfyUI saved', cause);
}
