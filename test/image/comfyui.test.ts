import { describe, expect, it } from 'vitest';
import { fromComfyPrompt } from '../../engine/image/comfyui-read.ts';
import { toComfyWorkflow } from '../../engine/image/comfyui.ts';
import type { PictureSettings } from '../../engine/image/settings.ts';
import { errorOf, SETTINGS } from './samples.ts';

type Prompt = Record<string, { class_type: string; inputs: Record<string, unknown> }>;
type Workflow = {
  last_node_id: number;
  last_link_id: number;
  nodes: {
    id: number;
    type: string;
    inputs: { name: string; type: string; link: number }[];
    outputs: { type: string; links: number[] }[];
    widgets_values: unknown[];
  }[];
  links: [id: number, from: number, fromSlot: number, to: number, toSlot: number, type: string][];
};

const PLAIN: PictureSettings = {
  ...SETTINGS,
  schedule: { name: 'uniform' },
  zoom: 1,
  xShift: 0,
  yShift: 0,
  treadGuidance: 0,
  adapters: [],
};

const promptOf = (settings: PictureSettings) => toComfyWorkflow(settings).prompt as Prompt;
const workflowOf = (settings: PictureSettings) => toComfyWorkflow(settings).workflow as Workflow;
const classes = (prompt: Prompt) => Object.values(prompt).map((node) => node.class_type);
const nodeOf = (prompt: Prompt, type: string) =>
  Object.values(prompt).find((node) => node.class_type === type)!;

describe('toComfyWorkflow', () => {
  it('has the plain graph for plain settings', () => {
    expect(classes(promptOf(PLAIN))).toEqual([
      'HDMLoader',
      'CLIPTextEncode',
      'CLIPTextEncode',
      'EmptyLatentImage',
      'KSampler',
      'VAEDecode',
      'SaveImage',
    ]);
  });

  it('adds nodes for adapters, shift, camera and TREAD guidance', () => {
    const prompt = promptOf(SETTINGS);
    expect(classes(prompt).filter((type) => type === 'LoraLoaderModelOnly')).toHaveLength(2);
    expect(nodeOf(prompt, 'ModelSamplingAuraFlow').inputs['shift']).toBe(1.75);
    expect(nodeOf(prompt, 'HDMCameraParam').inputs).toMatchObject({
      x_shift: -0.4,
      y_shift: 0.25,
      zoom: 1.1,
    });
    expect(nodeOf(prompt, 'HDMTreadGamma').inputs).toMatchObject({ positive_gamma: 0, negative_gamma: 0.15 });
  });

  it('derives the shift from the size when none is given', () => {
    const settings = { ...PLAIN, schedule: { name: 'shifted' }, width: 1024, height: 512 };
    expect(nodeOf(promptOf(settings), 'ModelSamplingAuraFlow').inputs['shift']).toBeCloseTo(Math.sqrt(8));
  });

  it.each([
    ['euler', 'euler'],
    ['heun', 'heun'],
    ['dpmpp-2m', 'dpmpp_2m'],
    ['unipc', 'uni_pc'],
    ['something else', 'euler'],
    ['toString', 'euler'],
  ])('calls the sampler %s %s', (sampler, expected) => {
    expect(nodeOf(promptOf({ ...PLAIN, sampler }), 'KSampler').inputs['sampler_name']).toBe(expected);
  });

  it('gives the sampler the inputs of ComfyUI and no editor values', () => {
    expect(nodeOf(promptOf(PLAIN), 'KSampler').inputs).toEqual({
      model: ['1', 0],
      positive: ['2', 0],
      negative: ['3', 0],
      latent_image: ['4', 0],
      seed: SETTINGS.seed,
      steps: 32,
      cfg: 3.5,
      sampler_name: 'dpmpp_2m',
      scheduler: 'simple',
      denoise: 1,
    });
  });

  it('draws the same graph for the editor, every link known at both ends', () => {
    const prompt = promptOf(SETTINGS);
    const { nodes, links, last_node_id, last_link_id } = workflowOf(SETTINGS);
    expect(nodes.map((node) => node.type)).toEqual(classes(prompt));
    expect([last_node_id, last_link_id]).toEqual([nodes.length, links.length]);
    for (const [id, from, fromSlot, to, toSlot, type] of links) {
      const target = nodes.find((node) => node.id === to)!.inputs[toSlot]!;
      const source = nodes.find((node) => node.id === from)!.outputs[fromSlot]!;
      expect(target).toMatchObject({ link: id, type });
      expect(source.type).toBe(type);
      expect(source.links).toContain(id);
      expect(prompt[String(to)]!.inputs[target.name]).toEqual([String(from), fromSlot]);
    }
    const inputs = nodes.flatMap((node) => node.inputs);
    expect(inputs).toHaveLength(links.length);
  });

  it('gives the editor the widgets of a sampler in their order', () => {
    const sampler = workflowOf(PLAIN).nodes.find((node) => node.type === 'KSampler')!;
    expect(sampler.widgets_values).toEqual([SETTINGS.seed, 'fixed', 32, 3.5, 'dpmpp_2m', 'simple', 1]);
  });
});

/** What a ComfyUI graph can say of settings. */
function sayable(settings: PictureSettings) {
  const {
    version: _,
    app: __,
    appVersion: ___,
    guidanceInterval: ____,
    precision: _____,
    ...some
  } = settings;
  const { device: ______, image2image: _______, ...rest } = some;
  return {
    ...rest,
    model: { name: rest.model.name },
    adapters: rest.adapters.map(({ file, strength }) => ({ file, strength })),
  };
}

