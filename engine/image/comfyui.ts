/**
 * @file Pictures of ours as ComfyUI graphs, for the nodes of KohakuBlueleaf/HDM-ext. One list of nodes gives both
 * forms that ComfyUI keeps in a picture: `prompt` (what ran) and `workflow` (what the editor shows).
 */
import { shiftFor } from '../sampling/schedules.ts';
import { SAMPLER_NAMES, SCHEDULE_NAMES, toForeignName } from './names.ts';
import type { PictureSettings } from './settings.ts';

/** Links into a node by input name, values of its widgets in the editor's order, and what comes out. */
const NODE_TYPES = {
  HDMLoader: { inputs: {}, outputs: ['MODEL', 'CLIP', 'VAE'] },
  LoraLoaderModelOnly: { inputs: { model: 'MODEL' }, outputs: ['MODEL'] },
  // The one shift node that keeps times in 0..1, as HDM expects; ModelSamplingSD3 multiplies them by 1000.
  ModelSamplingAuraFlow: { inputs: { model: 'MODEL' }, outputs: ['MODEL'] },
  CLIPTextEncode: { inputs: { clip: 'CLIP' }, outputs: ['CONDITIONING'] },
  HDMCameraParam: {
    inputs: { positive: 'CONDITIONING', negative: 'CONDITIONING' },
    outputs: ['CONDITIONING', 'CONDITIONING'],
  },
  HDMTreadGamma: {
    inputs: { positive: 'CONDITIONING', negative: 'CONDITIONING' },
    outputs: ['CONDITIONING', 'CONDITIONING'],
  },
  EmptyLatentImage: { inputs: {}, outputs: ['LATENT'] },
  KSampler: {
    inputs: { model: 'MODEL', positive: 'CONDITIONING', negative: 'CONDITIONING', latent_image: 'LATENT' },
    outputs: ['LATENT'],
  },
  VAEDecode: { inputs: { samples: 'LATENT', vae: 'VAE' }, outputs: ['IMAGE'] },
  SaveImage: { inputs: { images: 'IMAGE' }, outputs: [] },
} as const satisfies Record<string, { inputs: Readonly<Record<string, string>>; outputs: readonly string[] }>;

type NodeType = keyof typeof NODE_TYPES;
type Widgets = Readonly<Record<string, string | number>>;

/** An output of a node. */
type Source = readonly [node: number, slot: number];

interface GraphNode {
  readonly id: number;
  readonly type: NodeType;
  readonly sources: Readonly<Record<string, Source>>;
  readonly widgets: Widgets;
}

/** A widget of the editor only: what happens to the seed after a run. */
const EDITOR_WIDGET = 'control_after_generate';

/**
 * The settings as a ComfyUI graph: `prompt` in the API's form, `workflow` in the editor's. A ComfyUI graph has no
 * place for the guidance interval and the picture of image to image; these are left out.
 */
export function toComfyWorkflow(settings: PictureSettings): { prompt: object; workflow: object } {
  const nodes = buildGraph(settings);
  return { prompt: toPrompt(nodes), workflow: toWorkflow(nodes) };
}

