import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isComposite, type Op } from '../../engine/graph/op.ts';
import { ELEMENTWISE_RULES } from '../../engine/ops/elementwise.ts';
import { CASES } from './cases/all.ts';
import { buildCase } from './cases/case.ts';

const FOLDER = new URL('../../engine/ops/', import.meta.url);
const OPS = await exportedOps();

describe('the cases', () => {
  it.each(OPS)('have one for %s', (name) => {
    const own = CASES.filter(({ of }) => of === name);
    expect(own.length).toBeGreaterThan(0);
    for (const example of own) {
      expect(buildCase(example).graph.nodes.map(({ op }) => op.name)).toContain(name);
    }
  });

  it('have names of their own', () => {
    const names = CASES.map(({ of, name }) => `${of} ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('use no op that is not exported, and so not listed here', () => {
    const used = new Set(CASES.flatMap((example) => buildCase(example).graph.nodes.map(({ op }) => op.name)));
    const given = ['input', 'weight', 'constant'];
    expect([...used].filter((name) => !OPS.includes(name) && !given.includes(name))).toEqual([]);
  });
});

describe('each op', () => {
  it('has a name of its own', () => {
    expect(new Set(OPS).size).toBe(OPS.length);
  });

  it('says how it is lowered, or what it is made of', async () => {
    const unknown = (await exportedObjects()).filter((op) => !op.onnx && !isComposite(op));
    expect(unknown.map(({ name }) => name)).toEqual([]);
  });
});

/** Names of all ops in engine/ops. */
async function exportedOps(): Promise<string[]> {
  const objects = await exportedObjects();
  return [...objects.map(({ name }) => name), ...Object.keys(ELEMENTWISE_RULES)];
}

async function exportedObjects(): Promise<Op[]> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(
    files.map((name) => import(new URL(name, FOLDER).href) as Promise<object>),
  );
  return modules.flatMap((module) => Object.values(module) as unknown[]).filter(isOp);
}

function isOp(value: unknown): value is Op {
  return typeof value === 'object' && value !== null && 'infer' in value;
}
