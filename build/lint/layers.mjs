/**
 * @file The direction of dependence as a lint rule. Its option is one table: layer -> what it may import.
 *
 * A layer is a file or a folder, named by its path from the repository's root; the longest name that fits a
 * file is the file's layer. Within a layer everything may import everything. `type:<path>` allows
 * `import type` only. A file that fits no layer is an error, so that a new folder has to be placed first.
 */
import { dirname, relative, resolve, sep } from 'node:path';

const TYPE_ONLY = 'type:';

/** @type {import('eslint').Rule.RuleModule} */
export const layersRule = {
  meta: {
    type: 'problem',
    schema: [{ type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } }],
    messages: {
      forbidden: '{{layer}} may not import {{target}}; it may import: {{allowed}}.',
      homeless: '{{file}} belongs to no layer. Add its folder to the table of layers in eslint.config.mjs.',
    },
  },

  create(context) {
    const table = context.options[0];
    const file = repositoryPath(context, context.filename);
    const layer = layerOf(table, file);
    if (layer === undefined) {
      return { Program: (node) => context.report({ node, messageId: 'homeless', data: { file } }) };
    }

    /** Reports the import of `source` (a literal) by `file` where the table does not allow it. */
    function check(source, isTypeOnly) {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return; // a package
      const target = repositoryPath(context, resolve(dirname(context.filename), source.value));
      if (layerOf(table, target) === layer || mayImport(table[layer], target, isTypeOnly)) return;
      const data = { layer, target, allowed: describe(table[layer]) };
      context.report({ node: source, messageId: 'forbidden', data });
    }

    return {
      ImportDeclaration: (node) => check(node.source, node.importKind === 'type'),
      ImportExpression: (node) => check(node.source, false),
      ExportAllDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      ExportNamedDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      TSImportType: (node) => check(node.source, true),
    };
  },
};

function repositoryPath(context, path) {
  return relative(context.cwd, path).split(sep).join('/');
}

function layerOf(table, path) {
  const fitting = Object.keys(table).filter((layer) => covers(layer, path));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

function mayImport(allowed, target, isTypeOnly) {
  return allowed.some((entry) => {
    if (!entry.startsWith(TYPE_ONLY)) return covers(entry, target);
    return isTypeOnly && covers(entry.slice(TYPE_ONLY.length), target);
  });
}

function covers(fileOrFolder, path) {
  return path === fileOrFolder || path.startsWith(`${fileOrFolder}/`);
}

function describe(allowed) {
  const words = allowed.map((entry) => entry.replace(TYPE_ONLY, 'types of '));
  return words.join(', ') || 'nothing of this project';
}