function buildGraph(settings: PictureSettings): GraphNode[] {
  const { width, height, zoom, xShift, yShift, treadGuidance } = settings;
  const nodes: GraphNode[] = [];
  const add = (type: NodeType, sources: GraphNode['sources'], widgets: Widgets): number => {
    nodes.push({ id: nodes.length + 1, type, sources, widgets });
    return nodes.length;
  };

  const loader = add('HDMLoader', {}, { ckpt_name: checkpointFile(settings.model.name) });
  let model: Source = [loader, 0];
  for (const { file, strength } of settings.adapters) {
    model = [add('LoraLoaderModelOnly', { model }, { lora_name: file, strength_model: strength }), 0];
  }
  const shift = shiftOf(settings);
  if (shift !== 1) model = [add('ModelSamplingAuraFlow', { model }, { shift }), 0];

  const clip: Source = [loader, 1];
  let positive: Source = [add('CLIPTextEncode', { clip }, { text: settings.prompt }), 0];
  let negative: Source = [add('CLIPTextEncode', { clip }, { text: settings.negativePrompt }), 0];
  const condition = (type: NodeType, widgets: Widgets): void => {
    const node = add(type, { positive, negative }, widgets);
    [positive, negative] = [
      [node, 0],
      [node, 1],
    ];
  };
  if (zoom !== 1 || xShift !== 0 || yShift !== 0) {
    condition('HDMCameraParam', { x_shift: xShift, y_shift: yShift, zoom });
  }
  if (treadGuidance > 0) condition('HDMTreadGamma', { positive_gamma: 0, negative_gamma: treadGuidance });

  const latent_image: Source = [add('EmptyLatentImage', {}, { width, height, batch_size: 1 }), 0];
  const sampler = add('KSampler', { model, positive, negative, latent_image }, samplerWidgets(settings));
  const decoder = add('VAEDecode', { samples: [sampler, 0], vae: [loader, 2] }, {});
  add('SaveImage', { images: [decoder, 0] }, { filename_prefix: 'HDM' });
  return nodes;
}

function samplerWidgets({ seed, steps, guidanceScale, sampler, schedule }: PictureSettings): Widgets {
  return {
    seed,
    [EDITOR_WIDGET]: 'fixed',
    steps,
    cfg: guidanceScale,
    sampler_name: toForeignName(SAMPLER_NAMES, 'comfyui', sampler) ?? 'euler',
    scheduler: toForeignName(SCHEDULE_NAMES, 'comfyui', schedule.name) ?? 'simple',
    denoise: 1,
  };
}

/** ComfyUI lists checkpoints by file name. */
function checkpointFile(model: string): string {
  return /\.\w+$/.test(model) ? model : `${model}.safetensors`;
}

function shiftOf({ schedule, width, height }: PictureSettings): number {
  if (schedule.name !== 'shifted') return 1;
  const tokens = Math.floor(width / 16) * Math.floor(height / 16);
  return schedule.shift ?? shiftFor(tokens);
}

function toPrompt(nodes: readonly GraphNode[]): object {
  const entries = nodes.map(({ id, type, sources, widgets }) => {
    const links = Object.entries(sources).map(([name, [node, slot]]) => [name, [String(node), slot]]);
    const values = Object.entries(widgets).filter(([name]) => name !== EDITOR_WIDGET);
    const inputs = Object.fromEntries<unknown>([...values, ...links] as [string, unknown][]);
    return [String(id), { inputs, class_type: type }] as const;
  });
  return Object.fromEntries(entries);
}

function toWorkflow(nodes: readonly GraphNode[]): object {
  const links = nodes.flatMap(({ id, type, sources }) =>
    Object.entries<string>(NODE_TYPES[type].inputs).map(([name, kind], slot) => {
      const [sourceNode, sourceSlot] = sources[name] as Source;
      return { name, kind, sourceNode, sourceSlot, node: id, slot };
    }),
  );
  const numbered = links.map((link, index) => ({ ...link, id: index + 1 }));
  return {
    last_node_id: nodes.length,
    last_link_id: links.length,
    nodes: nodes.map(({ id, type, widgets }, order) => ({
      id,
      type,
      pos: [order * 340, 0],
      size: [300, 160],
      flags: {},
      order,
      mode: 0,
      inputs: numbered
        .filter(({ node }) => node === id)
        .map((link) => ({ name: link.name, type: link.kind, link: link.id })),
      outputs: NODE_TYPES[type].outputs.map((kind, slot) => ({
        name: kind,
        type: kind,
        links: numbered
          .filter(({ sourceNode, sourceSlot }) => sourceNode === id && sourceSlot === slot)
          .map((link) => link.id),
      })),
      properties: { 'Node name for S&R': type },
      widgets_values: Object.values(widgets),
    })),
    links: numbered.map((link) => [
      link.id,
      link.sourceNode,
      link.sourceSlot,
      link.node,
      link.slot,
      link.kind,
    ]),
    groups: [],
    config: {},
    extra: {},
    version: 0.4,
  };
}