describe('fromComfyPrompt', () => {
  it.each([
    ['plain', PLAIN],
    ['full', SETTINGS],
  ])('reads our %s graph', (_, settings) => {
    expect(fromComfyPrompt(JSON.stringify(promptOf(settings)))).toEqual(sayable(settings));
  });

  it('reads a graph of other nodes, values in primitives, and a second pass', () => {
    const graph = {
      '3': node('KSampler', {
        model: ['4', 0],
        positive: ['6', 0],
        negative: ['7', 0],
        latent_image: ['20', 0],
        seed: 9,
        steps: 5,
        cfg: 1,
      }),
      '20': node('LatentUpscale', { samples: ['21', 0], width: 2048, height: 2048 }),
      '21': node('KSamplerAdvanced', {
        ...{
          model: ['4', 0],
          positive: ['30', 0],
          negative: ['30', 1],
          latent_image: ['5', 0],
          noise_seed: ['40', 0],
        },
        ...{ steps: 25, cfg: 6.5, sampler_name: 'heun', scheduler: 'karras' },
      }),
      '30': node('ControlNetApplyAdvanced', { positive: ['31', 0], negative: ['7', 0], strength: 1 }),
      '31': node('ConditioningSetArea', { conditioning: ['6', 0] }),
      '4': node('CheckpointLoaderSimple', { ckpt_name: 'sd.ckpt' }),
      '5': node('EmptySD3LatentImage', { width: ['41', 0], height: 768, batch_size: 1 }),
      '6': node('CLIPTextEncode', { text: ['42', 0], clip: ['4', 1] }),
      '7': node('CLIPTextEncode', { text: 'a dog', clip: ['4', 1] }),
      '40': node('PrimitiveInt', { value: 77 }),
      '41': node('PrimitiveInt', { value: 512 }),
      '42': node('PrimitiveString', { value: 'a cat' }),
      '50': { odd: true },
      '51': null,
    };
    expect(fromComfyPrompt(JSON.stringify(graph))).toEqual({
      ...{ prompt: 'a cat', negativePrompt: 'a dog', width: 512, height: 768, steps: 25, guidanceScale: 6.5 },
      ...{ sampler: 'heun', seed: 77, zoom: 1, xShift: 0, yShift: 0, treadGuidance: 0, adapters: [] },
      model: { name: 'sd.ckpt' },
    });
  });

  it('reads a zeroed conditioning as no text', () => {
    const graph = {
      '1': node('KSampler', { positive: ['2', 0], negative: ['3', 0], latent_image: ['9', 0] }),
      '2': node('CLIPTextEncode', { text: 'a cat' }),
      '3': node('ConditioningZeroOut', { conditioning: ['2', 0] }),
    };
    expect(fromComfyPrompt(JSON.stringify(graph))).toMatchObject({ prompt: 'a cat', negativePrompt: '' });
  });

  it('leaves out a seed beyond exact numbers', () => {
    const json = JSON.stringify(promptOf(PLAIN)).replace(String(SETTINGS.seed), '18446744073709551615');
    expect(fromComfyPrompt(json).seed).toBeUndefined();
  });

  it("reads Python's NaN, but not inside a text", () => {
    const graph = promptOf({ ...PLAIN, prompt: 'NaN' });
    const json = JSON.stringify(graph).replace('{"inputs"', '{"is_changed": [NaN], "inputs"');
    expect(fromComfyPrompt(json).prompt).toBe('NaN');
  });

  it('ends at links in a circle', () => {
    const graph = {
      '1': node('KSampler', {
        model: ['1', 0],
        positive: ['2', 0],
        negative: ['2', 1],
        latent_image: ['1', 0],
        seed: ['3', 0],
        steps: 4,
      }),
      '2': node('HDMCameraParam', { positive: ['2', 0], negative: ['2', 1], zoom: ['3', 0] }),
      '3': node('Reroute', { value: ['4', 0] }),
      '4': node('Reroute', { value: ['3', 0] }),
    };
    expect(fromComfyPrompt(JSON.stringify(graph))).toEqual({
      steps: 4,
      treadGuidance: 0,
      adapters: [],
    });
  });

  it('reads a long chain of samplers', () => {
    const link = (index: number) => [String(index), 0];
    const nodes = Array.from({ length: 2000 }, (_, i) =>
      node('KSampler', {
        positive: link(i),
        negative: link(i),
        latent_image: link((i + 1) % 2000),
        steps: 1,
      }),
    );
    expect(fromComfyPrompt(JSON.stringify({ ...nodes })).steps).toBe(1);
  });

  it.each([
    ['no JSON', '{'],
    ['no record', '[1]'],
    ['null', 'null'],
    ['an empty record', '{}'],
    ['no sampler', JSON.stringify({ '1': node('HDMLoader', {}) })],
    ['deep nesting', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`],
    ['deep lists', '['.repeat(2_000_000) + ']'.repeat(2_000_000)],
    ['too many nodes', JSON.stringify(Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [i, {}])))],
    ['too much', JSON.stringify({ a: 'x'.repeat(5_000_000) })],
    [
      'keys of objects',
      '{"__proto__": {"class_type": "KSampler", "inputs": {"positive": ["constructor", 0]}}}',
    ],
  ])('refuses %s', async (_, json) => {
    expect((await errorOf(() => fromComfyPrompt(json))).code).toBe('bad-file');
  });
});

function node(class_type: string, inputs: Record<string, unknown>) {
  return { class_type, inputs };
}
