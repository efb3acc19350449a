/** @file Golden files of the text encoders and the VAE. */
import { Graph } from '../graph/graph.ts';
import { autoencoderConfig, decoder, encoder, imageInput, latentInput } from '../models/autoencoder-kl.ts';
import { textInputs } from '../models/causal-lm.ts';
import { gemma3Config } from '../models/gemma3.ts';
import { qwen3Config } from '../models/qwen3.ts';
import { hiddenStates } from '../pipeline/text-encoder.ts';
import { graphWeights } from '../weights/weights.ts';
import { z } from 'zod';
import {
  compare,
  type Comparison,
  configOf,
  type GoldenFile,
  input,
  output,
  weightsOf,
} from './golden-file.ts';

export async function checkTextEncoder(golden: GoldenFile): Promise<Comparison[]> {
  const schema = z.discriminatedUnion('model_type', [qwen3Config, gemma3Config]);
  const config = configOf(golden, schema);
  const graph = new Graph();
  const sources = weightsOf(golden);
  const { precision } = golden;
  const weights = graphWeights(graph, sources, precision);
  graph.output('states', hiddenStates(config, weights, textInputs(graph), precision));
  const program = await golden.runtime.compile(graph, sources);
  const [ids, mask] = [input(golden, 'ids'), input(golden, 'mask')];
  const { states } = await program.run({ ids, mask });
  await program.dispose();
  // What stands at padding means nothing.
  const width = states!.shape.at(-1)!;
  const counts = (index: number): boolean => Number(mask.data[Math.floor(index / width)]) !== 0;
  return [compare(golden, 'last hidden state', states!, output(golden, 'last_hidden_state'), { counts })];
}

export async function checkAutoencoder(golden: GoldenFile): Promise<Comparison[]> {
  const config = configOf(golden, autoencoderConfig);
  const sources = weightsOf(golden);
  const decode = new Graph();
  const latent = latentInput(decode, config);
  decode.output('image', decoder(config, graphWeights(decode, sources, golden.precision), latent));
  const encode = new Graph();
  const image = imageInput(encode, config);
  const [mean, logvar] = encoder(config, graphWeights(encode, sources, golden.precision), image);
  encode.output('mean', mean);
  encode.output('logvar', logvar);
  const comparisons: Comparison[] = [];
  for (const [graph, name] of [
    [encode, 'image'],
    [decode, 'latent'],
  ] as const) {
    const program = await golden.runtime.compile(graph, sources);
    const results = await program.run({ [name]: input(golden, name) });
    await program.dispose();
    for (const [key, value] of Object.entries(results))
      comparisons.push(compare(golden, key, value, output(golden, key)));
  }
  return comparisons;
}
