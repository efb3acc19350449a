/** @file Lint rules: the habits of this project that a program can check. */
import { defineConfig } from 'eslint/config';
import svelte from 'eslint-plugin-svelte';
import tseslint from 'typescript-eslint';
import { layersRule } from './build/lint/layers.mjs';

const CORE = ['engine/errors.ts', 'engine/graph', 'engine/ops'];
const NETWORKS = [...CORE, 'engine/runtime', 'engine/weights', 'engine/models', 'engine/checkpoints'];
const DRAWING = [...NETWORKS, 'engine/text', 'engine/sampling', 'engine/image'];
const PROGRAM = [...DRAWING, 'engine/pipeline', 'engine/gradient.ts', 'engine/median.ts'];

/**
 * The direction of dependence: each layer and what it may import, lowest first. An entry names layers above
 * its own line only, so folders cannot form a cycle. The exceptions are marked `type:` (`import type` only,
 * gone when the program runs).
 */
const LAYERS = {
  'engine/errors.ts': [],
  'engine/median.ts': [],
  // An op says how it is written as an ONNX node; the emitter it writes to reaches it as an argument.
  'engine/graph': ['engine/errors.ts', 'type:engine/runtime/onnx/emitter.ts'],
  'engine/ops': ['engine/errors.ts', 'engine/graph'],
  'engine/gradient.ts': CORE,
  'engine/runtime': CORE,
  // Where a weight's bytes lie is said in the words of the runtime's interface, without needing a runtime.
  'engine/weights': [...CORE, 'type:engine/runtime/runtime.ts'],
  'engine/models': [...CORE, 'engine/weights'],
  'engine/checkpoints': [...CORE, 'engine/weights', 'engine/models', 'type:engine/runtime/runtime.ts'],
  'engine/sampling': ['engine/errors.ts', 'engine/graph'],
  'engine/text': [...NETWORKS, 'engine/sampling'],
  'engine/image': ['engine/errors.ts', 'engine/graph', 'engine/sampling'],
  'engine/pipeline': DRAWING,
  'engine/training': PROGRAM,
  'engine/eval': [...PROGRAM, 'engine/training'],
  'engine/golden': [...PROGRAM, 'engine/training'],
  'engine/experiments': [...PROGRAM, 'engine/training', 'engine/eval'],
  // package.json: the version
  'engine/cli': [
    ...[...PROGRAM, 'engine/training', 'engine/eval', 'engine/experiments'],
    ...['engine/golden', 'package.json'],
  ],
  'engine/cli.ts': ['engine', 'package.json'],
  // The browser loads it: no engine comes along but schemas, of the events of a run and of a score.
  'electron/contract.ts': [
    'engine/errors.ts',
    'engine/training/run/events.ts',
    'engine/eval/summary.ts',
    'type:engine',
  ],
  electron: ['engine', 'electron/contract.ts', 'package.json'],
  renderer: ['electron/contract.ts'],
  build: ['engine', 'electron', 'renderer', 'package.json'],
  test: ['engine', 'electron', 'renderer', 'build', 'eslint.config.mjs', 'package.json'],
};

const TOP_LEVEL_FUNCTION = {
  selector:
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator:not([id.typeAnnotation])' +
    ' > :matches(ArrowFunctionExpression, FunctionExpression)',
  message: 'At the top level write `function name(...)`; a constant only where a named type asks for one.',
};
const NAMED_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: then a thing has one name everywhere. Only configurations export a default.',
};

const IMPORT_RULES = {
  '@typescript-eslint/consistent-type-imports': 'error',
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-import-type-side-effects': 'error',
};
const TYPED_RULES = {
  ...IMPORT_RULES,
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/require-await': 'off', // what implements an interface of promises may be quick
};

export default defineConfig(
  { ignores: ['node_modules/', 'out/', 'resources/'] },
  {
    plugins: { '@typescript-eslint': tseslint.plugin, studio: { rules: { layers: layersRule } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  { files: ['**/*.{ts,mjs}'], languageOptions: { parser: tseslint.parser } },
  {
    files: ['**/*.{ts,mjs,svelte}'],
    rules: {
      eqeqeq: 'error',
      'max-depth': ['error', 3],
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', TOP_LEVEL_FUNCTION, NAMED_EXPORT],
      'no-var': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
    },
  },
  {
    files: ['{engine,electron,renderer,build,test}/**/*.{ts,mjs,svelte}'],
    rules: { 'studio/layers': ['error', LAYERS] },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts'] },
        extraFileExtensions: ['.svelte'], // the same everywhere: each change of it loads every project anew
      },
    },
    rules: TYPED_RULES,
  },
  {
    // Without types: for each component the linter would check the program anew, which takes minutes for all of them,
    // and props would be `any` to it. svelte-check knows the types.
    files: ['**/*.svelte'],
    extends: [tseslint.configs.recommended],
    rules: IMPORT_RULES,
  },
  ...svelte.configs.recommended, // after the above: it brings the parser of components
  {
    files: ['**/*.svelte'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  { files: ['**/*.svelte.ts'], languageOptions: { parser: tseslint.parser } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    // Plain sets and maps are meant plainly: what the window shows is `$state`.
    rules: { 'svelte/prefer-svelte-reactivity': 'off', 'svelte/no-navigation-without-resolve': 'off' },
  },
  // Tables of words: one file per language is how a translator finds them.
  { files: ['renderer/messages/*.ts'], rules: { 'max-lines': 'off' } },
  // Helpers of one line read well as arrows where the file is a list of tests.
  { files: ['test/**/*.ts'], rules: { 'no-restricted-syntax': ['error', NAMED_EXPORT] } },
  { files: ['**/*.config.{ts,mjs}'], rules: { 'no-restricted-syntax': ['error', TOP_LEVEL_FUNCTION] } },
);
