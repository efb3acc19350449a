/**
 * @file What a staged Node runs, from its standard input and in its own folder, to show that the folder is whole:
 * each native library computes something, and nothing is loaded from anywhere else. Ends with an error otherwise.
 */
import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

/** An ONNX model: y = x + x, both float32 [2]. */
const DOUBLING =
  'CAoSCmhkbS1zdHVkaW86OgoOCgF4CgF4EgF5IgNBZGQSBmRvdWJsZVoPCgF4EgoKCAgBEgQKAggCYg8KAXkSCgoICAESBAoCCAJCAhAX' +
  'QhEKDWNvbS5taWNyb3NvZnQQAQ==';
const WORDS = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: { '[UNK]': 0, red: 1, house: 2 }, unk_token: '[UNK]' },
};

const NODE_MAJOR = 24;
assert(
  Number(process.versions.node.split('.')[0]) >= NODE_MAJOR,
  `expected Node ${NODE_MAJOR}, got ${process.version}`,
);

const HERE = pathToFileURL(`${realpathSync(process.cwd())}/`).href;
registerHooks({
  resolve(name, context, next) {
    const found = next(name, context);
    const isOurs = !found.url.startsWith('file:') || found.url.startsWith(HERE);
    assert(isOurs, `${name} was found at ${found.url}, outside of the staged folder`);
    return found;
  },
});

await runOnnxRuntime();
await runSharp();
await runTokenizer();

async function runOnnxRuntime() {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(Buffer.from(DOUBLING, 'base64'));
  const { y } = await session.run({ x: new Tensor('float32', [1, 2.5], [2]) });
  assert.deepEqual([...y.data], [2, 5], 'ONNX Runtime adds wrongly');
}

async function runSharp() {
  const { default: sharp } = await import('sharp');
  const image = { width: 2, height: 1, channels: 3 };
  const png = await sharp(Buffer.from([255, 0, 0, 0, 0, 255]), { raw: image })
    .png()
    .toBuffer();
  const pixels = await sharp(png).raw().toBuffer();
  assert.deepEqual([...pixels], [255, 0, 0, 0, 0, 255], 'sharp writes or reads a PNG wrongly');
}

async function runTokenizer() {
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  const tokenizer = new PreTrainedTokenizer(WORDS, { unk_token: '[UNK]' });
  const ids = tokenizer.encode('red house', { add_special_tokens: false });
  assert.deepEqual(ids, [1, 2], 'the tokenizer gives wrong ids');
}
