import { fileURLToPath } from 'node:url';
import { Linter, type Rule } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { layersRule } = (await importPlain('build/lint/layers.mjs')) as { layersRule: Rule.RuleModule };
const LAYERS = await tableOfTheProject();

describe('the rule of layers', () => {
  it.each([
    ['engine/graph/graph.ts', `import { add } from '../ops/elementwise.ts';`],
    ['engine/graph/graph.ts', `export { add } from '../ops/elementwise.ts';`],
    ['engine/graph/graph.ts', `export * from '../ops/elementwise.ts';`],
    ['engine/graph/graph.ts', `import type { Op } from '../ops/elementwise.ts';`],
    ['engine/graph/graph.ts', `const { add } = await import('../ops/elementwise.ts');`],
    ['engine/graph/graph.ts', `type Add = import('../ops/elementwise.ts').Add;`],
    ['engine/graph/op.ts', `import { emit } from '../runtime/onnx/emitter.ts';`],
    ['engine/models/xut.ts', `import { run } from '../runtime/runtime.ts';`],
    ['engine/sampling/samplers.ts', `import { save } from '../image/save.ts';`],
    ['engine/cli.ts', `import { open } from '../electron/main.ts';`],
    ['renderer/app.ts', `import { run } from '../engine/runtime/runtime.ts';`],
    ['renderer/app.ts', `import { open } from '../electron/main.ts';`],
    ['electron/main.ts', `import { app } from '../renderer/app.ts';`],
    ['engine/image/save.ts', `import { sample } from '../../test/image/samples.ts';`],
  ])('refuses in %s: %s', (file, code) => {
    expect(complaints(file, code)).toEqual([expect.stringContaining(' may not import ')]);
  });

  it.each([
    ['engine/graph/graph.ts', `import { HdmError } from '../errors.ts';`],
    ['engine/graph/op.ts', `import type { OnnxEmitter } from '../runtime/onnx/emitter.ts';`],
    ['engine/graph/op.ts', `import { dim } from './dim.ts'; import ort from 'onnxruntime-node';`],
    ['engine/ops/reduce.ts', `import { cast } from './elementwise.ts';`],
    ['engine/weights/weights.ts', `import type { WeightSources } from '../runtime/runtime.ts';`],
    ['engine/image/names.ts', `import type { SamplerName } from '../sampling/samplers.ts';`],
    ['electron/main.ts', `import { run } from '../engine/runtime/runtime.ts';`],
    ['renderer/app.ts', `import { calls } from '../electron/contract.ts';`],
    ['test/graph/graph.test.ts', `import { Graph } from '../../engine/graph/graph.ts';`],
  ])('allows in %s: %s', (file, code) => {
    expect(complaints(file, code)).toEqual([]);
  });

  it('says what may be imported instead', () => {
    expect(complaints('engine/graph/op.ts', `import '../models/xut.ts';`)).toEqual([
      'engine/graph may not import engine/models/xut.ts; ' +
        'it may import: engine/errors.ts, types of engine/runtime/onnx/emitter.ts.',
    ]);
  });

  it('asks for a place in the table when a folder is new', () => {
    expect(complaints('engine/audio/sing.ts', 'export const a = 1;')).toEqual([
      'engine/audio/sing.ts belongs to no layer. Add its folder to the table of layers in eslint.config.mjs.',
    ]);
  });
});

describe('the table of layers', () => {
  it('names only layers above, so that no cycle of folders can form', () => {
    const layers = Object.keys(LAYERS);
    const downward = layers.flatMap((layer, row) =>
      layersNamedBy(layer)
        .filter((other) => layers.indexOf(other) > row)
        .map((other) => `${layer} -> ${other}`),
    );
    expect(downward).toEqual([]);
  });
});

/** The layers that a layer may import when the program runs. */
function layersNamedBy(layer: string): string[] {
  const entries = (LAYERS[layer] ?? []).filter((entry) => !entry.startsWith('type:'));
  return Object.keys(LAYERS).filter((other) =>
    entries.some((entry) => `${other}/`.startsWith(`${entry}/`) || entry.startsWith(`${other}/`)),
  );
}

function complaints(file: string, code: string): string[] {
  const linter = new Linter({ cwd: ROOT });
  const config: Linter.Config = {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { studio: { rules: { layers: layersRule } } },
    rules: { 'studio/layers': ['error', LAYERS] },
  };
  return linter.verify(code, [config], `${ROOT}${file}`).map(({ message }) => message);
}

async function tableOfTheProject(): Promise<Record<string, string[]>> {
  const { default: configs } = (await importPlain('eslint.config.mjs')) as { default: Linter.Config[] };
  const settings = configs.map(({ rules }) => rules?.['studio/layers'] as unknown[]).find(Boolean);
  return settings?.[1] as Record<string, string[]>;
}

/** Imports a file of plain JavaScript, which has no types of its own. */
function importPlain(path: string): Promise<unknown> {
  return import(new URL(`../../${path}`, import.meta.url).href);
}
