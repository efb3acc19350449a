/** @file Whether all weights of a model are there in the shapes that its configs ask for. Headers are enough. */
import type { Checkpoint, ModelPart, TextEncoderConfig } from '../../../engine/checkpoints/checkpoint.ts';
import { Graph } from '../../../engine/graph/graph.ts';
import {
  decoder,
  encoder,
  imageInput,
  latentInput,
  type AutoencoderConfig,
} from '../../../engine/models/autoencoder-kl.ts';
import { textInputs } from '../../../engine/models/causal-lm.ts';
import { gemma3 } from '../../../engine/models/gemma3.ts';
import { qwen3 } from '../../../engine/models/qwen3.ts';
import { xut, xutInputs } from '../../../engine/models/xut.ts';
import type { XutConfig } from '../../../engine/models/xut-config.ts';
import { graphWeights, type Weights } from '../../../engine/weights/weights.ts';

/** Throws `bad-model` that names the first weight that is missing or of another shape. */
export function requireWeights({ transformer, textEncoder, vae }: Checkpoint): void {
  requireTransformer(transformer);
  if (textEncoder) requireTextEncoder(textEncoder);
  if (vae) requireAutoencoder(vae);
}

function requireTransformer(part: ModelPart<XutConfig>): void {
  const { ctx_dim, double_t, class_cond, tread_config } = part.config;
  const given = {
    context: ctx_dim !== null,
    r: double_t,
    classIds: Boolean(class_cond),
    kept: tread_config !== null,
  };
  build(part, (graph, weights) => xut(part.config, weights, xutInputs(graph, part.config, given)));
}

function requireTextEncoder(part: ModelPart<TextEncoderConfig>): void {
  const { config } = part;
  build(part, (graph, weights) =>
    config.model_type === 'qwen3'
      ? qwen3(config, weights, textInputs(graph))
      : gemma3(config, weights, textInputs(graph)),
  );
}

function requireAutoencoder(part: ModelPart<AutoencoderConfig>): void {
  const { config } = part;
  build(part, (graph, weights) => {
    decoder(config, weights, latentInput(graph, config));
    // Some files have the decoder alone: they draw, but cannot begin from a picture.
    if (part.weights.has('encoder.conv_in.weight')) encoder(config, weights, imageInput(graph, config));
  });
}

/** The graph asks for each weight by name and shape; it is thrown away. */
function build(part: ModelPart<unknown>, add: (graph: Graph, weights: Weights) => unknown): void {
  const graph = new Graph();
  add(graph, graphWeights(graph, part.weights, 'f32'));
}
